import assert from 'node:assert/strict';
import { test } from 'node:test';
import { factsFromClaims } from './jwt-claims.ts';

const RULES = {
  usernameClaim: 'sub',
  rolesClaim: undefined,
  groupsClaim: undefined,
  attributeClaims: [],
  limitsClaim: 'https://example.org/limits',
};

test('limits are read from their claim alone, as a map of texts and numbers', () => {
  const claims = {
    sub: 'ada',
    'https://example.org/limits': { 'publish.messagesPerSecond': 10, packetSizeMax: '4KiB' },
  };
  const facts = factsFromClaims(claims, RULES);
  assert.ok(typeof facts !== 'string');
  assert.deepEqual(facts.limits, { 'publish.messagesPerSecond': '10', packetSizeMax: '4KiB' });
  const { limitsClaim: _none, ...without } = RULES;
  const plain = factsFromClaims(claims, without);
  assert.ok(typeof plain !== 'string');
  assert.equal(plain.limits, undefined);
});

test('a claim with limits that is anything else refuses the token', () => {
  const long = 'x'.repeat(2000);
  for (const limits of ['10', 10, [], {}, { a: {} }, { a: [1] }, { a: true }, { a: long }, { [long]: 1 }]) {
    const facts = factsFromClaims({ sub: 'ada', 'https://example.org/limits': limits }, RULES);
    assert.match(String(facts), /is no map of limits/, JSON.stringify(limits).slice(0, 40));
  }
});
