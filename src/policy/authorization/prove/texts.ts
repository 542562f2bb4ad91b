/** Values for user name, client identifier, attributes and levels that a set of literals may be met by. */
import { type Bindings, resolve, type Term, textOf, unify } from '../algebra/term.ts';
import { type ShapeDemand, shapeOfTerm, shapeOfWildcard, wordsOf } from '../algebra/wildcard-words.ts';
import type { Literal } from './atom.ts';
import type { Effort } from './effort.ts';

const USERNAME = 'username';
const CLIENT_ID = 'clientId';

/** Control characters and wildcards are refused in client identifiers before authorization is asked. */
const NEVER_IN_CLIENT_ID = '+#';

export interface TextValues {
  readonly username: string | undefined;
  readonly clientId: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly levels: readonly string[];
}

interface Demands {
  isRequired: boolean;
  isAbsent: boolean;
  isUnfit: boolean;
  /** As far as literals say; a leading `$`. */
  isDollar: boolean | undefined;
  values: ReadonlySet<string> | undefined;
  readonly excluded: ReadonlySet<string>[];
}

/**
 * Candidates, in an order that ends. If any values meet the literals, some candidate does: sets of values are tried one by one, and
 * what is open to all but finitely many values gets more of them than can be excluded.
 */
export class Texts {
  readonly #literals: readonly Literal[];
  readonly #length: number;
  readonly #effort: Effort;
  readonly #demands = new Map<string, Demands>([[CLIENT_ID, noDemands()]]);
  /** Of client identifiers. */
  readonly #shapes: ShapeDemand[] = [];
  readonly #levels: (Term | undefined)[];
  /** How many single values are excluded somewhere. */
  #exclusions = 0;

  constructor(literals: readonly Literal[], length: number, effort: Effort) {
    this.#literals = literals;
    this.#length = length;
    this.#effort = effort;
    this.#levels = new Array<Term | undefined>(length).fill(undefined);
    for (const literal of literals) this.#note(literal);
  }

