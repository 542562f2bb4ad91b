import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { matchesWildcard } from './wildcard.ts';

test('a star stands for any characters, and every other one for itself', () => {
  const table: [pattern: string, text: string, fits: boolean][] = [
    ['', '', true],
    ['', 'a', false],
    ['*', '', true],
    ['*', 'anything', true],
    ['a*', 'a', true],
    ['a*c', 'abbc', true],
    ['a*c', 'abcd', false],
    ['*a*a*', 'banana', true],
    ['a.c', 'abc', false],
    ['line-*', 'line-7', true],
    ['line-*', 'Line-7', false],
    ['**', 'x', true],
  ];
  for (const [pattern, text, fits] of table) assert.equal(matchesWildcard(pattern, text), fits, `${pattern} ${text}`);
});

test('it agrees with a regular expression on short texts', () => {
  const word = fc.string({ unit: fc.constantFrom('a', 'b', '*'), maxLength: 6 });
  fc.assert(
    fc.property(word, fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 8 }), (pattern, text) => {
      const expected = new RegExp(`^${pattern.replaceAll('*', '.*')}$`).test(text);
      assert.equal(matchesWildcard(pattern, text), expected);
    }),
  );
});

test('many stars do not make it look again and again', () => {
  // With backtracking this takes longer than the universe has been there.
  assert.equal(matchesWildcard(`${'a*'.repeat(60)}b`, 'a'.repeat(2000)), false);
});
