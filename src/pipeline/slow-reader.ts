/** A client that asks without reading the answers is not asked for more; one that goes on so, or reads nothing, is not kept. */
import type { Clock, Timer } from '../base/clock.ts';
import type { Client } from './client.ts';
import type { Downstream } from './downstream.ts';
import { type ReadGate, Stop } from './read-gate.ts';

/** Who is told. */
export interface SlowReaderOwner {
  onTooSlow(): void;
}

export class SlowReader {
  readonly #client: Client;
  readonly #downstream: Downstream;
  readonly #gate: ReadGate;
  readonly #clock: Clock;
  readonly #owner: SlowReaderOwner;
  #timer: Timer | undefined;
  /** Looks whether anything moves while something waits, however little. */
  #stall: Timer | undefined;
  #isBlocked = false;

  constructor(client: Client, downstream: Downstream, gate: ReadGate, clock: Clock, owner: SlowReaderOwner) {
    this.#client = client;
    this.#downstream = downstream;
    this.#gate = gate;
    this.#clock = clock;
    this.#owner = owner;
  }

  /** Looks at what waits to be read after the client's packets have been answered. */
  bound(): void {
    const { length } = this.#downstream.batch;
    if (length === 0) return;
    const waitingBytes = length + this.#downstream.bufferedBytes();
    if (waitingBytes > 2 * this.#client.limits.outputBufferMaxBytes) {
      this.#gate.shut(Stop.OutputFull);
      this.hold();
    }
  }

  /** Deliveries are held until it has read. */
  get holds(): boolean {
    return this.#timer !== undefined;
  }

  /** From now on it has so long to read. */
  hold(): void {
    this.#timer ??= this.#clock.after(this.#client.limits.slowReaderTimeoutMs, () => this.#owner.onTooSlow());
  }

  /**
   * The kernel takes no more of what waits for it, which may be a few bytes behind a closed window. It may stay slow, but not
   * stand still.
   */
  blocked(): void {
    this.#isBlocked = true;
    if (this.#stall === undefined) this.#awaitProgress(this.#downstream.takenBytes());
  }

  #awaitProgress(before: number | undefined): void {
    this.#stall = this.#clock.after(this.#client.policy.limits.slowReaderTimeoutMs, () => {
      this.#stall = undefined;
      if (!this.#isBlocked) return;
      const now = this.#downstream.takenBytes();
      if (now !== undefined && now === before) this.#owner.onTooSlow();
      else this.#awaitProgress(now);
    });
  }

  /** It has read everything; whether it had been waited for. */
  release(): boolean {
    this.#isBlocked = false;
    if (this.#timer === undefined) return false;
    this.#timer.cancel();
    this.#timer = undefined;
    this.#gate.open(Stop.OutputFull);
    return true;
  }

  cancel(): void {
    this.#timer?.cancel();
    this.#stall?.cancel();
  }
}
