/**
 * Hands notifications to one receiver, one after another: what cannot be delivered waits in a bounded queue, is tried again with
 * growing pauses, and goes out when the receiver is back. What it had no room for is counted.
 */
import { backoffMs } from '../../../base/backoff.ts';
import type { Chance } from '../../../base/chance.ts';
import type { Clock, Timer } from '../../../base/clock.ts';
import { Fifo } from '../../../base/fifo.ts';

/** Why something was not delivered. What is `isFinal` fares no better the next time, and is given up. */
export class DeliveryFailure extends Error {
  override readonly name = 'DeliveryFailure';
  readonly isFinal: boolean;

  constructor(says: string, isFinal = false) {
    super(says);
    this.isFinal = isFinal;
  }
}

export interface DeliveryOptions<Item> {
  readonly clock: Clock;
  readonly chance: Chance;
  /** Rejects with a {@link DeliveryFailure}; ends by itself when the signal is given. */
  readonly send: (item: Item, signal: AbortSignal) => Promise<string>;
  readonly timeoutMs: number;
  readonly queueMax: number;
  /** Told once when it goes away, and once when it is back, with what was lost in between. */
  readonly onDown: (says: string) => void;
  readonly onUp: (lost: number) => void;
  /** Told at the end, if anything is lost by it or was and is not told of yet. */
  readonly onAbandoned: (lost: number) => void;
}

const BACKOFF_BASE_MS = 1000;
const BACKOFF_MAX_MS = 300_000;
const CLOSE_TIMEOUT_MS = 2000;

export interface DeliveryStatus {
  readonly isDown: boolean;
  readonly waiting: number;
  readonly delivered: number;
  /** That found no room or were refused, since the start. */
  readonly lost: number;
  /** What went wrong last; empty while it is well. */
  readonly says: string;
}

export class Delivery<Item> {
  readonly #options: DeliveryOptions<Item>;
  readonly #queue = new Fifo<Item>();
  /** The one that is under way, or was and is tried again. */
  #current: { readonly item: Item } | undefined;
  #isSending = false;
  #failures = 0;
  #isDown = false;
  #says = '';
  #delivered = 0;
  #lost = 0;
  #lostWhileDown = 0;
  #timer: Timer | undefined;
  #isClosed = false;
  #abort: AbortController | undefined;
  #onIdle: (() => void) | undefined;

  constructor(options: DeliveryOptions<Item>) {
    this.#options = options;
  }

  get status(): DeliveryStatus {
    return {
      isDown: this.#isDown,
      waiting: this.waiting,
      delivered: this.#delivered,
      lost: this.#lost,
      says: this.#says,
    };
  }

  get waiting(): number {
    return this.#queue.length + (this.#current === undefined ? 0 : 1);
  }

  /** Never throws, never waits. */
  push(item: Item): void {
    if (this.#isClosed) return;
    if (this.#queue.length >= this.#options.queueMax) {
      this.#queue.shift();
      this.#lose();
    }
    this.#queue.push(item);
    if (this.#timer === undefined) void this.#pump();
  }

  #lose(): void {
    this.#lost++;
    if (this.#isDown) this.#lostWhileDown++;
  }

  async #pump(): Promise<void> {
    if (this.#isSending) return;
    this.#isSending = true;
    while (this.#isAnyWaiting()) {
      const failure = await this.#try(this.#current!.item);
      // It was given up, and has been counted as lost.
      if (this.#isClosed) return;
      if (failure === undefined) {
        this.#delivered++;
        this.#noteUp();
      } else {
        this.#noteDown(failure.message);
        if (!failure.isFinal) break;
        this.#lose();
      }
      this.#current = undefined;
    }
    this.#isSending = false;
    if (this.#current === undefined) this.#onIdle?.();
    else this.#waitAndPump();
  }

  #isAnyWaiting(): boolean {
    if (this.#current !== undefined) return true;
    if (this.#queue.length === 0) return false;
    this.#current = { item: this.#queue.shift()! };
    return true;
  }

  #waitAndPump(): void {
    const { clock, chance } = this.#options;
    this.#failures++;
    this.#timer = clock.after(backoffMs(BACKOFF_BASE_MS, BACKOFF_MAX_MS, this.#failures, chance), () => {
      this.#timer = undefined;
      void this.#pump();
    });
  }

  async #try(item: Item): Promise<DeliveryFailure | undefined> {
    this.#abort = new AbortController();
    try {
      await sendWithin(this.#options, item, this.#abort);
      return undefined;
    } catch (error) {
      return error instanceof DeliveryFailure ? error : new DeliveryFailure((error as Error).message);
    }
  }

  #noteUp(): void {
    this.#failures = 0;
    this.#says = '';
    if (!this.#isDown) return;
    this.#isDown = false;
    this.#options.onUp(this.#lostWhileDown);
    this.#lostWhileDown = 0;
  }

  #noteDown(says: string): void {
    this.#says = says;
    if (this.#isDown) return;
    this.#isDown = true;
    this.#options.onDown(says);
  }

  /** Resolves when what waits is out, or has had its time. */
  async close(): Promise<void> {
    if (this.waiting > 0 && !this.#isDown) {
      await new Promise<void>((resolve) => {
        this.#onIdle = resolve;
        this.#options.clock.after(CLOSE_TIMEOUT_MS, resolve);
      });
    }
    this.#isClosed = true;
    this.#timer?.cancel();
    const { waiting } = this;
    this.#queue.clear();
    this.#lost += waiting;
    this.#abort?.abort();
    const lost = this.#lostWhileDown + waiting;
    if (lost > 0) this.#options.onAbandoned(lost);
  }
}

/** One attempt, outside of any queue. Resolves with what the receiver answered; rejects with a {@link DeliveryFailure}. */
export async function sendWithin<Item>(
  { send, timeoutMs, clock }: Pick<DeliveryOptions<Item>, 'send' | 'timeoutMs' | 'clock'>,
  item: Item,
  abort = new AbortController(),
): Promise<string> {
  let timer: Timer | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = clock.after(timeoutMs, () => {
      reject(new DeliveryFailure(`there was no answer within ${timeoutMs} ms`));
      abort.abort();
    });
  });
  try {
    return await Promise.race([send(item, abort.signal), late]);
  } finally {
    timer?.cancel();
  }
}
