/** What a check is: its entry in the catalogue, and apart from it the pure function that judges collected facts. */
import type { Exposure, Outcomes } from './outcome.ts';
import type { Severity } from './severity.ts';

/** The families of the catalogue, by the letter that their identifiers begin with, in the order of reports. */
export const FAMILIES = {
  U: 'Updates',
  T: 'TLS and certificates',
  S: 'Services, ports, firewall',
  A: 'Access to the host',
  H: 'Hardening and logging',
  W: 'Awareness',
  M: 'Mosquitto',
  E: 'EMQX',
  V: 'HiveMQ',
  G: 'Sallyport',
  P: 'Live probes',
  L: 'Other scanners',
  X: 'Contradictions',
} as const;
export type FamilyLetter = keyof typeof FAMILIES;

/** What in published standards a check answers to. */
export interface Standards {
  /** CIS Controls v8 safeguards, such as `7.3`. */
  readonly cis?: readonly string[];
  /** NIST CSF 2.0 subcategories, such as `PR.PS-02`. */
  readonly nist?: readonly string[];
  /** IEC 62443-4-2 component requirements, such as `CR 1.5`. */
  readonly iec?: readonly string[];
  /** ETSI EN 303 645 provisions, such as `5.5-1`. */
  readonly etsi?: readonly string[];
}

export interface Remediation {
  /** What to do, in one or two sentences. */
  readonly text: string;
  /** A command line that does it or begins it; `UPPERCASE` words are to be filled in. */
  readonly command?: string;
  /** What the mending changes for users and clients. */
  readonly impact: string;
  /** How likely the mending itself is to break something. */
  readonly risk: 'low' | 'medium' | 'high';
  /** `easy` is one setting, `moderate` an afternoon, `hard` a project. */
  readonly ease: 'easy' | 'moderate' | 'hard';
}

/** A check's entry in the catalogue. */
export interface CheckInfo {
  /** Letter of the family and two digits. Never reused. */
  readonly id: string;
  readonly title: string;
  readonly severity: Severity;
  /** Who can reach the weakness where nothing more is known. */
  readonly exposure: Exposure;
  /** What happens to one who leaves it as it is. */
  readonly why: string;
  readonly remediation: Remediation;
  readonly standards: Standards;
  /**
   * A word for what is asked, such as `anonymous-access`. Checks that share it answer the same question by other means, and are
   * held against each other.
   */
  readonly question?: string;
}

/**
 * Pure: the same facts give the same outcomes. Several outcomes are for several subjects (listeners, files, units); an empty list is a
 * bug.
 */
export type Evaluate<Facts> = (facts: Facts) => Outcomes;

export interface Check<Facts> extends CheckInfo {
  readonly evaluate: Evaluate<Facts>;
}

/** The entries of a family, keyed by identifier. */
export type Catalogue = Readonly<Record<string, Omit<CheckInfo, 'id'>>>;

export interface Family<Facts> {
  readonly letter: FamilyLetter;
  readonly title: string;
  readonly checks: readonly Check<Facts>[];
}

/** Joins entries and evaluators; the types see to it that neither has one that the other lacks. */
export function defineFamily<Facts, Entries extends Catalogue>(
  letter: FamilyLetter,
  catalogue: Entries,
  evaluators: { readonly [Id in keyof Entries]: Evaluate<Facts> },
): Family<Facts> {
  const checks = Object.entries(catalogue).map(
    ([id, info]): Check<Facts> => ({ id, ...info, evaluate: evaluators[id]! }),
  );
  return { letter, title: FAMILIES[letter], checks };
}

/** The family that an identifier belongs to. */
export function familyOf(id: string): FamilyLetter {
  const letter = id.charAt(0);
  if (!Object.hasOwn(FAMILIES, letter)) throw new RangeError(`${id} is of no family`);
  return letter as FamilyLetter;
}
