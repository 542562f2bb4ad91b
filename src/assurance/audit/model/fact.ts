/** What a collector learned, or why it could not: the evaluators' only food. */

/** Why something is not known. None of these is ever a pass or a fail. */
export type UnknownReason =
  /** A program that would have told is not installed. */
  | 'tool-missing'
  /** A file that would have told is not there, and its absence says nothing. */
  | 'file-missing'
  /** This user may not look. */
  | 'permission-denied'
  | 'timed-out'
  /** Larger than what is read of a file or a program's output. */
  | 'too-large'
  /** It could not be read, or it is not text. */
  | 'unreadable'
  /** It was read and makes no sense. */
  | 'malformed'
  /** A program ran and failed. */
  | 'command-failed'
  /** Only a running system would tell, and an image or a fixture was looked at. */
  | 'not-running'
  /** What was read is too old to rely on. */
  | 'stale'
  /** Nobody has taught the audit this distribution, version or format. */
  | 'unsupported'
  /** The endpoint did not answer. */
  | 'unreachable'
  /** The probe would change something, and nobody agreed to that. */
  | 'consent-missing';

/** Where a fact comes from, as a report shows it. */
export interface Source {
  /** A file's path as the audited system sees it, or a command line. */
  readonly from: string;
  /** Counted from 1. */
  readonly line?: number;
}

export interface Known<T> {
  readonly state: 'known';
  readonly value: T;
  readonly source: Source;
}

/** It was looked for, with the right to see it, and is not there: a truth of its own. */
export interface Absent {
  readonly state: 'absent';
  readonly source: Source;
}

export interface Unknown {
  readonly state: 'unknown';
  readonly reason: UnknownReason;
  /** One sentence. */
  readonly says: string;
}

export type Fact<T> = Known<T> | Absent | Unknown;

export function known<T>(value: T, from: string, line?: number): Known<T> {
  return { state: 'known', value, source: line === undefined ? { from } : { from, line } };
}

export function absent(from: string): Absent {
  return { state: 'absent', source: { from } };
}

export function unknown(reason: UnknownReason, says: string): Unknown {
  return { state: 'unknown', reason, says };
}

/** The fact with its value turned into another; what is absent or unknown stays so. `change` may find it unknown after all. */
export function mapFact<T, U>(fact: Fact<T>, change: (value: T, source: Source) => U | Unknown): Fact<U> {
  if (fact.state !== 'known') return fact;
  const value = change(fact.value, fact.source);
  return isUnknown(value) ? value : { state: 'known', value, source: fact.source };
}

function isUnknown(value: unknown): value is Unknown {
  return typeof value === 'object' && value !== null && 'state' in value && value.state === 'unknown';
}

/** The value, or `otherwise` where the thing is not there; unknown stays unknown. */
export function orElse<T>(fact: Fact<T>, otherwise: T): Known<T> | Unknown {
  return fact.state === 'absent' ? { state: 'known', value: otherwise, source: fact.source } : fact;
}
