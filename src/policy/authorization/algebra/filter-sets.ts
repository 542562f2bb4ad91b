/**
 * Sets of topics as unions of filters: what lies in both, what is left, and which topic shows it. Placeholders are unknown levels:
 * what is said of them holds whatever they stand for. All of it is exact.
 */
import { filterContains, filtersOverlap, topicMatchesFilter } from '../../../mqtt/topic.ts';
import { spellOut } from '../filter-spelling.ts';
import { hasPlaceholder, PATTERN_LEVELS_MAX } from '../topic-pattern.ts';

/** Stands in for a level that nobody names; no topic of ours has it, since control characters are refused in filters. */
const FRESH = '\u0001';

/** A placeholder's own fresh value: the same text is the same value, and none is a level that somebody names. */
function closed(pattern: string): string {
  if (!hasPlaceholder(pattern)) return pattern;
  return pattern
    .split('/')
    .map((level) => (hasPlaceholder(level) ? `\u0002${level}` : level))
    .join('/');
}

function opened(pattern: string): string {
  return pattern.replaceAll('\u0002', '');
}

/** Whether, whatever the placeholders stand for, every topic of `inner` is one of `outer`. */
export function contains(outer: string, inner: string): boolean {
  return filterContains(closed(outer), closed(inner));
}

/** The topics of both as one filter; undefined where there are none. A placeholder and another level have none in common. */
export function intersection(a: string, b: string): string | undefined {
  if (!filtersOverlap(closed(a), closed(b))) return undefined;
  const [left, right] = [spellOut(closed(a)).split('/'), spellOut(closed(b)).split('/')];
  const levels: string[] = [];
  for (let index = 0; ; index++) {
    const [x, y] = [left[index], right[index]];
    // What one leaves open, the other says; `a/#` holds `a` itself, where the other ends.
    const isLast = x === '#' || y === '#' || x === undefined || y === undefined;
    if (!isLast) levels.push(x === '+' ? y : x);
    else return opened([...levels, ...(x === '#' ? right : left).slice(index)].join('/'));
  }
}

/** A topic of the filter that none of the others has; undefined where they cover it all. */
export function witness(filter: string, except: readonly string[]): string | undefined {
  const wanted = spellOut(closed(filter)).split('/');
  const isOpen = wanted.at(-1) === '#';
  if (isOpen) wanted.pop();
  // A level that nobody names is matched by the fewest: if some topic is left, such a one is.
  const levels = wanted.map((level) => (level === '+' ? FRESH : level));
  const others = except.map(closed);
  const deepest = Math.max(levels.length, ...others.map((other) => other.split('/').length + 1));
  for (let depth = levels.length; depth <= (isOpen ? Math.min(deepest, PATTERN_LEVELS_MAX) : levels.length); depth++) {
    const topic = [...levels, ...new Array<string>(depth - levels.length).fill(FRESH)].join('/');
    if (!others.some((other) => topicMatchesFilter(topic, other))) return shown(topic, except);
  }
  return undefined;
}

/** With a level that is fit to be printed in place of the fresh ones. */
function shown(topic: string, except: readonly string[]): string {
  const named = new Set([...opened(topic).split('/'), ...except.flatMap((other) => other.split('/'))]);
  let word = 'x';
  for (let number = 1; named.has(word); number++) word = `x${number}`;
  return opened(topic).replaceAll(FRESH, word);
}

/** The same topics in the fewest of these filters, in their order. */
export function minimal(filters: readonly string[]): string[] {
  const kept = [...new Set(filters)];
  for (let index = kept.length - 1; index >= 0; index--) {
    const others = kept.filter((_, at) => at !== index);
    if (witness(kept[index]!, others) === undefined) kept.splice(index, 1);
  }
  return kept;
}
