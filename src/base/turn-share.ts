/**
 * A share of each turn of the event loop for what comes in crowds: arrivals, refusals and ends by the thousand. Within the share it
 * is done at once, as if there were none; what is too much for one turn waits in order for the next ones, and between them every
 * other socket is read and written.
 */
import type { Clock } from './clock.ts';
import { systemClock } from './clock.ts';
import { Fifo } from './fifo.ts';

/** Two or three of whatever comes, since each is followed by as much work again: answers, hashes, a dial, what the broker says. */
const SHARE_MS = 0.25;

/**
 * INVARIANT: tasks are done in the order in which they came, none within another. Each stands for a connection or for somebody who
 * waits, and those have ceilings of their own.
 */
export class TurnShare {
  readonly #clock: Clock;
  readonly #shareMs: number;
  readonly #tasks = new Fifo<() => void>();
  #usedMs = 0;
  #isAtWork = false;
  #isAwaitingTurn = false;
  #onIdle: (() => void)[] = [];

  constructor(clock: Clock, shareMs: number = SHARE_MS) {
    this.#clock = clock;
    this.#shareMs = shareMs;
  }

  /** Tasks that wait for a later turn. */
  get waiting(): number {
    return this.#tasks.length;
  }

  /** Before this returns, where the turn has time left for it; a task must not throw. */
  run(task: () => void): void {
    this.#tasks.push(task);
    if (!this.#isAtWork) this.#work();
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
    if (this.#isAwaitingTurn) return;
    this.#isAwaitingTurn = true;
    setImmediate(this.#onTurn);
  }

  readonly #onTurn = (): void => {
    this.#isAwaitingTurn = false;
    this.#usedMs = 0;
    if (this.#tasks.length > 0) this.#work();
    if (this.#tasks.length > 0) return;
    const told = this.#onIdle;
    this.#onIdle = [];
    for (const tell of told) tell();
  };

  /** Resolves when nothing waits. */
  whenIdle(): Promise<void> {
    if (this.#tasks.length === 0) return Promise.resolve();
    return new Promise((resolve) => this.#onIdle.push(resolve));
  }
}

/** In the next turn of the event loop, when every other socket has been read. */
export function nextTurn(run: () => void): void {
  setImmediate(run);
}

/** The one of this process: what crowds of clients and brokers cause shares it. */
export const turnShare = new TurnShare(systemClock);
