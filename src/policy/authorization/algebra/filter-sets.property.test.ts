/** The algebra against every topic up to three levels of a small alphabet, and a fourth letter for all that nobody names. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { topicMatchesFilter } from '../../../mqtt/topic.ts';
import { difference } from './difference.ts';
import { FilterIndex } from './filter-index.ts';
import { contains, intersection, minimal, witness } from './filter-sets.ts';

const WORDS = ['', 'a', 'b', '$c', 'other'];
const TOPICS: readonly string[] = WORDS.flatMap((x) => [
  x,
  ...WORDS.flatMap((y) => [
    `${x}/${y}`,
    ...WORDS.flatMap((z) => [`${x}/${y}/${z}`, ...WORDS.map((w) => `${x}/${y}/${z}/${w}`)]),
  ]),
]).filter((topic) => topic !== '');

const filter = fc
  .tuple(fc.array(fc.constantFrom('', 'a', 'b', '$c', '+'), { maxLength: 3 }), fc.boolean())
  .map(([levels, isOpen]) => [...levels, ...(isOpen ? ['#'] : [])].join('/'))
  .filter((text) => text !== '');
const filters = fc.array(filter, { maxLength: 4 });

const known = new Map<string, ReadonlySet<string>>();
function setOf(of: string): ReadonlySet<string> {
  let found = known.get(of);
  if (found === undefined) {
    found = new Set(TOPICS.filter((topic) => topicMatchesFilter(topic, of)));
    known.set(of, found);
  }
  return found;
}

const isIn = (topic: string, of: readonly string[]): boolean => of.some((each) => setOf(each).has(topic));
const topicsOf = (...of: string[]): string[] => TOPICS.filter((topic) => isIn(topic, of));

const RUNS = { numRuns: Number(process.env['COUNT'] ?? 500) };

test('an intersection has the topics of both', () => {
  fc.assert(
    fc.property(filter, filter, (a, b) => {
      const both = intersection(a, b);
      const expected = topicsOf(a).filter((topic) => isIn(topic, [b]));
      assert.deepEqual(both === undefined ? [] : topicsOf(both), expected);
      const index = new FilterIndex<string>();
      index.add(a, a);
      assert.equal(index.overlapping(b).length, expected.length > 0 ? 1 : 0);
    }),
    RUNS,
  );
});

test('a witness is there exactly where something is left, and is one', () => {
  fc.assert(
    fc.property(filter, filters, (of, except) => {
      const found = witness(of, except);
      const left = topicsOf(of).filter((topic) => !isIn(topic, except));
      assert.equal(found !== undefined, left.length > 0, `${of} without ${except}`);
      if (found === undefined) return;
      assert.ok(topicMatchesFilter(found, of));
      assert.ok(!except.some((each) => topicMatchesFilter(found, each)));
    }),
    RUNS,
  );
});

test('differences and smallest forms have the topics they should', () => {
  fc.assert(
    fc.property(filters, filters, (a, b) => {
      const left = topicsOf(...a).filter((topic) => !isIn(topic, b));
      const told = difference(a, b);
      const has = (topic: string): boolean =>
        told.some((each) => isIn(topic, [each.filter]) && !isIn(topic, each.except));
      assert.deepEqual(TOPICS.filter(has), left);
      assert.deepEqual(topicsOf(...minimal(a)), topicsOf(...a));
    }),
    RUNS,
  );
});

test('placeholders are levels that may be anything, the same each time', () => {
  assert.equal(contains('d/+/x', 'd/${username}/x'), true);
  assert.equal(contains('d/${username}/#', 'd/${username}/x'), true);
  assert.equal(contains('d/${username}/#', 'd/a/x'), false);
  assert.equal(contains('d/a', 'd/${username}'), false);
  const index = new FilterIndex<string>();
  for (const each of ['d/${username}', 'd/${username}/x']) index.add(each, each);
  assert.deepEqual(index.overlapping('d/a'), ['d/${username}']);
  assert.deepEqual(index.overlapping('d/#'), ['d/${username}', 'd/${username}/x']);
  assert.deepEqual(index.overlapping('d/+/y'), []);
  assert.equal(intersection('d/${username}/#', 'd/+/x'), 'd/${username}/x');
  assert.equal(witness('d/+', ['d/${username}']), 'd/x');
  assert.deepEqual(difference(['d/#'], ['d/${username}/#', 'e', 'd/${username}']), [
    { filter: 'd/#', except: ['d/${username}/#'] },
  ]);
});
