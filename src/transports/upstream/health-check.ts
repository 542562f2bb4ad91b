/** Looks at one target again and again: at its interval while it is well, less and less often while it is not. */

import { backoffMs } from '../../base/backoff.ts';
import { readableToken } from '../../base/chance.ts';
import type { Timer } from '../../base/clock.ts';
import type { Dialler } from './dial.ts';
import type { UpstreamServices } from './link-host.ts';
import { Probe, type ProbeOutcome } from './probe.ts';
import type { HealthCheckOptions } from './upstream-options.ts';

/** One failure may be chance; the first look at a target has nothing else to go by. */
const FAILURES_UNTIL_DOWN = 2;
const BACKOFF_MAX_MS = 60_000;
const SUFFIX_LENGTH = 8;
const HURRY_INTERVAL_MS = 1000;

export interface Patient {
  readonly healthy: boolean | undefined;
  readonly speaks5: boolean | undefined;
  /** What was found. */
  checked(healthy: boolean, version: 4 | 5 | undefined, says: string): void;
  dialForCheck(dialler: Dialler): { cancel(): void };
}

export class HealthCheck {
  readonly #patient: Patient;
  readonly #services: UpstreamServices;
  #options: HealthCheckOptions;
  #timer: Timer | undefined;
  #probe: Probe | undefined;
  #failures = 0;
  #begunAtMs = 0;

  constructor(patient: Patient, options: HealthCheckOptions, services: UpstreamServices) {
    this.#patient = patient;
    this.#options = options;
    this.#services = services;
    this.now();
  }

  update(options: HealthCheckOptions): void {
    this.#options = options;
    this.#timer?.cancel();
    this.#timer = undefined;
    if (this.#probe === undefined) this.now();
  }

  stop(): void {
    this.#timer?.cancel();
    this.#probe?.cancel();
    this.#options = { ...this.#options, intervalMs: 0 };
  }

  /** Somebody could not connect: looks at once, though not for each of a crowd. */
  hurry(): void {
    if (this.#services.clock.nowMs() - this.#begunAtMs >= HURRY_INTERVAL_MS) this.now();
  }

  /** Looks at once, unless it is looking already. */
  now(): void {
    if (this.#probe !== undefined || this.#options.intervalMs === 0) return;
    this.#timer?.cancel();
    this.#begin(this.#patient.speaks5 === false ? 4 : 5);
  }

  #begin(version: 4 | 5): void {
    const { clock, chance } = this.#services;
    this.#begunAtMs = clock.nowMs();
    // Two checks of one broker at a time, from wherever, must not throw each other out.
    const clientId = `${this.#options.clientId}-${readableToken(chance, SUFFIX_LENGTH)}`;
    const dial = (dialler: Dialler): { cancel(): void } => this.#patient.dialForCheck(dialler);
    this.#probe = new Probe(version, this.#options, clientId, clock, dial, (outcome) => {
      this.#probe = undefined;
      // Brokers that know no MQTT 5 say so in many ways, of which one is to hang up.
      if (!outcome.ok && outcome.isOlder && version === 5) this.#begin(4);
      else this.#note(outcome);
    });
  }

  #note(outcome: ProbeOutcome): void {
    const { intervalMs } = this.#options;
    if (intervalMs === 0) return;
    const { chance, clock } = this.#services;
    this.#failures = outcome.ok ? 0 : this.#failures + 1;
    if (outcome.ok) this.#patient.checked(true, outcome.version, '');
    else if (this.#failures >= FAILURES_UNTIL_DOWN || this.#patient.healthy === undefined) {
      this.#patient.checked(false, undefined, outcome.says);
    }
    const waitMs =
      this.#failures <= 1
        ? backoffMs(intervalMs, intervalMs, 1, chance)
        : backoffMs(intervalMs, Math.max(intervalMs, BACKOFF_MAX_MS), this.#failures, chance);
    this.#timer = clock.after(waitMs, () => this.now());
  }
}
