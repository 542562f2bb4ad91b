import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import * as faults from './faults.ts';
import {
  checkTopicFilter,
  checkTopicName,
  filterContains,
  filtersOverlap,
  hasWildcard,
  isSharedFilter,
  levelCount,
  levelCountOfBytes,
  sharedFilter,
  topicMatchesFilter,
} from './topic.ts';

test('topic names: at least one character, no wildcard, no U+0000, 65535 bytes', () => {
  for (const topic of ['a', '/', '//', 'a b', '$SYS/x', 'sport/tennis', 'a'.repeat(65_535), '\ufeff']) {
    assert.equal(checkTopicName(topic), undefined, topic.slice(0, 20));
  }
  assert.equal(checkTopicName(''), faults.TopicEmpty); // [MQTT-4.7.3-1] [MQTT311-4.7.3-1]
  assert.equal(checkTopicName('a/+'), faults.TopicHasWildcard); // [MQTT-4.7.0-1] [MQTT311-4.7.1-1]
  assert.equal(checkTopicName('#'), faults.TopicHasWildcard);
  assert.equal(checkTopicName('a\0'), faults.TextHasNull); // [MQTT-4.7.3-2] [MQTT311-4.7.3-2]
  assert.equal(checkTopicName('\ud800'), faults.TextNotUtf8); // [MQTT-1.5.4-1] [MQTT311-1.5.3-1]
  assert.equal(checkTopicName('a'.repeat(65_536)), faults.TopicTooLong); // [MQTT-4.7.3-3] [MQTT311-4.7.3-3]
  assert.equal(checkTopicName('ü'.repeat(32_768)), faults.TopicTooLong);
  assert.equal(checkTopicName('ü'.repeat(32_767)), undefined);
});

test('topic filters: the wildcards are whole levels, # is the last', () => {
  for (const filter of ['#', '+', 'a/#', '+/+', '/+', '+/', '/#', '//', '+/tennis/#', 'sport/+/player1', '$SYS/#']) {
    assert.equal(checkTopicFilter(filter), undefined, filter);
  }
  assert.equal(checkTopicFilter(''), faults.FilterEmpty); // [MQTT-4.7.3-1] [MQTT311-4.7.3-1]
  // [MQTT-4.7.1-1] [MQTT311-4.7.1-2]
  for (const filter of ['a#', 'sport/tennis#', 'sport/tennis/#/ranking', '#/', '##', '+#', '#+']) {
    assert.equal(
      checkTopicFilter(filter),
      filter === '+#' ? faults.FilterPlusMisplaced : faults.FilterHashMisplaced,
      filter,
    );
  }
  // [MQTT-4.7.1-2] [MQTT311-4.7.1-3]
  for (const filter of ['sport+', '+sport', 'a/b+/c', '++', 'a/+b']) {
    assert.equal(checkTopicFilter(filter), faults.FilterPlusMisplaced, filter);
  }
  assert.equal(checkTopicFilter('a/\0/b'), faults.TextHasNull); // [MQTT-4.7.3-2] [MQTT311-4.7.3-2]
  assert.equal(checkTopicFilter('a/\udc00'), faults.TextNotUtf8);
  assert.equal(checkTopicFilter('a'.repeat(65_536)), faults.FilterTooLong); // [MQTT-4.7.3-3] [MQTT311-4.7.3-3]
});

