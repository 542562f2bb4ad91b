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
  readonly #client: Client;
  readonly #clock: Clock;
  readonly #owner: Expirable;
  #timer: Timer | undefined;

  constructor(client: Client, clock: Clock, owner: Expirable) {
    this.#client = client;
    this.#clock = clock;
    this.#owner = owner;
  }

  /** Starts to wait, or starts anew for another identity. */
  start(): void {
    this.cancel();
    const { identity, downstream } = this.#client;
    const never = Number.POSITIVE_INFINITY;
    const expiresAtMs = Math.min(identity?.expiresAtMs ?? never, downstream.certificate?.notAfterMs ?? never);
    if (expiresAtMs !== never) this.#await(expiresAtMs);
  }

  #await(expiresAtMs: number): void {
    const leftMs = Math.max(0, expiresAtMs - this.#clock.epochMs());
    this.#timer = this.#clock.after(Math.min(leftMs, LOOK_MS), () => {
      if (this.#clock.epochMs() >= expiresAtMs) this.#owner.onExpired();
      else this.#await(expiresAtMs);
    });
  }

  cancel(): void {
    this.#timer?.cancel();
  }
}
