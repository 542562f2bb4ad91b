/** Topic names and topic filters: what they may look like, what matches what, and which filter holds which. */
import { Buffer } from 'node:buffer';
import type { Fault } from './fault.ts';
import {
  FilterEmpty,
  FilterHashMisplaced,
  FilterPlusMisplaced,
  FilterTooLong,
  ShareNameEmpty,
  ShareNameInvalid,
  ShareWithoutFilter,
  TextHasNull,
  TextNotUtf8,
  TopicEmpty,
  TopicHasWildcard,
  TopicTooLong,
} from './faults.ts';

const SLASH = 0x2f;
const PLUS = 0x2b;
const HASH = 0x23;
const DOLLAR = 0x24;
const LENGTH_MAX_BYTES = 65_535;
const SHARE_PREFIX = '$share/';

/** What is wrong with a topic name, or undefined. */
export function checkTopicName(topic: string): Fault | undefined {
  if (topic.length === 0) return TopicEmpty; // [MQTT-4.7.3-1] [MQTT311-4.7.3-1]
  for (let at = 0; at < topic.length; at++) {
    const char = topic.charCodeAt(at);
    if (char === HASH || char === PLUS) return TopicHasWildcard; // [MQTT-4.7.0-1] [MQTT311-4.7.1-1]
    if (char === 0) return TextHasNull; // [MQTT-4.7.3-2] [MQTT311-4.7.3-2]
  }
  if (!topic.isWellFormed()) return TextNotUtf8; // [MQTT-1.5.4-1] [MQTT311-1.5.3-1]
  return tooLong(topic) ? TopicTooLong : undefined; // [MQTT-4.7.3-3] [MQTT311-4.7.3-3]
}

/** What is wrong with a topic filter, `$share/` and its group included, or undefined. */
export function checkTopicFilter(filter: string): Fault | undefined {
  if (filter.length === 0) return FilterEmpty; // [MQTT-4.7.3-1] [MQTT311-4.7.3-1]
  let start = 0;
  // DEVIATION: 3.1.1 knows no shared subscriptions, and there `$share/...` would be a filter like any other; but brokers
  // give it its 5.0 meaning in every version, so it is judged, and authorized, by that.
  if (filter.startsWith(SHARE_PREFIX)) {
    const nameEnd = filter.indexOf('/', SHARE_PREFIX.length);
    if (nameEnd === SHARE_PREFIX.length || filter.length === SHARE_PREFIX.length) return ShareNameEmpty; // [MQTT-4.8.2-1]
    const name = nameEnd === -1 ? filter.slice(SHARE_PREFIX.length) : filter.slice(SHARE_PREFIX.length, nameEnd);
    if (name.includes('#') || name.includes('+')) return ShareNameInvalid; // [MQTT-4.8.2-2]
    if (nameEnd === -1 || nameEnd + 1 === filter.length) return ShareWithoutFilter; // [MQTT-4.8.2-2]
    start = nameEnd + 1;
  }
  for (let at = start; at < filter.length; at++) {
    const char = filter.charCodeAt(at);
    if (char === 0) return TextHasNull; // [MQTT-4.7.3-2] [MQTT311-4.7.3-2]
    if (char !== HASH && char !== PLUS) continue;
    const beginsLevel = at === start || filter.charCodeAt(at - 1) === SLASH;
    if (char === HASH) {
      if (!beginsLevel || at + 1 < filter.length) return FilterHashMisplaced; // [MQTT-4.7.1-1] [MQTT311-4.7.1-2]
    } else if (!beginsLevel || (at + 1 < filter.length && filter.charCodeAt(at + 1) !== SLASH)) {
      return FilterPlusMisplaced; // [MQTT-4.7.1-2] [MQTT311-4.7.1-3]
    }
  }
  if (filter.slice(0, start).includes('\0')) return TextHasNull;
  if (!filter.isWellFormed()) return TextNotUtf8; // [MQTT-1.5.4-1] [MQTT311-1.5.3-1]
  return tooLong(filter) ? FilterTooLong : undefined; // [MQTT-4.7.3-3] [MQTT311-4.7.3-3]
}

/** A UTF-16 unit takes three bytes at most, so short strings need no count. */
function tooLong(text: string): boolean {
  return text.length * 3 > LENGTH_MAX_BYTES && Buffer.byteLength(text) > LENGTH_MAX_BYTES;
}

export interface SharedFilter {
  /** The ShareName. */
  group: string;
  /** The filter behind it, which is what is matched and authorized. */
  filter: string;
}

/** The parts of a shared subscription that `checkTopicFilter` has passed; undefined when the filter is not shared. */
export function sharedFilter(filter: string): SharedFilter | undefined {
  if (!filter.startsWith(SHARE_PREFIX)) return undefined;
  const nameEnd = filter.indexOf('/', SHARE_PREFIX.length);
  if (nameEnd === -1) return undefined;
  return { group: filter.slice(SHARE_PREFIX.length, nameEnd), filter: filter.slice(nameEnd + 1) };
}

