/**
 * Finds a situation in which all of some literals are as they should be, or tells that there is none. What is independent is
 * decided by itself; names, identifiers and levels are texts that may have to be equal, and are decided together.
 */
import { ShapesTooMany } from '../algebra/wildcard-words.ts';
import type { Subject } from '../decision.ts';
import { type Atom, isMet, type Literal, type Situation } from './atom.ts';
import { type Effort, Undecided } from './effort.ts';
import { Texts } from './texts.ts';
import type { Vocabulary } from './vocabulary.ts';

type Of<Kind extends Atom['kind']> = Extract<Atom, { kind: Kind }>;

/** @throws {Undecided} where it would take too long. */
export function solve(literals: readonly Literal[], vocabulary: Vocabulary, effort: Effort): Situation | undefined {
  effort.take();
  try {
    return find(literals, vocabulary, effort);
  } catch (error) {
    if (error instanceof ShapesTooMany) throw new Undecided('so many patterns of client identifiers meet there');
    throw error;
  }
}

function find(literals: readonly Literal[], vocabulary: Vocabulary, effort: Effort): Situation | undefined {
  const fixed = fixedParts(literals, vocabulary);
  const length = lengthOf(literals);
  if (fixed === undefined || length === undefined) return undefined;
  const { subject, ...rest } = fixed;
  for (const { username, clientId, attributes, levels } of new Texts(literals, length, effort).candidates()) {
    const situation = { ...rest, subject: { ...subject, username, clientId, attributes }, levels };
    if (literals.every((literal) => isMet(literal, situation))) return situation;
  }
  return undefined;
}

/** All that no text depends on. */
function fixedParts(literals: readonly Literal[], vocabulary: Vocabulary): Omit<Situation, 'levels'> | undefined {
  const blank = (part: Partial<Situation['facts']>, subject: Partial<Subject>, epochMs: number): Situation => ({
    subject: { username: undefined, clientId: '', ...subject },
    levels: [],
    facts: { qos: 0, retain: false, payloadBytes: 0, ...part },
    epochMs,
  });
  /** The first choice with which all literals of these kinds are met. */
  const choose = <T>(kinds: readonly Atom['kind'][], choices: readonly T[], situate: (choice: T) => Situation) => {
    const about = literals.filter(({ atom }) => kinds.includes(atom.kind));
    return choices.find((choice) => about.every((literal) => isMet(literal, situate(choice))));
  };
  const listener = choose(['listener'], vocabulary.listeners, (of) => blank({}, { listener: of }, 0));
  const address = choose(['network'], vocabulary.addresses, (of) => blank({}, { address: of }, 0));
  const secure = choose(['tls'], [false, true], (of) => blank({}, { secure: of }, 0));
  const qos = choose(['qos'], [0, 1, 2] as const, (of) => blank({ qos: of }, {}, 0));
  const retain = choose(['retain'], [false, true], (of) => blank({ retain: of }, {}, 0));
  const sizes = literals.flatMap(({ atom }) => (atom.kind === 'payload' ? [atom.maxBytes + 1] : []));
  const payloadBytes = choose(['payload'], [0, ...sizes], (of) => blank({ payloadBytes: of }, {}, 0));
  const epochMs = choose(['hours'], vocabulary.moments, (of) => blank({}, {}, of));
  const groups = names(literals, 'groups');
  const roles = names(literals, 'roles');
  const all = [listener, address, secure, qos, retain, payloadBytes, epochMs, groups, roles];
  if (all.includes(undefined)) return undefined;
  return {
    subject: {
      username: undefined,
      clientId: '',
      listener: listener!,
      address: address!,
      secure: secure!,
      groups: groups!,
      roles: roles!,
    },
    facts: { qos: qos!, retain: retain!, payloadBytes: payloadBytes! },
    epochMs: epochMs!,
  };
}

/** Groups or roles that the identity has to bring: one of each set that it needs, none that it may not have. */
function names(literals: readonly Literal[], what: Of<'brings'>['what']): string[] | undefined {
  const sets = literals.filter(({ atom }) => atom.kind === 'brings' && atom.what === what);
  const setOf = ({ atom }: Literal): ReadonlySet<string> => (atom as Of<'brings'>).names;
  const kept = sets.filter(({ holds }) => !holds).map(setOf);
  const chosen = new Set<string>();
  for (const needed of sets.filter(({ holds }) => holds).map(setOf)) {
    if ([...needed].some((name) => chosen.has(name))) continue;
    const name = [...needed].find((candidate) => !kept.some((set) => set.has(candidate)));
    if (name === undefined) return undefined;
    chosen.add(name);
  }
  return [...chosen];
}

/** The fewest levels that a topic may have. */
function lengthOf(literals: readonly Literal[]): number | undefined {
  const lengths = literals.filter(({ atom }) => atom.kind === 'length');
  const rangeOf = ({ atom }: Literal): Of<'length'> => atom as Of<'length'>;
  const fits = (length: number): boolean =>
    lengths.every((literal) => {
      const { min, max } = rangeOf(literal);
      return (length >= min && length <= max) === literal.holds;
    });
  const edges = lengths.flatMap((literal) => {
    const { min, max } = rangeOf(literal);
    return max === Number.POSITIVE_INFINITY ? [min] : [min, max + 1];
  });
  return [1, ...edges].sort((a, b) => a - b).find((length) => length >= 1 && fits(length));
}
