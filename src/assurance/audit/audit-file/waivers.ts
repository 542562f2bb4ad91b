/** Which findings are accepted for a time, and which waivers are of no use any more. */
import type { Result } from '../model/result.ts';
import type { Waiver } from './schema.ts';

const DAY_MS = 86_400_000;

export interface Waiving {
  /** The waiver that covers a result today. */
  readonly waiverOf: (result: Result) => Waiver | undefined;
  /** Not expired, and of nothing that was found. */
  readonly unused: readonly Waiver[];
  /** Would have covered something. */
  readonly expired: readonly Waiver[];
}

/** Only what counts against the gate can be waived: failures, and what could not be told. */
const WAIVABLE: readonly string[] = ['fail', 'unknown', 'error', 'manual'];

function covers({ check, target, fingerprint }: Waiver, result: Result): boolean {
  return (
    check === result.check.id &&
    (target === undefined || target === result.target.id) &&
    (fingerprint === undefined || fingerprint === result.fingerprint) &&
    WAIVABLE.includes(result.outcome.status)
  );
}

/** A waiver holds to the end of its last day, in UTC. */
function isExpired({ expires }: Waiver, nowMs: number): boolean {
  return nowMs >= Date.parse(expires) + DAY_MS;
}

export function applyWaivers(waivers: readonly Waiver[], results: readonly Result[], nowMs: number): Waiving {
  const covering = new Map<Result, Waiver>();
  const [unused, expired]: [Waiver[], Waiver[]] = [[], []];
  for (const waiver of waivers) {
    const covered = results.filter((result) => covers(waiver, result));
    if (isExpired(waiver, nowMs)) {
      if (covered.length > 0) expired.push(waiver);
      continue;
    }
    if (covered.length === 0) unused.push(waiver);
    for (const result of covered) covering.set(result, waiver);
  }
  return { waiverOf: (result) => covering.get(result), unused, expired };
}
