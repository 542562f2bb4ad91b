import assert from 'node:assert/strict';
import { test } from 'node:test';
import { tooDeepIn } from './yaml-nesting.ts';

test('nesting is counted over all forms, and the first value beyond is where it is told', () => {
  const text = 'a:\n  - b:\n      c: [1, {d: 2}]\n';
  assert.equal(tooDeepIn(text, 6), undefined);
  assert.deepEqual(tooDeepIn(text, 5), { line: 3, column: 18 });
  assert.deepEqual(tooDeepIn(text, 4), { line: 3, column: 14 });
  assert.deepEqual(tooDeepIn(text, 3), { line: 3, column: 10 });
});

test('what stands side by side does not nest, and documents are counted each for itself', () => {
  const rows = Array.from({ length: 1000 }, (_, row) => `- { k${row}: [a, b] }\n`).join('');
  assert.equal(tooDeepIn(`${rows}---\n${rows}`, 3), undefined);
});

test('a hundred thousand levels of any form are told and no trouble', () => {
  const levels = 100_000;
  const forms: [text: string, line: number, column: number][] = [
    ['['.repeat(levels), 1, 12],
    [`${'['.repeat(levels)}${']'.repeat(levels)}`, 1, 12],
    ['{"a":'.repeat(levels), 1, 56],
    ['- '.repeat(levels), 1, 23],
    ['? '.repeat(levels), 1, 23],
    [Array.from({ length: 500 }, (_, level) => `${' '.repeat(level)}a:`).join('\r\n'), 12, 12],
  ];
  for (const [text, line, column] of forms) assert.deepEqual(tooDeepIn(text, 10), { line, column }, text.slice(0, 20));
});
