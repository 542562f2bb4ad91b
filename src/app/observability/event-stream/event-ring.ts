/** The latest events, numbered without a gap, in bounded memory: what whoever watches reads from, each at their own pace. */
import type { GatewayEvent } from '../../../base/events.ts';
import { printableJson } from '../../../base/printable.ts';
import { EVENT_LEVELS, type LogLevel } from '../../event-level.ts';
import { eventSentence } from '../../event-sentence.ts';
import { logFields } from '../log-line.ts';

/** An event that has happened. Its text is made when the first watcher needs it, and is then the same for all of them. */
export class RecentEvent {
  readonly id: number;
  /** Since the Unix epoch. */
  readonly atMs: number;
  readonly level: LogLevel;
  readonly event: GatewayEvent;
  #text: string | undefined;

  constructor(id: number, atMs: number, event: GatewayEvent) {
    this.id = id;
    this.atMs = atMs;
    this.level = EVENT_LEVELS[event.name];
    this.event = event;
  }

  /** The record of `text/event-stream`: its data is one line, as the log has it; safe for a terminal. */
  get text(): string {
    if (this.#text === undefined) {
      const { id, level, atMs, event } = this;
      const line = { level, time: new Date(atMs).toISOString(), ...logFields(event), msg: eventSentence(event) };
      this.#text = `id: ${id}\nevent: ${event.name}\ndata: ${printableJson(JSON.stringify(line))}\n\n`;
    }
    return this.#text;
  }
}

export class EventRing {
  readonly #slots: (RecentEvent | undefined)[];
  /** Of the first event of all. */
  readonly startId: number;
  #lastId: number;

  constructor(entriesMax: number, startId = 1) {
    this.#slots = new Array<RecentEvent | undefined>(entriesMax);
    this.startId = startId;
    this.#lastId = startId - 1;
  }

  /** Of the latest event; one less than `startId` before the first. */
  get lastId(): number {
    return this.#lastId;
  }

  /** Of the oldest event that is still here; one more than `lastId` where there is none. */
  get firstId(): number {
    return Math.max(this.startId, this.#lastId - this.#slots.length + 1);
  }

  add(event: GatewayEvent, epochMs: number): RecentEvent {
    const recent = new RecentEvent(++this.#lastId, epochMs, event);
    this.#slots[recent.id % this.#slots.length] = recent;
    return recent;
  }

  /** Undefined where it is not here any more, or not yet. */
  get(id: number): RecentEvent | undefined {
    const found = this.#slots[id % this.#slots.length];
    return found?.id === id ? found : undefined;
  }

  /** The first event at or after a time; one more than `lastId` where there is none. */
  firstSince(epochMs: number): number {
    let low = this.firstId;
    let high = this.#lastId + 1;
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      if ((this.get(middle)?.atMs ?? 0) < epochMs) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
