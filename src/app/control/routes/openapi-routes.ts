/** The document of the API itself. */
import { z } from 'zod';
import { openApiDocument } from '../openapi.ts';
import { type AnyRoute, route } from '../route.ts';

/** The table is only whole when all files of routes are loaded: it is asked for with the first request. */
export function openApiRoutesOf(table: () => readonly AnyRoute[]): readonly AnyRoute[] {
  let document: Readonly<Record<string, unknown>> | undefined;
  return [
    route({
      method: 'GET',
      path: '/v1/openapi.json',
      operationId: 'getOpenApi',
      summary: 'This document, as OpenAPI 3.1.',
      tag: 'status',
      role: 'viewer',
      response: z.record(z.string(), z.unknown()),
      handler: () => {
        document ??= openApiDocument(table());
        return document;
      },
    }),
  ];
}
