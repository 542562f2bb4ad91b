/** Tells of every change to operators as an event, whoever made it: this process, or a command beside it or before it. */
import type { Clock, Timer } from '../../base/clock.ts';
import type { Emit } from '../../base/events.ts';
import type { Ledger } from './ledger.ts';

const LOOK_INTERVAL_MS = 1000;

export class ChangeTeller {
  readonly #ledger: Ledger;
  readonly #clock: Clock;
  readonly #emit: Emit;
  readonly #path: string;
  #timer: Timer;
  #isFailing = false;

  /** Begins with what was changed while no gateway ran. */
  constructor(ledger: Ledger, { clock, emit, path }: { clock: Clock; emit: Emit; path: string }) {
    this.#ledger = ledger;
    this.#clock = clock;
    this.#emit = emit;
    this.#path = path;
    ledger.onChange = () => this.tell();
    this.#timer = clock.after(LOOK_INTERVAL_MS, () => this.#look());
    this.tell();
  }

  #look(): void {
    this.#timer = this.#clock.after(LOOK_INTERVAL_MS, () => this.#look());
    this.tell();
  }

  tell(): void {
    try {
      for (const { operator, what, says, by, from } of this.#ledger.takeUntold()) {
        this.#emit({ name: 'operator.changed', operator, what, says, by, from });
      }
      if (!this.#isFailing) return;
      this.#isFailing = false;
      this.#emit({ name: 'storage.recovered', path: this.#path });
    } catch (error) {
      // They stay untold, and are told once it works again.
      if (this.#isFailing) return;
      this.#isFailing = true;
      this.#emit({ name: 'storage.failed', path: this.#path, says: (error as Error).message });
    }
  }

  close(): void {
    this.tell();
    this.#ledger.onChange = () => undefined;
    this.#timer.cancel();
  }
}
