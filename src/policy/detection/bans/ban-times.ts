/** How long detectors ban: longer with each offence, never twice the same, and forgiven in the end. */
import { BoundedMap } from '../../../base/bounded-map.ts';
import type { Chance } from '../../../base/chance.ts';
import type { BanKind, BanSubject } from './ban.ts';

export interface BanTimes {
  /** Of the first ban. */
  readonly durationMs: number;
  /** Each further ban is so many times as long. */
  readonly factor: number;
  readonly durationMaxMs: number;
  /** Up to so much is added, so that nobody knows when to be back, and many do not come back at once. */
  readonly jitterPercent: number;
  /** After so long without a ban the next one counts as the first. */
  readonly forgetAfterMs: number;
}

export interface Offence {
  readonly count: number;
  /** End of the last ban, or its beginning where it was taken back by nobody yet; monotonic. */
  readonly lastMs: number;
}

const PERMILLE = 1000;

/** `offence` counts from 1. */
export function banDurationMs(times: BanTimes, offence: number, chance: Chance): number {
  const { durationMs, factor, durationMaxMs, jitterPercent } = times;
  const plain = Math.min(durationMaxMs, durationMs * factor ** (offence - 1));
  const jitter = (plain * jitterPercent * chance.below(PERMILLE + 1)) / PERMILLE / 100;
  return Math.round(Math.min(durationMaxMs, plain + jitter));
}

/** Who has been banned how often; the one that was banned longest ago makes room. */
export class Offences {
  readonly #known: Readonly<Record<BanKind, BoundedMap<string, Offence>>>;

  constructor(entriesMax: number) {
    const map = () => new BoundedMap<string, Offence>({ entriesMax });
    this.#known = { address: map(), network: map(), username: map(), clientId: map(), certificate: map() };
  }

  of({ kind, value }: BanSubject, nowMs: number, forgetAfterMs: number): number {
    const offence = this.#known[kind].get(value);
    if (offence === undefined) return 0;
    if (nowMs - offence.lastMs <= forgetAfterMs) return offence.count;
    this.#known[kind].delete(value);
    return 0;
  }

  set({ kind, value }: BanSubject, offence: Offence): void {
    this.#known[kind].set(value, offence);
  }

  forgive({ kind, value }: BanSubject): void {
    this.#known[kind].delete(value);
  }
}
