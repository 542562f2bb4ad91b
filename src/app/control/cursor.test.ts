import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { cursorOf, encodeCursor, pageOf } from './cursor.ts';
import { ControlProblem } from './problem-details.ts';

test('pages hold every item once, in order, whatever their size', () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.string({ unit: 'binary' })), fc.integer({ min: 1, max: 7 }), (all, limit) => {
      const seen: string[] = [];
      let cursor: string | undefined;
      do {
        const page = pageOf(all, { limit, cursor }, (item) => item);
        assert.ok(page.items.length <= limit);
        seen.push(...page.items);
        cursor = page.next ?? undefined;
      } while (cursor !== undefined);
      assert.deepEqual(
        seen,
        all.toSorted((a, b) => (a < b ? -1 : 1)),
      );
    }),
  );
});

test('a page begins behind an item that has gone meanwhile', () => {
  const { next } = pageOf(['a', 'b', 'c'], { limit: 2 }, (item) => item);
  assert.deepEqual(
    pageOf(['a', 'c'], { limit: 2, cursor: next! }, (item) => item),
    { items: ['c'], next: null },
  );
});

test('what is no cursor is refused, and never guessed at', () => {
  assert.equal(cursorOf({ cursor: encodeCursor('ä b') }), 'ä b');
  for (const cursor of ['%', 'YQ==', 'a', '/w', 'x'.repeat(3)]) {
    assert.throws(
      () => cursorOf({ cursor }),
      (error) =>
        error instanceof ControlProblem && error.kind === 'invalid-request' && error.errors?.[0]?.at === 'cursor',
      cursor,
    );
  }
});
