import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { TwoEndedSet } from './two-ended-set.ts';

test('its ends are those of a list from which the same were taken', () => {
  const step = fc.oneof(
    { weight: 3, arbitrary: fc.constant('add' as const) },
    { weight: 2, arbitrary: fc.nat() },
    fc.constantFrom('oldest' as const, 'newest' as const),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
      const set = new TwoEndedSet<number>();
      const list: number[] = [];
      for (const [i, each] of steps.entries()) {
        if (each === 'add') {
          set.add(i);
          list.push(i);
        } else if (list.length > 0) {
          const at = each === 'oldest' ? 0 : each === 'newest' ? list.length - 1 : each % list.length;
          const [item] = list.splice(at, 1);
          assert.equal(set.delete(item!), true);
          assert.equal(set.delete(item!), false);
        }
        assert.deepEqual([set.size, set.oldest, set.newest], [list.length, list[0], list.at(-1)]);
      }
    }),
  );
});