test('shared subscriptions have a name without wildcards, and a filter behind it [MQTT-4.8.2-1] [MQTT-4.8.2-2]', () => {
  for (const filter of ['$share/g/a', '$share/g/#', '$share/g//', '$share/g/$SYS/#', '$share/g/+/b']) {
    assert.equal(checkTopicFilter(filter), undefined, filter);
    assert.equal(isSharedFilter(filter), true);
  }
  assert.equal(checkTopicFilter('$share/'), faults.ShareNameEmpty);
  assert.equal(checkTopicFilter('$share//a'), faults.ShareNameEmpty);
  assert.equal(checkTopicFilter('$share/g'), faults.ShareWithoutFilter);
  assert.equal(checkTopicFilter('$share/g/'), faults.ShareWithoutFilter);
  assert.equal(checkTopicFilter('$share/+/a'), faults.ShareNameInvalid);
  assert.equal(checkTopicFilter('$share/g#/a'), faults.ShareNameInvalid);
  assert.equal(checkTopicFilter('$share/#'), faults.ShareNameInvalid);
  assert.equal(checkTopicFilter('$share/g/a#'), faults.FilterHashMisplaced);
  assert.equal(checkTopicFilter('$share/g\0/a'), faults.TextHasNull);
  assert.deepEqual(sharedFilter('$share/g/a/+'), { group: 'g', filter: 'a/+' });
  // These are filters like any other.
  for (const filter of ['$share', '$shared/g/a', '$SHARE/g/a', '/$share/g/a']) {
    assert.equal(checkTopicFilter(filter), undefined, filter);
    assert.equal(sharedFilter(filter), undefined, filter);
  }
});

test('levels are counted by their separators', () => {
  for (const [topic, count] of [
    ['a', 1],
    ['/', 2],
    ['a/b', 2],
    ['a//b/', 4],
  ] as const) {
    assert.equal(levelCount(topic), count);
    assert.equal(levelCountOfBytes(Buffer.from(`/${topic}/`), 1, 1 + topic.length), count);
  }
  assert.equal(hasWildcard('a/+'), true);
  assert.equal(hasWildcard('a/#'), true);
  assert.equal(hasWildcard('a/b'), false);
});

test('the examples of the specification match as it says [MQTT-4.7.2-1] [MQTT311-4.7.2-1]', () => {
  const cases: [topic: string, filter: string, matches: boolean][] = [
    ['sport/tennis/player1', 'sport/tennis/player1/#', true],
    ['sport/tennis/player1/ranking', 'sport/tennis/player1/#', true],
    ['sport/tennis/player1/score/wimbledon', 'sport/tennis/player1/#', true],
    ['sport', 'sport/#', true],
    ['sports', 'sport/#', false],
    ['sport/tennis/player1', 'sport/tennis/+', true],
    ['sport/tennis/player1/ranking', 'sport/tennis/+', false],
    ['sport', 'sport/+', false],
    ['sport/', 'sport/+', true],
    ['/finance', '+/+', true],
    ['/finance', '/+', true],
    ['/finance', '+', false],
    ['$SYS/x', '#', false],
    ['$SYS/monitor/Clients', '+/monitor/Clients', false],
    ['$SYS/x', '$SYS/#', true],
    ['$SYS', '$SYS/#', true],
    ['$SYS/monitor/Clients', '$SYS/monitor/+', true],
    ['a/$b', '+/+', true],
    ['a', 'a', true],
    ['a', 'A', false],
    ['a', 'a/', false],
    ['a/', 'a', false],
    ['a/b', 'a', false],
    ['a', 'a/b', false],
    ['ab', 'a', false],
    ['a', 'ab', false],
    ['/', '+/+', true],
    ['/', '#', true],
    ['//', '+/+/+', true],
    ['//', '/+/', true],
    ['a/b', 'a/b/#', true],
    ['a/b', 'a/b/c/#', false],
    ['a/', 'a/#', true],
    ['a/', 'a/+/#', true],
    ['a', 'a/+/#', false],
    ['a', '+/#', true],
    // Nothing is normalized [MQTT-4.7.3-4] [MQTT311-4.7.3-4].
    ['\u00e9', 'e\u0301', false],
  ];
  for (const [topic, filter, matches] of cases) {
    assert.equal(topicMatchesFilter(topic, filter), matches, `${topic} against ${filter}`);
  }
});

