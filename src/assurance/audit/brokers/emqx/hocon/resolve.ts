/**
 * Makes values out of statements: later ones override earlier ones, objects are merged, substitutions are looked up in the whole. Every
 * step is bounded, because a small text of substitutions can stand for a huge one.
 */
import {
  type HoconArray,
  HoconFault,
  type HoconObject,
  type HoconText,
  type HoconValue,
  type Piece,
  type Place,
  type Statement,
  type Substitution,
  type WrittenValue,
} from './tree.ts';

const STEPS_MAX = 500_000;
const TEXT_MAX_CHARACTERS = 1 << 20;
const ITEMS_MAX = 100_000;
/** Values that are copied count as a step together: what grows by one thousands of times is copied as often. */
const COPIED_PER_STEP = 16;

/** Statements in order, inclusions replaced by what they include. */
export type Expand = (statement: Statement) => readonly Statement[];

/** One name of an object, with everything that was assigned to it, first to last. */
interface Slot {
  readonly given: Given[];
  /** What it has come to so far while it is being made: a value that refers to itself means what was there before. */
  now?: { readonly before: HoconValue | undefined };
  done?: { readonly value: HoconValue | undefined };
}

interface Given {
  readonly isAppended: boolean;
  /** Either an object whose names can be looked up one by one, or a value to be made. */
  readonly content: Scope | WrittenValue;
  readonly place: Place;
}

interface Scope {
  readonly slots: Map<string, Slot>;
  readonly place: Place;
}

const isScope = (content: Scope | WrittenValue): content is Scope => 'slots' in content;

/** @throws {HoconFault} */
export function resolveHocon(
  statements: readonly Statement[],
  place: Place,
  expand: Expand,
  environment: ReadonlyMap<string, string> = new Map(),
): HoconObject {
  return new Resolver(expand, environment).whole(statements, place);
}

class Resolver {
  readonly #expand: Expand;
  readonly #environment: ReadonlyMap<string, string>;
  #root: Scope = { slots: new Map(), place: { file: '', line: 1 } };
  #steps = 0;

  constructor(expand: Expand, environment: ReadonlyMap<string, string>) {
    this.#expand = expand;
    this.#environment = environment;
  }

  whole(statements: readonly Statement[], place: Place): HoconObject {
    this.#root = this.#scope(statements, place);
    return this.#object(this.#root);
  }

  #step(place: Place, copied = 0): void {
    this.#steps += 1 + copied / COPIED_PER_STEP;
    if (this.#steps > STEPS_MAX) throw new HoconFault(place, 'It stands for too much to be worked out.', 'too-large');
  }

