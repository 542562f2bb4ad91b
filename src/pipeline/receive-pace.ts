/**
 * A packet that has begun has to come at some pace: one that drips in byte by byte holds memory and a connection for as long as
 * whoever sends it likes (slow-rate denial of service, in the body of a PUBLISH instead of the CONNECT).
 */
import type { Clock, Timer } from '../base/clock.ts';
import type { Client } from './client.ts';
import type { ReadGate } from './read-gate.ts';

/** Over which the pace is taken: a mobile link that stutters for some seconds catches up within it. */
const WINDOW_MS = 10_000;

/** Who is told. */
export interface ReceivePaceOwner {
  onDripping(): void;
}

export class ReceivePace {
  readonly #client: Client;
  readonly #gate: ReadGate;
  readonly #clock: Clock;
  readonly #owner: ReceivePaceOwner;
  #timer: Timer | undefined;
  #bytes = 0;
  /** The packet that was partial when the window began is still the one that comes. */
  #isSame = false;
  #isPartial = false;

  constructor(client: Client, gate: ReadGate, clock: Clock, owner: ReceivePaceOwner) {
    this.#client = client;
    this.#gate = gate;
    this.#clock = clock;
    this.#owner = owner;
  }

  /** A chunk was taken in: `packets` were whole with it, and after them stands the beginning of another, or nothing. */
  received(bytes: number, packets: number, isPartial: boolean): void {
    this.#bytes += bytes;
    if (packets > 0) this.#isSame = false;
    this.#isPartial = isPartial;
    if (isPartial && this.#timer === undefined && this.#client.policy.limits.receiveRateMinBytesPerS > 0) this.#begin();
  }

  #begin(): void {
    this.#bytes = 0;
    this.#isSame = true;
    this.#timer = this.#clock.after(WINDOW_MS, () => this.#look());
  }

  #look(): void {
    this.#timer = undefined;
    if (!this.#isPartial) return;
    const leastBytes = (this.#client.policy.limits.receiveRateMinBytesPerS * WINDOW_MS) / 1000;
    // While it is we who do not read, nothing can come.
    if (this.#isSame && this.#bytes < leastBytes && !this.#gate.isShut) this.#owner.onDripping();
    else this.#begin();
  }

  cancel(): void {
    this.#timer?.cancel();
  }
}
