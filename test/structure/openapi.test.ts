import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { OPENAPI_FILE, renderOpenApi } from '../../scripts/openapi.ts';

test('docs/openapi.json is what scripts/openapi.ts writes', () => {
  const isCurrent = readFileSync(OPENAPI_FILE, 'utf8') === renderOpenApi();
  assert.ok(isCurrent, 'docs/openapi.json is out of date: run node scripts/openapi.ts');
});
