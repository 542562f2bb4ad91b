import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { allChecks } from '../registry.ts';
import { CONTRADICTION } from '../run/contradictions.ts';

// `describeChecks` demands a fixture that passes, one that fails, one to which the check does not apply and one that cannot be told, of
// every check of the family that it is given, or a sentence why there can be none. What it cannot see is a family that nobody gives it.
test('every check that is registered stands in the fixtures of its family', () => {
  const here = fileURLToPath(new URL('.', import.meta.url));
  const texts = globSync('*/*.test.ts', { cwd: here }).map((file) => readFileSync(`${here}${file}`, 'utf8'));
  const described = texts.filter((text) => text.includes('describeChecks')).join('\n');
  const missing = allChecks()
    .map(({ id }) => id)
    // Made of other results: the runner's tests hold it.
    .filter((id) => id !== CONTRADICTION.id && !new RegExp(`^ {4}${id}: `, 'm').test(described));
  assert.deepEqual(missing, []);
  assert.ok(allChecks().length > 150);
});
