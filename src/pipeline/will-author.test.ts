import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readWillAuthor } from './will-author.ts';

test('what is no author of ours is none', () => {
  for (const text of [
    undefined,
    '',
    'x',
    '{}',
    'null',
    '{"subject":null}',
    '{"subject":{"clientId":"c"}}',
    '[1]',
    '"s"',
  ]) {
    assert.equal(readWillAuthor(text), undefined, String(text));
  }
});