  #of(variable: string): Demands {
    let demands = this.#demands.get(variable);
    if (demands === undefined) {
      demands = noDemands();
      this.#demands.set(variable, demands);
    }
    return demands;
  }

  #note({ atom, holds }: Literal): void {
    if (atom.kind === 'named') {
      if (holds) this.#of(USERNAME).isRequired = true;
      else this.#of(USERNAME).isAbsent = true;
    } else if (atom.kind === 'oneOf') {
      const demands = this.#of(atom.variable);
      if (!holds) {
        demands.excluded.push(atom.values);
        this.#exclusions += atom.values.size;
        return;
      }
      demands.isRequired = true;
      demands.values =
        demands.values === undefined
          ? atom.values
          : new Set([...demands.values].filter((value) => atom.values.has(value)));
    } else if (atom.kind === 'fit') {
      if (holds) this.#of(atom.variable).isRequired = true;
      else this.#of(atom.variable).isUnfit = true;
      if (atom.variable === CLIENT_ID) this.#shapes.push({ shapes: [shapeOfWildcard('*/*')], holds: !holds });
    } else if (atom.kind === 'plain') {
      const demands = this.#of(atom.variable);
      demands.isDollar = !holds;
      if (!holds) demands.isRequired = true;
      if (atom.variable === CLIENT_ID) this.#shapes.push({ shapes: [shapeOfWildcard('$*')], holds: !holds });
    } else if (atom.kind === 'clientId') {
      this.#shapes.push({ shapes: atom.patterns.map(shapeOfWildcard), holds });
    } else if (atom.kind === 'level' && !holds) this.#exclusions++;
  }

  *candidates(): Generator<TextValues> {
    for (const [variable, demands] of this.#demands) {
      if (demands.isAbsent && demands.isRequired) return;
      // A user name that was let in is fit for a level.
      if (variable === USERNAME && demands.isUnfit && demands.isRequired) return;
    }
    const equations: [Term, Term][] = [];
    for (const { atom, holds } of this.#literals) {
      if (atom.kind !== 'level' || !holds) continue;
      if (atom.index >= this.#length) return;
      const before = this.#levels[atom.index];
      if (before === undefined) this.#levels[atom.index] = atom.term;
      else equations.push([before, atom.term]);
    }
    for (const bindings of this.#solutions(equations, 0, new Map())) {
      for (const chosen of this.#choose([...this.#demands.keys()], 0, bindings)) {
        for (const named of this.#identify(chosen)) yield* this.#fill(named);
      }
    }
    this.#effort.checkSteps();
  }

  *#solutions(equations: readonly [Term, Term][], at: number, bindings: Bindings): Generator<Bindings> {
    const equation = equations[at];
    if (equation === undefined) yield bindings;
    else {
      for (const next of unify(equation[0], equation[1], bindings, this.#effort.steps)) {
        yield* this.#solutions(equations, at + 1, next);
      }
    }
  }

  /** Tries each value of those that can have only some. */
  *#choose(variables: readonly string[], at: number, bindings: Bindings): Generator<Bindings> {
    const variable = variables[at];
    if (variable === undefined) {
      yield bindings;
      return;
    }
    const demands = this.#of(variable);
    if (demands.values === undefined) {
      yield* this.#choose(variables, at + 1, bindings);
      return;
    }
    for (const value of demands.values) {
      if (demands.excluded.some((set) => set.has(value))) continue;
      for (const next of unify([{ variable }], [{ text: value }], bindings, this.#effort.steps)) {
        yield* this.#choose(variables, at + 1, next);
      }
    }
  }

  /** Tries client identifiers of the right shape, where it matters. */
  *#identify(bindings: Bindings): Generator<Bindings> {
    const term = resolve([{ variable: CLIENT_ID }], bindings);
    if (this.#shapes.length === 0 || textOf(term) !== undefined) {
      yield bindings;
      return;
    }
    const demands = [
      ...this.#shapes,
      { shapes: [shapeOfTerm(term)], holds: true },
      ...this.#shapesOfOthers(term, bindings),
    ];
    const words = wordsOf(demands, NEVER_IN_CLIENT_ID, 2 * this.#exclusions + 8);
    for (const text of words) yield* unify(term, [{ text }], bindings, this.#effort.steps);
  }

  /** What others that share an unknown with the client identifier ask of its beginning. */
  #shapesOfOthers(term: Term, bindings: Bindings): ShapeDemand[] {
    const at = term.findIndex((part) => 'variable' in part);
    const root = term[at]!;
    if (!('variable' in root)) return [];
    const [before] = at === 0 ? [] : term;
    const shape = [...(before !== undefined && 'text' in before ? before.text : ''), ...shapeOfWildcard('$*')];
    return [...this.#demands].flatMap(([variable, { isDollar }]) => {
      const [first] = resolve([{ variable }], bindings);
      if (isDollar === undefined || variable === CLIENT_ID || first === undefined) return [];
      return 'variable' in first && first.variable === root.variable ? [{ shapes: [shape], holds: isDollar }] : [];
    });
  }

  /** Gives everything that is still open a value of its own. */
  *#fill(bindings: Bindings): Generator<TextValues> {
    const present = [...this.#demands].filter(([variable, demands]) => demands.isRequired || variable === CLIENT_ID);
    const terms: Term[] = present.map(([variable]) => [{ variable }]);
    const open = new Map<string, string>();
    for (const term of [...terms, ...this.#levels.filter((level) => level !== undefined)]) {
      for (const part of resolve(term, bindings)) if ('variable' in part) open.set(part.variable, 'v');
    }
    for (const root of open.keys()) open.set(root, wordFor(root));
    for (const [variable, { isDollar, isUnfit }] of present) {
      const [first] = resolve([{ variable }], bindings);
      if (first === undefined || !('variable' in first)) continue;
      const word = open.get(first.variable)!;
      if (isUnfit && variable !== CLIENT_ID) open.set(first.variable, `${word}/`);
      if (isDollar === true && !word.startsWith('$')) open.set(first.variable, `$${open.get(first.variable)}`);
    }
    const isOpen = open.size > 0 || this.#levels.includes(undefined);
    const attempts = isOpen ? 2 * this.#exclusions + 4 : 1;
    for (let attempt = 0; attempt < attempts && this.#effort.steps.take(); attempt++) {
      yield this.#valuesOf(present, bindings, open, attempt);
    }
  }

  #valuesOf(
    present: readonly (readonly [string, Demands])[],
    bindings: Bindings,
    open: ReadonlyMap<string, string>,
    attempt: number,
  ): TextValues {
    const filled = new Map(bindings);
    let number = 0;
    const name = (word: string): string => {
      number++;
      // Each grows at a pace of its own, so that no two are unequal only by chance.
      return attempt === 0 && number === 1 ? word : `${word}${attempt * (number + 1) + number}`;
    };
    for (const [root, word] of open) filled.set(root, [{ text: name(word) }]);
    const textFor = (variable: string): string => textOf(resolve([{ variable }], filled))!;
    const attributes: Record<string, string> = {};
    let username: string | undefined;
    for (const [variable] of present) {
      if (variable === USERNAME) username = textFor(variable);
      else if (variable !== CLIENT_ID) attributes[variable] = textFor(variable);
    }
    const levels = this.#levels.map((term, index) => {
      const word = index === 0 ? 'x' : 'y';
      return term === undefined ? name(word) : textOf(resolve(term, filled))!;
    });
    return { username, clientId: textFor(CLIENT_ID), attributes, levels };
  }
}

function noDemands(): Demands {
  return { isRequired: false, isAbsent: false, isUnfit: false, isDollar: undefined, values: undefined, excluded: [] };
}

function wordFor(root: string): string {
  if (root === USERNAME) return 'user';
  if (root === CLIENT_ID) return 'client';
  return root.startsWith('~') ? 'v' : 'value';
}
