import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readWillAuthor } from './will-author.ts';

const AUTHOR = {
  subject: { username: 'ann', clientId: 'c', address: '192.0.2.7' },
  proof: { method: 'users', credential: 'mark', expiresAtMs: 7 },
};

test('what is one is read as it was written', () => {
  assert.deepEqual(readWillAuthor(JSON.stringify(AUTHOR)), { ...AUTHOR, certificate: undefined });
});

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
    // As it was before the proof was kept.
    JSON.stringify({ subject: AUTHOR.subject }),
    JSON.stringify({ ...AUTHOR, proof: { method: 'users' } }),
    JSON.stringify({ ...AUTHOR, proof: { ...AUTHOR.proof, expiresAtMs: 'never' } }),
    JSON.stringify({ ...AUTHOR, certificate: null }),
    JSON.stringify({ ...AUTHOR, certificate: { fingerprint: 'ab', notAfterMs: 1 } }),
  ]) {
    assert.equal(readWillAuthor(text), undefined, String(text));
  }
});
