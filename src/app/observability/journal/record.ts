/**
 * One record of the journal: a line of JSON that ends in a hash of itself and of the record before it.
 *
 *     {"n":7,"t":1780000000000,"k":"event","d":{"name":"publish.refused",…},"h":"…"}
 *
 * `h` is SHA-256, in base64url, over the `h` of the record before, a line feed, and the line up to `,"h":`. Whoever changes,
 * removes, inserts or reorders a record has to change every `h` behind it, up to one that is signed.
 */
import { hash } from 'node:crypto';

/**
 * `open` and `seal` begin and end a segment; `event` is what the gateway decided; `action` what an operator did; `lost` counts
 * records that could not be kept; `pruned` says which segments retention has taken away.
 */
export const RECORD_KINDS = ['open', 'seal', 'event', 'action', 'lost', 'pruned'] as const;
export type RecordKind = (typeof RECORD_KINDS)[number];

export interface JournalRecord {
  /** Counted from 1, without a gap, through all segments. */
  readonly n: number;
  /** Milliseconds since the Unix epoch. */
  readonly t: number;
  readonly k: RecordKind;
  readonly d: Readonly<Record<string, unknown>>;
  /** Its hash, which is the next record's link to it. */
  readonly h: string;
}

/** What stands before the very first record. */
export const FIRST_LINK = 'A'.repeat(43);

const HASH_LENGTH = 43;
/** `,"h":"` + hash + `"}` */
const TAIL_LENGTH = 6 + HASH_LENGTH + 2;

export function encodeRecord(
  before: string,
  n: number,
  t: number,
  k: RecordKind,
  d: object,
): { line: string; h: string } {
  const whole = JSON.stringify({ n, t, k, d });
  const body = whole.slice(0, -1);
  const h = linkOf(before, body);
  return { line: `${body},"h":"${h}"}\n`, h };
}

function linkOf(before: string, body: string): string {
  return hash('sha256', `${before}\n${body}`, 'base64url');
}

/** The record of one line, without its line feed; undefined where the line is none. Whether its hash is right is not asked. */
export function parseRecord(line: string): JournalRecord | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const { n, t, k, d, h } = value as Record<string, unknown>;
  const isWhole =
    Number.isSafeInteger(n) &&
    Number.isSafeInteger(t) &&
    RECORD_KINDS.includes(k as RecordKind) &&
    typeof d === 'object' &&
    d !== null &&
    typeof h === 'string' &&
    h.length === HASH_LENGTH;
  return isWhole ? (value as JournalRecord) : undefined;
}

/** Whether the line, as it stands, follows a record whose hash is `before`. */
export function isLinked(line: string, before: string): boolean {
  const bodyEnd = line.length - TAIL_LENGTH;
  if (bodyEnd <= 0) return false;
  return line.slice(bodyEnd) === `,"h":"${linkOf(before, line.slice(0, bodyEnd))}"}`;
}
