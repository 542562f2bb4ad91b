/** Texts that match some names with `*` and not others, the shortest first: the conjunction decided as one automaton. */
import type { Term } from './term.ts';

/** A shape of text: characters, `any` for one of any kind, `rest` for any number of them. */
export type Shape = readonly (string | typeof ANY | typeof REST)[];
const ANY = Symbol('any');
const REST = Symbol('rest');

export function shapeOfWildcard(pattern: string): Shape {
  return [...pattern].map((char) => (char === '*' ? REST : char));
}

/** Each unknown is at least one character. */
export function shapeOfTerm(term: Term): Shape {
  return term.flatMap((part): Shape[number][] => ('text' in part ? [...part.text] : [ANY, REST]));
}

/** Whether a text has one of the shapes, or has none of them. */
export interface ShapeDemand {
  readonly shapes: readonly Shape[];
  readonly holds: boolean;
}

const STATES_MAX = 20_000;

/** Thrown where so many shapes meet that the automaton would be too large. */
export class ShapesTooMany extends Error {}

interface State {
  /** By demand and shape, the places in the shape that are reached. */
  readonly places: readonly (readonly number[])[];
  readonly next: Map<string, State>;
  isAccepted: boolean;
  isLive: boolean;
}

/**
 * Texts without the characters in `forbidden` that meet all demands, by length, up to `wordsMax` of them. If there are fewer, they
 * are all there are.
 */
export function wordsOf(demands: readonly ShapeDemand[], forbidden: string, wordsMax: number): string[] {
  const automaton = new Automaton(demands, forbidden);
  const words: string[] = [];
  let frontier: { readonly text: string; readonly state: State }[] = [{ text: '', state: automaton.start }];
  while (frontier.length > 0 && words.length < wordsMax) {
    const longer: typeof frontier = [];
    for (const { text, state } of frontier) {
      if (state.isAccepted && text !== '') words.push(text);
      if (words.length >= wordsMax) break;
      for (const [char, next] of state.next) {
        // Each of them leads to a word, so no more are needed than words are wanted.
        if (next.isLive && longer.length < wordsMax * 2) longer.push({ text: text + char, state: next });
      }
    }
    frontier = longer;
  }
  return words;
}

class Automaton {
  readonly start: State;
  readonly #demands: readonly ShapeDemand[];
  readonly #shapes: readonly Shape[];
  readonly #states = new Map<string, State>();

  constructor(demands: readonly ShapeDemand[], forbidden: string) {
    this.#demands = demands;
    this.#shapes = demands.flatMap(({ shapes }) => shapes);
    const named = new Set(this.#shapes.flatMap((shape) => shape.filter((sign) => typeof sign === 'string')));
    const fresh = ['x', 'y', 'z', '0', '1', '~', '\u00e9', '\u4e2d'].find((char) => !named.has(char)) ?? '\u{1f5dd}';
    const alphabet = [fresh, ...named].filter((char) => !forbidden.includes(char));
    this.start = this.#stateOf(this.#shapes.map((shape) => close(shape, [0])));
    const before = new Map<State, State[]>();
    // A map that grows while it is walked is walked to its end.
    for (const state of this.#states.values()) {
      for (const char of alphabet) {
        const next = this.#stateOf(state.places.map((places, index) => step(this.#shapes[index]!, places, char)));
        state.next.set(char, next);
        before.set(next, [...(before.get(next) ?? []), state]);
      }
    }
    const live = [...this.#states.values()].filter(({ isAccepted }) => isAccepted);
    for (const state of live) {
      if (state.isLive) continue;
      state.isLive = true;
      live.push(...(before.get(state) ?? []));
    }
  }

  #stateOf(places: readonly (readonly number[])[]): State {
    const key = places.map((of) => of.join(',')).join(';');
    const known = this.#states.get(key);
    if (known !== undefined) return known;
    if (this.#states.size >= STATES_MAX) throw new ShapesTooMany();
    const state = { places, next: new Map(), isAccepted: this.#accepts(places), isLive: false };
    this.#states.set(key, state);
    return state;
  }

  #accepts(places: readonly (readonly number[])[]): boolean {
    let at = 0;
    return this.#demands.every(({ shapes, holds }) => {
      const isMet = shapes.map((shape, index) => places[at + index]!.includes(shape.length)).includes(true);
      at += shapes.length;
      return isMet === holds;
    });
  }
}

/** Past every `rest`, which may be empty. */
function close(shape: Shape, places: readonly number[]): number[] {
  const all = new Set(places);
  for (const place of all) if (shape[place] === REST) all.add(place + 1);
  return [...all].sort((a, b) => a - b);
}

function step(shape: Shape, places: readonly number[], char: string): number[] {
  const next = places.flatMap((place) => {
    const sign = shape[place];
    if (sign === REST) return [place];
    return sign === ANY || sign === char ? [place + 1] : [];
  });
  return close(shape, next);
}
