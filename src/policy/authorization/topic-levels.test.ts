import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TopicLevels } from './topic-levels.ts';

function levelsOf(levels: TopicLevels, text: string): string[] {
  levels.start(text);
  const all: string[] = [];
  for (let depth = 0; ; depth++) {
    const level = levels.at(depth);
    if (level === undefined) return all;
    all.push(level);
  }
}

test('levels are what a split at each slash gives, whatever was cut before', () => {
  const levels = new TopicLevels();
  for (const text of ['a/b/c/d', 'a', '', '/', '//', '/a', 'a/', '+/b/#', 'ä/日本/c', 'a/b']) {
    assert.deepEqual(levelsOf(levels, text), text.split('/'), JSON.stringify(text));
  }
});

test('levels are given in any order, and again', () => {
  const levels = new TopicLevels();
  levels.start('a/b/c');
  assert.deepEqual(
    [levels.at(2), levels.at(0), levels.at(3), levels.at(1), levels.at(2)],
    ['c', 'a', undefined, 'b', 'c'],
  );
  levels.start('x');
  assert.deepEqual([levels.at(1), levels.at(0)], [undefined, 'x']);
});
