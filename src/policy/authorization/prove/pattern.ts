/** A topic filter with placeholders, as the literals that say a topic is one of its. */
import { type Term, termOf } from '../algebra/term.ts';
import { spellOut } from '../filter-spelling.ts';
import { hasPlaceholder } from '../topic-pattern.ts';
import { type Literal, yes } from './atom.ts';

export interface Pattern {
  readonly text: string;
  /** Without a `#` at the end; undefined is a `+`. */
  readonly levels: readonly (Term | undefined)[];
  readonly isOpen: boolean;
  /** What makes the placeholders fit to be filled in. */
  readonly fits: readonly Literal[];
  /** Together they say that a topic matches, once the placeholders are filled in and its first level may be a wildcard's. */
  readonly matches: readonly Literal[];
}

export function patternOf(text: string): Pattern {
  const words = spellOut(text).split('/');
  const isOpen = words.at(-1) === '#';
  if (isOpen) words.pop();
  const levels = words.map((word) => (word === '+' ? undefined : termOf(word)));
  const named = levels.flatMap((term, index) => (term === undefined ? [] : [yes({ kind: 'level', index, term })]));
  const length = yes({ kind: 'length', min: levels.length, max: isOpen ? Number.POSITIVE_INFINITY : levels.length });
  return { text, levels, isOpen, fits: hasPlaceholder(text) ? fitsOf(levels) : [], matches: [length, ...named] };
}

function fitsOf(levels: Pattern['levels']): Literal[] {
  const variables = new Set(
    levels.flatMap((term) => (term ?? []).flatMap((part) => ('variable' in part ? [part.variable] : []))),
  );
  const fits = [...variables].map((variable) => yes({ kind: 'fit', variable }));
  const first = levels[0]?.[0];
  if (first === undefined || !('variable' in first)) return fits;
  return [...fits, yes({ kind: 'plain', variable: first.variable })];
}

export function startsWithWildcard({ levels }: Pattern): boolean {
  return levels[0] === undefined;
}

/** The first level is one that no wildcard matches; a placeholder that begins a filter never is [MQTT-4.7.2-1] [MQTT311-4.7.2-1]. */
function startsWithDollar({ levels }: Pattern): boolean {
  const first = levels[0]?.[0];
  return first !== undefined && 'text' in first && first.text.startsWith('$');
}

/** Whether two can have a topic in common as far as the first level tells. */
export function canMeet(a: Pattern, b: Pattern): boolean {
  return !(startsWithWildcard(a) && startsWithDollar(b)) && !(startsWithWildcard(b) && startsWithDollar(a));
}

/**
 * The filter itself as the text that is asked about, its `+` a level like another, which nothing but a `+` matches.
 */
export function asFilter(pattern: Pattern): Literal[] {
  const { levels } = pattern;
  const length = yes({ kind: 'length', min: levels.length, max: levels.length });
  const words = levels.map((term, index) => yes({ kind: 'level', index, term: term ?? [{ text: '+' }] }));
  return [length, ...words];
}

/** What has to be equal for two filters to share a topic; undefined where their lengths forbid it. */
export function overlapOf(asked: Pattern, other: Pattern): Literal[] | undefined {
  const [a, b] = [asked.levels.length, other.levels.length];
  if ((a < b && !asked.isOpen) || (b < a && !other.isOpen) || !canMeet(asked, other)) return undefined;
  return asked.levels.flatMap((term, index) => {
    const same = other.levels[index];
    return term === undefined || same === undefined ? [] : [yes({ kind: 'level', index, term: same })];
  });
}
