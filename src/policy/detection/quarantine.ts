/** Who is in quarantine: let in, and confined to what one role may do, until a time is over or somebody lets them go. */
import type { Clock, Timer } from '../../base/clock.ts';
import type { BanSubject } from './bans/ban.ts';
import { BanIndex, type Suspect } from './bans/ban-index.ts';

export type QuarantineChange = 'entered' | 'ended' | 'released';

export interface QuarantineOptions {
  readonly clock: Clock;
  /** Told of each subject that enters, enters again or leaves, when it has. `forMs` is 0 for one that leaves. */
  readonly onChange: (subject: BanSubject, change: QuarantineChange, forMs: number) => void;
  readonly entriesMax?: number;
}

/** As another process is told of it. */
export interface ToldQuarantine {
  readonly subject: BanSubject;
  readonly forMs: number;
}

interface Entry {
  readonly subject: BanSubject;
  readonly untilMs: number;
  readonly timer: Timer;
}

const ENTRIES_MAX = 10_000;

export class Quarantine {
  readonly #options: QuarantineOptions;
  readonly entriesMax: number;
  readonly #index = new BanIndex<Entry>();

  constructor(options: QuarantineOptions) {
    this.#options = options;
    this.entriesMax = options.entriesMax ?? ENTRIES_MAX;
  }

  /** Subjects that are confined. */
  get size(): number {
    return this.#index.size;
  }

  /** Whether this subject can be confined. */
  hasRoomFor(subject: BanSubject): boolean {
    return this.#index.size < this.entriesMax || this.#index.get(subject) !== undefined;
  }

  /** False where there is no room. One that is confined already is confined for as long again. */
  confine(subject: BanSubject, forMs: number): boolean {
    const { clock, onChange } = this.#options;
    const known = this.#index.get(subject);
    if (!this.hasRoomFor(subject)) return false;
    known?.timer.cancel();
    const timer = clock.after(forMs, () => this.#drop(subject, 'ended'));
    this.#index.put({ subject, untilMs: clock.nowMs() + forMs, timer });
    onChange(subject, 'entered', forMs);
    return true;
  }

  /** False where it was not confined. */
  release(subject: BanSubject): boolean {
    const entry = this.#index.get(subject);
    if (entry === undefined) return false;
    entry.timer.cancel();
    this.#drop(subject, 'released');
    return true;
  }

  #drop(subject: BanSubject, change: 'ended' | 'released'): void {
    this.#index.delete(subject);
    this.#options.onChange(subject, change, 0);
  }

  /** Whether somebody is confined, by any of what is known of them. */
  holds(suspect: Suspect): boolean {
    return this.#index.size > 0 && this.#index.of(suspect) !== undefined;
  }

  /** For a process that starts later. */
  told(): ToldQuarantine[] {
    return this.#told(this.#index.bans());
  }

  /** What confines the whole of a subject: its own entry, and those of networks that it lies in. */
  meantFor(subject: BanSubject): ToldQuarantine[] {
    return this.#told(this.#index.meantFor(subject));
  }

  #told(entries: Iterable<Entry>): ToldQuarantine[] {
    const nowMs = this.#options.clock.nowMs();
    return [...entries].map(({ subject, untilMs }) => ({ subject, forMs: Math.max(1, untilMs - nowMs) }));
  }

  close(): void {
    for (const { timer } of this.#index.bans()) timer.cancel();
  }
}
