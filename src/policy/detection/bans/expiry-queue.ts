/** Bans by when they end, the next one first. */
import type { Ban } from './ban.ts';

/** Entries that no longer mean anything are let be until they are as many as the others. */
const SLACK = 1024;

/** A binary heap. A ban that was replaced or taken back stays in it and is passed over: `isLive` tells. */
export class ExpiryQueue {
  #heap: Ban[] = [];
  #live = 0;
  readonly #isLive: (ban: Ban) => boolean;

  constructor(isLive: (ban: Ban) => boolean) {
    this.#isLive = isLive;
  }

  add(ban: Ban): void {
    if (ban.untilMs === Number.POSITIVE_INFINITY) return;
    this.#live++;
    if (this.#heap.length > 2 * this.#live + SLACK) this.#rebuild();
    this.#heap.push(ban);
    this.#up(this.#heap.length - 1);
  }

  /** One that was added is no longer in force. */
  dropped(ban: Ban): void {
    if (ban.untilMs !== Number.POSITIVE_INFINITY) this.#live--;
  }

  /** The one that ends first; it stays. */
  next(): Ban | undefined {
    for (;;) {
      const first = this.#heap[0];
      if (first === undefined || this.#isLive(first)) return first;
      this.#removeFirst();
    }
  }

  #removeFirst(): void {
    const last = this.#heap.pop();
    if (last === undefined || this.#heap.length === 0) return;
    this.#heap[0] = last;
    this.#down(0);
  }

  #rebuild(): void {
    this.#heap = this.#heap.filter(this.#isLive).sort((a, b) => a.untilMs - b.untilMs);
  }

  #up(from: number): void {
    const heap = this.#heap;
    const ban = heap[from]!;
    let at = from;
    while (at > 0) {
      const above = (at - 1) >> 1;
      if (heap[above]!.untilMs <= ban.untilMs) break;
      heap[at] = heap[above]!;
      at = above;
    }
    heap[at] = ban;
  }

  #down(from: number): void {
    const heap = this.#heap;
    const ban = heap[from]!;
    let at = from;
    for (;;) {
      let below = 2 * at + 1;
      if (below >= heap.length) break;
      if (below + 1 < heap.length && heap[below + 1]!.untilMs < heap[below]!.untilMs) below++;
      if (heap[below]!.untilMs >= ban.untilMs) break;
      heap[at] = heap[below]!;
      at = below;
    }
    heap[at] = ban;
  }
}