export function isSharedFilter(filter: string): boolean {
  return filter.startsWith(SHARE_PREFIX);
}

/** A filter that takes in everything, at whatever depth: `#`, `+/#`, `$SYS/#` and the like, shared or not. */
export function isBroadFilter(filter: string): boolean {
  const bare = sharedFilter(filter)?.filter ?? filter;
  return /^(?:\$SYS\/)?(?:\+\/)*#$/.test(bare);
}

export function hasWildcard(filter: string): boolean {
  return filter.includes('#') || filter.includes('+');
}

/** How many levels a topic or filter has: one more than its slashes. */
export function levelCount(topic: string): number {
  let count = 1;
  for (let at = topic.indexOf('/'); at !== -1; at = topic.indexOf('/', at + 1)) count++;
  return count;
}

/** As `levelCount`, over the bytes of a topic. */
export function levelCountOfBytes(bytes: Uint8Array, start: number, end: number): number {
  let count = 1;
  for (let at = start; at < end; at++) if (bytes[at] === SLASH) count++;
  return count;
}

/**
 * Whether a topic name matches a filter (without `$share/`). Both are legal. Compared character by character, nothing is
 * normalized [MQTT-4.7.3-4] [MQTT311-4.7.3-4].
 */
export function topicMatchesFilter(topic: string, filter: string): boolean {
  const topicEnd = topic.length;
  const filterEnd = filter.length;
  let t = 0;
  let f = 0;
  // A wildcard in the first level does not match a topic that begins with $ [MQTT-4.7.2-1] [MQTT311-4.7.2-1].
  if (topic.charCodeAt(0) === DOLLAR) {
    const first = filter.charCodeAt(0);
    if (first === HASH || first === PLUS) return false;
  }
  for (;;) {
    // Both stand at the beginning of a level.
    const char = filter.charCodeAt(f);
    if (char === HASH) return true;
    if (char === PLUS) {
      f++;
      while (t < topicEnd && topic.charCodeAt(t) !== SLASH) t++;
    } else {
      while (t < topicEnd && f < filterEnd) {
        const wanted = filter.charCodeAt(f);
        if (wanted === SLASH || wanted !== topic.charCodeAt(t)) break;
        t++;
        f++;
      }
      if (t < topicEnd && topic.charCodeAt(t) !== SLASH) return false;
      if (f < filterEnd && filter.charCodeAt(f) !== SLASH) return false;
    }
    // `a/#` matches its parent `a` too.
    if (t === topicEnd) return f === filterEnd || (f + 2 === filterEnd && filter.charCodeAt(f + 1) === HASH);
    if (f === filterEnd) return false;
    t++;
    f++;
  }
}

/** The parent that `/#` would match besides is the empty topic, which is none: so it says no more than `/+/#`. */
function levelsOf(filter: string): string[] {
  return filter === '/#' ? ['', '+', '#'] : filter.split('/');
}

/**
 * Whether every topic that `inner` matches is matched by `outer`: exact, for two legal filters without `$share/`.
 * Grants are proven with it, so a wrong yes would be a hole.
 */
export function filterContains(outer: string, inner: string): boolean {
  const outerLevels = levelsOf(outer);
  const innerLevels = levelsOf(inner);
  // A first-level wildcard reaches no topic that begins with $ [MQTT-4.7.2-1] [MQTT311-4.7.2-1].
  const outerFirst = outerLevels[0]!;
  if ((outerFirst === '#' || outerFirst === '+') && innerLevels[0]!.startsWith('$')) return false;
  // `#` alone matches one level or more, and so does `+/#`.
  if (inner === '#') return outer === '#' || outer === '+/#';
  for (let level = 0; ; level++) {
    const o = outerLevels[level];
    const i = innerLevels[level];
    if (o === '#') return true; // also when `inner` ends here: `a/#` holds `a`
    if (i === undefined) return o === undefined;
    if (o === undefined || i === '#') return false;
    if (o !== '+' && o !== i) return false;
  }
}

/** Whether some topic matches both filters: exact, for two legal filters without `$share/`. */
export function filtersOverlap(a: string, b: string): boolean {
  const aLevels = levelsOf(a);
  const bLevels = levelsOf(b);
  const aFirst = aLevels[0]!;
  const bFirst = bLevels[0]!;
  // [MQTT-4.7.2-1] [MQTT311-4.7.2-1]
  if ((aFirst === '#' || aFirst === '+') && bFirst.startsWith('$')) return false;
  if ((bFirst === '#' || bFirst === '+') && aFirst.startsWith('$')) return false;
  for (let level = 0; ; level++) {
    const x = aLevels[level];
    const y = bLevels[level];
    if (x === '#' || y === '#') return true;
    if (x === undefined || y === undefined) return x === y;
    if (x !== '+' && y !== '+' && x !== y) return false;
  }
}