  #scope(statements: readonly Statement[], place: Place): Scope {
    const scope: Scope = { slots: new Map(), place };
    this.#fill(scope, statements);
    return scope;
  }

  #fill(scope: Scope, statements: readonly Statement[]): void {
    for (const statement of statements) {
      if (statement.kind === 'inclusion') {
        this.#fill(scope, this.#expand(statement));
        continue;
      }
      const { path, isAppended, value } = statement;
      this.#step(value.place);
      this.#assign(scope, path, { isAppended, content: this.#content(value), place: value.place });
    }
  }

  /** An object that stands alone stays open, so that what refers into it does not need all of it. */
  #content(value: WrittenValue): Scope | WrittenValue {
    const [only, ...more] = value.pieces;
    return only?.kind === 'object' && more.length === 0 ? this.#scope(only.statements, only.place) : value;
  }

  #assign(scope: Scope, path: readonly string[], given: Given): void {
    const [name, ...rest] = path;
    const slot = scope.slots.get(name!) ?? { given: [] };
    scope.slots.set(name!, slot);
    const last = slot.given.at(-1);
    const open = last !== undefined && !last.isAppended && isScope(last.content) ? last.content : undefined;
    if (rest.length === 0) {
      if (open !== undefined && isScope(given.content) && !given.isAppended) this.#merge(open, given.content);
      else slot.given.push(given);
      return;
    }
    const inner: Scope = open ?? { slots: new Map(), place: given.place };
    if (open === undefined) slot.given.push({ isAppended: false, content: inner, place: given.place });
    this.#assign(inner, rest, given);
  }

  #merge(into: Scope, from: Scope): void {
    for (const [name, { given }] of from.slots) {
      for (const one of given) {
        this.#step(one.place);
        this.#assign(into, [name], one);
      }
    }
  }

  #object(scope: Scope): HoconObject {
    const fields = new Map<string, HoconValue>();
    for (const [name, slot] of scope.slots) {
      const value = this.#value(slot);
      if (value !== undefined) fields.set(name, value);
    }
    return { kind: 'object', fields, place: scope.place };
  }

  #value(slot: Slot): HoconValue | undefined {
    if (slot.done !== undefined) return slot.done.value;
    if (slot.now !== undefined) return slot.now.before;
    let value: HoconValue | undefined;
    for (const { content, isAppended, place } of slot.given) {
      this.#step(place);
      slot.now = { before: value };
      const made = isScope(content) ? this.#object(content) : this.#made(content);
      if (made === undefined) continue;
      value = isAppended ? this.#appended(value, made, place) : this.#over(value, made);
    }
    delete slot.now;
    slot.done = { value };
    return value;
  }

  #appended(before: HoconValue | undefined, item: HoconValue, place: Place): HoconArray {
    if (before !== undefined && before.kind !== 'array') throw new HoconFault(place, '+= needs an array before it.');
    this.#step(place, before?.items.length);
    return this.#array([...(before?.items ?? []), item], place);
  }

  #array(items: readonly HoconValue[], place: Place): HoconArray {
    if (items.length > ITEMS_MAX) throw new HoconFault(place, 'An array is too long.', 'too-large');
    return { kind: 'array', items, place };
  }

  #over(before: HoconValue | undefined, after: HoconValue): HoconValue {
    return before === undefined ? after : overlaid(before, after, (place, copied) => this.#step(place, copied));
  }

  #made({ pieces, place }: WrittenValue): HoconValue | undefined {
    let value: HoconValue | undefined;
    let gap: string | undefined;
    for (const piece of pieces) {
      this.#step(place);
      if (piece.kind === 'text' && !piece.isQuoted && piece.text.trim() === '') {
        gap = piece.text;
        continue;
      }
      const next = this.#piece(piece, place);
      if (next === undefined) continue;
      value = value === undefined ? next : this.#joined(value, gap ?? '', next, place);
      gap = undefined;
    }
    return value;
  }

  #piece(piece: Piece, place: Place): HoconValue | undefined {
    switch (piece.kind) {
      case 'text':
        return { kind: 'text', text: piece.text, place };
      case 'object':
        return this.#object(this.#scope(piece.statements, piece.place));
      case 'array':
        return this.#array(
          piece.items.flatMap((item) => this.#made(item) ?? []),
          piece.place,
        );
      case 'substitution':
        return this.#substituted(piece, place);
    }
  }

  #joined(left: HoconValue, gap: string, right: HoconValue, place: Place): HoconValue {
    if (left.kind === 'text' && right.kind === 'text') {
      const text = `${left.text}${gap}${right.text}`;
      if (text.length > TEXT_MAX_CHARACTERS) throw new HoconFault(place, 'A text is too long.', 'too-large');
      return { kind: 'text', text, place } satisfies HoconText;
    }
    if (left.kind === 'array' && right.kind === 'array') {
      this.#step(place, left.items.length + right.items.length);
      return this.#array([...left.items, ...right.items], place);
    }
    if (left.kind === 'object' && right.kind === 'object') return this.#over(left, right);
    throw new HoconFault(place, `${left.kind} and ${right.kind} cannot be joined.`);
  }

  #substituted({ path, isOptional }: Substitution, place: Place): HoconValue | undefined {
    const found = this.#find(this.#root, path);
    if (found !== undefined) return found;
    const set = this.#environment.get(path.join('.'));
    if (set !== undefined) return { kind: 'text', text: set, place };
    if (isOptional) return undefined;
    throw new HoconFault(place, `\${${path.join('.')}} is nowhere set, or refers to itself.`);
  }

  #find(scope: Scope, [name, ...rest]: readonly string[]): HoconValue | undefined {
    const slot = scope.slots.get(name!);
    if (slot === undefined) return undefined;
    const { given } = slot;
    const only = given.length === 1 ? given[0] : undefined;
    if (rest.length > 0 && only !== undefined && isScope(only.content)) return this.#find(only.content, rest);
    let value = this.#value(slot);
    for (const step of rest) value = value?.kind === 'object' ? value.fields.get(step) : undefined;
    return value;
  }
}

/**
 * `after` on top of `before`: objects are merged, and an object of numbers changes the items of an array, counted from 1, as EMQX's
 * environment variables do.
 */
export function overlaid(
  before: HoconValue,
  after: HoconValue,
  onStep: (place: Place, copied: number) => void = () => {},
): HoconValue {
  onStep(after.place, copiedOf(before));
  if (before === after || after.kind !== 'object') return after;
  if (before.kind === 'array' && [...after.fields.keys()].every((name) => /^[1-9]\d{0,4}$/.test(name))) {
    const items = [...before.items];
    for (const [name, value] of after.fields) {
      const index = Math.min(Number(name) - 1, items.length);
      const old = items[index];
      items[index] = old === undefined ? value : overlaid(old, value, onStep);
    }
    return { kind: 'array', items, place: after.place };
  }
  if (before.kind !== 'object') return after;
  const fields = new Map(before.fields);
  for (const [name, value] of after.fields) {
    const old = fields.get(name);
    fields.set(name, old === undefined ? value : overlaid(old, value, onStep));
  }
  return { kind: 'object', fields, place: after.place };
}

/** How many values it takes to copy this one. */
function copiedOf(value: HoconValue): number {
  if (value.kind === 'array') return value.items.length;
  return value.kind === 'object' ? value.fields.size : 0;
}
