/** Writes docs/openapi.json, the document of the control API, from the table of its routes: `node scripts/openapi.ts`. */
import { writeFileSync } from 'node:fs';
import { openApiDocument } from '../src/app/control/openapi.ts';
import { ROUTES } from '../src/app/control/route-table.ts';

export const OPENAPI_FILE = new URL('../docs/openapi.json', import.meta.url);

export function renderOpenApi(): string {
  return `${JSON.stringify(openApiDocument(ROUTES), null, 2)}\n`;
}

if (import.meta.main) writeFileSync(OPENAPI_FILE, renderOpenApi());
