/**
 * A share of each turn of the event loop for what comes in crowds: arrivals, refusals and ends by the thousand. Within the share it
 * is done at once, as if there were none; what is too much for one turn waits in order for the next ones, and between them every
 * other socket is read and written. While messages flow, who comes waits longer, so that those who are there do not.
 */
import type { Clock, Timer } from './clock.ts';
import { systemClock } from './clock.ts';
import { Fifo } from './fifo.ts';

/** Two or three of whatever comes, since each is followed by as much work again: answers, hashes, a dial, what the broker says. */
const SHARE_MS = 0.25;
/**
 * While messages flow, turns are short, and a share of each would be half of the time: there is at most one in this time. With a thousand logins
 * a second beside 400 messages, a millisecond changed little for the messages, and three brought them back to what they take in peace.
 */
const PERIOD_MS = 3;
/** One task may take longer than the share, such as the first of its kind: as long as it took, messages have the thread behind it. */
const PAUSE_FACTOR = 2;
/** Behind a message, how long the next one may take to be traffic still. */
const TRAFFIC_MS = 50;

/**
 * INVARIANT: tasks are done in the order in which they came, none within another. Each stands for a connection or for somebody who
 * waits, and those have ceilings of their own.
 */
export class TurnShare {
  readonly #clock: Clock;
  readonly #shareMs: number;
  readonly #tasks = new Fifo<() => void>();
  #ofNextTurn: (() => void)[] = [];
  #usedMs = 0;
  #isAtWork = false;
  #isAwaitingTurn = false;
  #renewedMs = Number.NEGATIVE_INFINITY;
  #hasTraffic = false;
  #trafficMs = Number.NEGATIVE_INFINITY;
  #pause: Timer | undefined;
  #onIdle: (() => void)[] = [];

  constructor(clock: Clock, shareMs: number = SHARE_MS) {
    this.#clock = clock;
    this.#shareMs = shareMs;
  }

  /** Tasks that wait for a later turn. */
  get waiting(): number {
    return this.#tasks.length + this.#ofNextTurn.length;
  }

  /** A message of a client that is in. */
  traffic(): void {
    this.#hasTraffic = true;
  }

  /** Before this returns, where the turn has time left for it; a task must not throw. */
  run(task: () => void): void {
    this.#tasks.push(task);
    if (!this.#isAtWork) this.#work();
  }

  /** Not before the next turn, however much of this one's share is left. */
  later(task: () => void): void {
    this.#ofNextTurn.push(task);
    this.#awaitTurn();
  }

  #work(): void {
    this.#isAtWork = true;
    let nowMs = this.#clock.nowMs();
    while (this.#tasks.length > 0 && this.#usedMs < this.#shareMs) {
      this.#tasks.shift()!();
      const startedMs = nowMs;
      nowMs = this.#clock.nowMs();
      this.#usedMs += nowMs - startedMs;
    }
    this.#isAtWork = false;
    this.#awaitTurn();
  }

  #awaitTurn(): void {
    if (this.#isAwaitingTurn) return;
    this.#isAwaitingTurn = true;
    setImmediate(this.#onTurn);
  }

  readonly #onTurn = (): void => {
    const nowMs = this.#clock.nowMs();
    if (this.#hasTraffic) this.#trafficMs = nowMs;
    this.#hasTraffic = false;
    const leftMs = this.#renewedMs + Math.max(PERIOD_MS, PAUSE_FACTOR * this.#usedMs) - nowMs;
    const isTraffic = nowMs < this.#trafficMs + TRAFFIC_MS;
    this.#pause =
      leftMs > 0 && isTraffic && this.#onIdle.length === 0 ? this.#clock.after(leftMs, this.#onTurn) : undefined;
    if (this.#pause !== undefined) return;
    this.#isAwaitingTurn = false;
    this.#renewedMs = nowMs;
    this.#usedMs = 0;
    for (const task of this.#ofNextTurn) this.#tasks.push(task);
    this.#ofNextTurn = [];
    if (this.#tasks.length > 0) this.#work();
    if (this.waiting > 0) return;
    const told = this.#onIdle;
    this.#onIdle = [];
    for (const tell of told) tell();
  };

  /** Resolves when nothing waits; until then nobody waits longer than for the next turn. */
  whenIdle(): Promise<void> {
    if (this.waiting === 0) return Promise.resolve();
    if (this.#pause !== undefined) setImmediate(this.#onTurn);
    this.#pause?.cancel();
    this.#pause = undefined;
    return new Promise((resolve) => this.#onIdle.push(resolve));
  }
}

/** In the next turn of the event loop, when every other socket has been read. */
export function nextTurn(run: () => void): void {
  setImmediate(run);
}

/** The one of this process: what crowds of clients and brokers cause shares it. */
export const turnShare = new TurnShare(systemClock);