/** The specification's words, level by level, without regard to speed. */
function matchesByLevels(topic: string, filter: string): boolean {
  const topicLevels = topic.split('/');
  const filterLevels = filter.split('/');
  if (topic.startsWith('$') && /^[#+]/.test(filter)) return false;
  for (const [at, level] of filterLevels.entries()) {
    if (level === '#') return true;
    const actual = topicLevels[at];
    if (actual === undefined) return false;
    if (level !== '+' && level !== actual) return false;
    if (at === topicLevels.length - 1 && filterLevels[at + 1] === '#' && filterLevels.length === at + 2) return true;
  }
  return topicLevels.length === filterLevels.length;
}

const word = fc.constantFrom('', 'a', 'b', 'ab', '$s');
const topics = fc
  .array(word, { minLength: 1, maxLength: 4 })
  .map((levels) => levels.join('/'))
  .filter((topic) => topic !== '');
const filters = fc
  .tuple(fc.array(fc.oneof(word, fc.constant('+')), { maxLength: 4 }), fc.boolean())
  .map(([levels, hash]) => [...levels, ...(hash ? ['#'] : [])].join('/'))
  .filter((filter) => filter !== '');

test('matching says what the specification says', () => {
  fc.assert(
    fc.property(topics, filters, (topic, filter) => {
      assert.equal(topicMatchesFilter(topic, filter), matchesByLevels(topic, filter));
    }),
    { numRuns: 5000 },
  );
});

/** Every topic of up to five levels out of these words; a word that no filter names stands for all the others. */
const everyTopic: string[] = [];
const words = ['', 'a', 'b', '$s', 'other'];
(function grow(prefix: string[]): void {
  const topic = prefix.join('/');
  if (topic !== '') everyTopic.push(topic);
  if (prefix.length < 5) for (const next of words) grow([...prefix, next]);
})([]);
const smallFilters = fc
  .tuple(fc.array(fc.constantFrom('', 'a', 'b', '$s', '+'), { maxLength: 3 }), fc.boolean())
  .map(([levels, hash]) => [...levels, ...(hash ? ['#'] : [])].join('/'))
  .filter((filter) => filter !== '');

test('containment and overlap of filters are exact, told by all topics', () => {
  const matched = new Map<string, Set<string>>();
  const topicsOf = (filter: string) => {
    let found = matched.get(filter);
    if (found === undefined) {
      found = new Set(everyTopic.filter((topic) => topicMatchesFilter(topic, filter)));
      matched.set(filter, found);
    }
    return found;
  };
  fc.assert(
    fc.property(smallFilters, smallFilters, (a, b) => {
      const ofA = topicsOf(a);
      const ofB = topicsOf(b);
      assert.equal(
        filterContains(a, b),
        [...ofB].every((topic) => ofA.has(topic)),
        `${a} contains ${b}`,
      );
      assert.equal(
        filtersOverlap(a, b),
        [...ofA].some((topic) => ofB.has(topic)),
        `${a} overlaps ${b}`,
      );
    }),
    { numRuns: 5000 },
  );
});

test('containment at its edges', () => {
  const cases: [outer: string, inner: string, contains: boolean][] = [
    ['#', 'a/+/#', true],
    ['#', '$SYS/#', false],
    ['+/x', '$SYS/x', false],
    ['$SYS/#', '$SYS/#', true],
    ['$SYS/#', '$SYS', true],
    ['$SYS/#', '#', false],
    ['a/#', 'a', true],
    ['a/#', 'a/#', true],
    ['a/#', 'a/+/b', true],
    ['a/+', 'a/#', false],
    ['a/+/#', 'a/#', false],
    ['+/#', '#', true],
    ['#', '+/#', true],
    ['+/+/#', '#', false],
    ['+', '+', true],
    ['+', 'a', true],
    ['a', '+', false],
    ['a/b', 'a/b/#', false],
    // The parent of `/#` would be the empty topic, which is none.
    ['/+/#', '/#', true],
    ['+/+/#', '/#', true],
    ['+', '/#', false],
  ];
  for (const [outer, inner, contains] of cases) {
    assert.equal(filterContains(outer, inner), contains, `${outer} contains ${inner}`);
  }
});

test('the work of matching grows no faster than topic and filter', (t) => {
  const lookups = (levels: number): number => {
    const look = t.mock.method(String.prototype, 'charCodeAt');
    topicMatchesFilter(`${'a/'.repeat(levels)}x`, `${'+/'.repeat(levels)}y`);
    const count = look.mock.callCount();
    look.mock.restore();
    return count;
  };
  const once = lookups(1000);
  assert.ok(once > 1000);
  assert.ok(lookups(2000) <= once * 2.1);
});
