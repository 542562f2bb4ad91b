/**
 * Events for those who watch, as server-sent events. Each watcher reads from the ring at its own pace: nothing is queued for
 * it, an event's text is made once for all of them, and what has left the ring before a slow one came to it is counted and told.
 */
import { Readable } from 'node:stream';
import type { Clock, Timer } from '../../../base/clock.ts';
import type { Emit, GatewayEvent } from '../../../base/events.ts';
import { OperatorError } from '../../config/problem.ts';
import { type EventFilter, eventFilter } from './event-filter.ts';
import { EventRing, type RecentEvent } from './event-ring.ts';

/** Kept for those who come back, and for those who look for the first time. */
const KEPT_MAX = 10_000;
export const WATCHERS_MAX = 64;
/**
 * Events of this time go out together: one write a watcher, however many they are. With many watchers they are gathered for longer: a
 * write costs more than what is in it, and all of them together make 200 a second.
 */
const GATHER_MS = 50;
const GATHER_MS_A_WATCHER = 5;
const HEARTBEAT_MS = 15_000;
/** A watcher that takes nothing for so long is gone. */
const STALLED_MS = 60_000;
/** In one piece; more waits until the watcher has taken it. */
const PIECE_MAX_CHARS = 64 * 1024;

/** Where to begin. */
export type Beginning =
  /** With what happens from now on. */
  | { readonly kind: 'now' }
  /** Behind the event of this number, which was the last that was seen. */
  | { readonly kind: 'after'; readonly id: number }
  /** At this time, since the Unix epoch. */
  | { readonly kind: 'since'; readonly epochMs: number };

export interface EventStreamOptions {
  readonly clock: Clock;
  /** Told of a watcher that was dropped. */
  readonly emit: Emit;
}

export class EventStream {
  readonly ring: EventRing;
  readonly #options: EventStreamOptions;
  readonly #watchers = new Set<Watcher>();
  #timer: Timer | undefined;

  /** `startId` is the number of the first event. */
  constructor(options: EventStreamOptions, { keptMax = KEPT_MAX, startId = 1 } = {}) {
    this.#options = options;
    this.ring = new EventRing(keptMax, startId);
  }

  get watchers(): number {
    return this.#watchers.size;
  }

  /** Takes a bounded event. */
  readonly take: Emit = (event: GatewayEvent) => {
    const { clock } = this.#options;
    this.ring.add(event, clock.epochMs());
    if (this.#watchers.size === 0) return;
    this.#timer ??= clock.after(Math.max(GATHER_MS, GATHER_MS_A_WATCHER * this.#watchers.size), () => {
      this.#timer = undefined;
      for (const watcher of this.#watchers) watcher.feed();
    });
  };

  /**
   * A stream of `text/event-stream`: `id` is the event's number, `event` its name, `data` its line as the log has it. A record
   * `gap` tells how many events had gone before the watcher came to them. One that does not follow ends when it has all.
   * @throws {OperatorError} where there are as many watchers as there may be, or the filter can fit nothing.
   */
  watch(filter: EventFilter, beginning: Beginning, { isFollowing = true } = {}): Readable {
    const wants = eventFilter(filter);
    if (this.#watchers.size >= WATCHERS_MAX) {
      throw new OperatorError(`${WATCHERS_MAX} watch the events already, and that is the most.`);
    }
    const watcher: Watcher = new Watcher(this.ring, wants, this.#firstOf(beginning), {
      clock: this.#options.clock,
      lastId: isFollowing ? Number.POSITIVE_INFINITY : this.ring.lastId,
      onStalled: (lost) => {
        const says = `a watcher of events has not read for ${STALLED_MS / 1000} s and was dropped; ${lost} events had gone by`;
        this.#options.emit({ name: 'ceiling.reached', ceiling: 'events.stalled', limit: STALLED_MS, says });
      },
      onClosed: () => this.#watchers.delete(watcher),
    });
    this.#watchers.add(watcher);
    return watcher;
  }

  #firstOf(beginning: Beginning): number {
    const { ring } = this;
    if (beginning.kind === 'now') return ring.lastId + 1;
    if (beginning.kind === 'after') {
      // To one who comes from an earlier run of the program all of this one is news.
      const isOfThisRun = beginning.id >= ring.startId && beginning.id <= ring.lastId;
      return isOfThisRun ? beginning.id + 1 : ring.startId;
    }
    return ring.firstSince(beginning.epochMs);
  }

  close(): void {
    this.#timer?.cancel();
    for (const watcher of [...this.#watchers]) watcher.end();
  }
}

interface WatcherOptions {
  readonly clock: Clock;
  /** It ends behind this event. */
  readonly lastId: number;
  readonly onStalled: (lost: number) => void;
  readonly onClosed: () => void;
}

class Watcher extends Readable {
  readonly #ring: EventRing;
  readonly #wants: (recent: RecentEvent) => boolean;
  readonly #options: WatcherOptions;
  #nextId: number;
  /** It has taken what it was given, and takes more. */
  #isReady = false;
  /** When it last was. */
  #readyMs: number;
  #fedMs: number;
  #timer: Timer | undefined;

  constructor(ring: EventRing, wants: (recent: RecentEvent) => boolean, firstId: number, options: WatcherOptions) {
    super({ encoding: 'utf8', highWaterMark: PIECE_MAX_CHARS });
    this.#ring = ring;
    this.#wants = wants;
    this.#options = options;
    this.#nextId = firstId;
    this.#readyMs = this.#fedMs = options.clock.nowMs();
    this.#beatLater();
  }

  override _read(): void {
    this.#isReady = true;
    this.#readyMs = this.#options.clock.nowMs();
    this.feed();
  }

  /** Hands over what has happened, as far as it takes it. */
  feed(): void {
    if (!this.#isReady || this.destroyed || this.readableEnded) return;
    const text = this.#piece();
    if (text !== '') {
      this.#isReady = false;
      this.#fedMs = this.#options.clock.nowMs();
      this.push(text);
    } else if (this.#nextId > this.#options.lastId) this.end();
  }

  #piece(): string {
    const ring = this.#ring;
    let text = '';
    const lost = ring.firstId - this.#nextId;
    if (lost > 0) {
      this.#nextId = ring.firstId;
      text = `id: ${ring.firstId - 1}\nevent: gap\ndata: {"lost":${lost}}\n\n`;
    }
    const lastId = Math.min(ring.lastId, this.#options.lastId);
    while (this.#nextId <= lastId && text.length < PIECE_MAX_CHARS) {
      const recent = ring.get(this.#nextId++);
      if (recent === undefined || !this.#wants(recent)) continue;
      text += recent.text;
    }
    return text;
  }

  #beatLater(): void {
    this.#timer = this.#options.clock.after(HEARTBEAT_MS, () => {
      const nowMs = this.#options.clock.nowMs();
      if (!this.#isReady && nowMs - this.#readyMs >= STALLED_MS) {
        this.#options.onStalled(Math.max(0, this.#ring.lastId - this.#nextId + 1));
        this.destroy();
        return;
      }
      // A comment: it keeps what lies between from closing the connection, and shows a dead one.
      if (this.#isReady && nowMs - this.#fedMs >= HEARTBEAT_MS) {
        this.#isReady = false;
        this.#fedMs = nowMs;
        this.push(': still here\n\n');
      }
      this.#beatLater();
    });
  }

  end(): void {
    this.push(null);
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#timer?.cancel();
    this.#options.onClosed();
    done(error);
  }
}
