import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nearestWord } from './nearest-word.ts';

const KNOWN = ['user', 'topic', 'pattern', 'readwrite'];

test('a misspelt word finds the one that was meant', () => {
  const meant: [string, string][] = [
    ['usr', 'user'],
    ['Topic', 'topic'],
    ['topci', 'topic'],
    ['patern', 'pattern'],
    ['readwite', 'readwrite'],
    ['read-write', 'readwrite'],
  ];
  for (const [word, expected] of meant) assert.equal(nearestWord(word, KNOWN), expected);
});

test('a word that is near to none finds none', () => {
  for (const word of ['', 'x', 'group', 'read', 'a'.repeat(100_000)]) assert.equal(nearestWord(word, KNOWN), undefined);
});
