/** A session ends with what it was opened on: the identity, or the client certificate that TLS has verified. */
import type { Clock, Timer } from '../base/clock.ts';
import type { Client } from './client.ts';

/** The longest that an expiry goes without a look at the date, which may be set while this waits. */
const LOOK_MS = 3_600_000;

/** What ends with it. */
export interface Expirable {
  onExpired(): void;
}

export class Expiry {
  readonly #expiresAtMs: number;
  readonly #clock: Clock;
  readonly #owner: Expirable;
  #timer: Timer;

  private constructor(expiresAtMs: number, clock: Clock, owner: Expirable) {
    this.#expiresAtMs = expiresAtMs;
    this.#clock = clock;
    this.#owner = owner;
    this.#timer = this.#arm();
  }

  /** Undefined for what never expires, which is most. */
  static watch({ identity, downstream }: Client, clock: Clock, owner: Expirable): Expiry | undefined {
    const never = Number.POSITIVE_INFINITY;
    const expiresAtMs = Math.min(identity?.expiresAtMs ?? never, downstream.certificate?.notAfterMs ?? never);
    return expiresAtMs === never ? undefined : new Expiry(expiresAtMs, clock, owner);
  }

  #arm(): Timer {
    const leftMs = Math.max(0, this.#expiresAtMs - this.#clock.epochMs());
    return this.#clock.after(Math.min(leftMs, LOOK_MS), Expiry.#look, this);
  }

  static #look(expiry: Expiry): void {
    if (expiry.#clock.epochMs() >= expiry.#expiresAtMs) expiry.#owner.onExpired();
    else expiry.#timer = expiry.#arm();
  }

  cancel(): void {
    this.#timer.cancel();
  }
}
