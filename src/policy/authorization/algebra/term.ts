/** Texts with unknowns in them, such as the level `pump-${clientId}`, and the equations between them. */

export type Part = { readonly text: string } | { readonly variable: string };
/** No two texts stand side by side, and none is empty; no part is the empty text. */
export type Term = readonly Part[];
/** Unknowns that are known by now. What one stands for may have unknowns in it, but never itself. */
export type Bindings = ReadonlyMap<string, Term>;

const PLACEHOLDER = /\$\{([^{}]*)\}/g;

/** A level of a filter, with its placeholders as unknowns. */
export function termOf(level: string): Term {
  const parts: Part[] = [];
  let at = 0;
  for (const match of level.matchAll(PLACEHOLDER)) {
    if (match.index > at) parts.push({ text: level.slice(at, match.index) });
    parts.push({ variable: match[1]! });
    at = match.index + match[0].length;
  }
  if (at < level.length) parts.push({ text: level.slice(at) });
  return parts;
}

/** With everything put in that is known; texts that meet become one. */
export function resolve(term: Term, bindings: Bindings): Term {
  const parts: Part[] = [];
  const add = (part: Part): void => {
    if ('variable' in part) {
      const bound = bindings.get(part.variable);
      if (bound === undefined) parts.push(part);
      else for (const inner of bound) add(inner);
      return;
    }
    const last = parts.at(-1);
    if (last !== undefined && 'text' in last) parts[parts.length - 1] = { text: last.text + part.text };
    else parts.push(part);
  };
  for (const part of term) add(part);
  return parts;
}

/** The text of a term without unknowns; undefined where there are some. */
export function textOf(term: Term): string | undefined {
  if (term.length === 0) return '';
  const [only] = term;
  return term.length === 1 && only !== undefined && 'text' in only ? only.text : undefined;
}

/** A ceiling on how far equations are followed: those where an unknown stands on both sides could go on for ever. */
export class StepsLeft {
  #left: number;

  constructor(steps: number) {
    this.#left = steps;
  }

  get isOver(): boolean {
    return this.#left <= 0;
  }

  take(): boolean {
    this.#left--;
    return !this.isOver;
  }
}

/**
 * All ways to make two terms equal, where every unknown stands for at least one character: together they are complete, unless
 * `steps` ran out. What is left unbound may be anything.
 */
export function* unify(left: Term, right: Term, bindings: Bindings, steps: StepsLeft): Generator<Bindings> {
  if (!steps.take()) return;
  const stripped = strip(resolve(left, bindings), resolve(right, bindings));
  if (stripped === undefined) return;
  const [l, r] = stripped;
  const [a] = l;
  const [b] = r;
  if (a === undefined || b === undefined) {
    if (a === b) yield bindings;
    return;
  }
  if (l.length === 1 && 'variable' in a) yield* bindWhole(a.variable, r, bindings);
  else if (r.length === 1 && 'variable' in b) yield* bindWhole(b.variable, l, bindings);
  else yield* split(l, r, a, b, bindings, steps);
}

function* bindWhole(variable: string, term: Term, bindings: Bindings): Generator<Bindings> {
  // Longer than itself it cannot be.
  if (!term.some((part) => 'variable' in part && part.variable === variable)) yield withBound(bindings, variable, term);
}

/** Levi's lemma: one of the two first parts begins the other. */
function* split(l: Term, r: Term, a: Part, b: Part, bindings: Bindings, steps: StepsLeft): Generator<Bindings> {
  if ('text' in a) {
    if ('variable' in b) yield* split(r, l, b, a, bindings, steps);
    return;
  }
  const rest = { variable: `~${bindings.size}` };
  const prefixes: Term[] = [];
  if ('text' in b) {
    for (let length = 1; length <= b.text.length; length++) prefixes.push([{ text: b.text.slice(0, length) }]);
  } else {
    prefixes.push([b]);
    yield* unify(l, r, withBound(bindings, b.variable, [a, rest]), steps);
  }
  for (const prefix of [...prefixes, [b, rest]]) yield* unify(l, r, withBound(bindings, a.variable, prefix), steps);
}

function withBound(bindings: Bindings, variable: string, term: Term): Bindings {
  return new Map(bindings).set(variable, term);
}

/** Without what both begin and end with; undefined where they cannot be equal. */
function strip(left: Term, right: Term): [Term, Term] | undefined {
  const l = [...left];
  const r = [...right];
  for (const isEnd of [false, true]) {
    for (;;) {
      const at = isEnd ? -1 : 0;
      const a = l.at(at);
      const b = r.at(at);
      if (a === undefined || b === undefined) break;
      if ('text' in a && 'text' in b) {
        const length = commonLength(a.text, b.text, isEnd);
        if (length === 0) return undefined;
        cut(l, a.text, length, isEnd);
        cut(r, b.text, length, isEnd);
      } else if ('variable' in a && 'variable' in b && a.variable === b.variable) {
        l.splice(at, 1);
        r.splice(at, 1);
      } else break;
    }
  }
  return [l, r];
}

function commonLength(a: string, b: string, isEnd: boolean): number {
  const max = Math.min(a.length, b.length);
  let length = 0;
  while (length < max && (isEnd ? a[a.length - 1 - length] === b[b.length - 1 - length] : a[length] === b[length])) {
    length++;
  }
  return length;
}

function cut(parts: Part[], text: string, length: number, isEnd: boolean): void {
  const at = isEnd ? parts.length - 1 : 0;
  const rest = isEnd ? text.slice(0, text.length - length) : text.slice(length);
  if (rest === '') parts.splice(at, 1);
  else parts[at] = { text: rest };
}
