/**
 * Timers of long delays, of which every connection has a few: those that are due at about the same time share one timer of the
 * runtime's, so that one that waits is a single small object.
 */

/** Below this a timer is exact, and one of its own. */
export const COARSE_FROM_MS = 10_000;
/** So much later than asked for one of these may run, and never earlier. */
export const COARSE_MS = 250;
/** Thousands may be due at once, such as those of a crowd that came at once: so long they run, and then others have a turn. */
const SHARE_MS = 0.5;

/** What the shared timers are made of. */
export interface ExactTimers {
  nowMs(): number;
  after(delayMs: number, run: () => void): { cancel(): void };
}

type Run = (subject: unknown) => void;

export class CoarseTimers {
  readonly #exact: ExactTimers;
  /** By due time, in units of `COARSE_MS`. */
  readonly #slots = new Map<number, Slot>();

  constructor(exact: ExactTimers) {
    this.#exact = exact;
  }

  after(delayMs: number, run: Run, subject: unknown): CoarseTimer {
    const due = Math.ceil((this.#exact.nowMs() + delayMs) / COARSE_MS);
    let slot = this.#slots.get(due);
    if (slot === undefined) {
      slot = new Slot(this.#slots, due, this.#exact);
      this.#slots.set(due, slot);
    }
    return new CoarseTimer(slot, run, subject);
  }
}

/** Timers that run together, in the order in which they were asked for. */
class Slot {
  first: CoarseTimer | undefined;
  last: CoarseTimer | undefined;
  readonly #slots: Map<number, Slot>;
  readonly #due: number;
  readonly #exact: ExactTimers;
  #alarm: { cancel(): void };

  constructor(slots: Map<number, Slot>, due: number, exact: ExactTimers) {
    this.#slots = slots;
    this.#due = due;
    this.#exact = exact;
    this.#alarm = this.#arm();
  }

  #arm(): { cancel(): void } {
    const leftMs = this.#due * COARSE_MS - this.#exact.nowMs();
    return this.#exact.after(Math.max(1, Math.ceil(leftMs)), () => this.#onAlarm());
  }

  #onAlarm(): void {
    // The runtime counts from when its turn began, which may be a while ago.
    if (this.#exact.nowMs() < this.#due * COARSE_MS) {
      this.#alarm = this.#arm();
      return;
    }
    this.#run();
  }

  /** One that runs may cancel others, and none is added: what is asked for now is due later. */
  readonly #run = (): void => {
    const untilMs = this.#exact.nowMs() + SHARE_MS;
    while (this.first !== undefined) {
      this.first.run();
      if (this.#exact.nowMs() < untilMs) continue;
      setImmediate(this.#run);
      return;
    }
  };

  /** Nobody waits for it any more. */
  close(): void {
    this.#alarm.cancel();
    this.#slots.delete(this.#due);
  }
}

class CoarseTimer {
  /** Undefined when it is over. */
  #slot: Slot | undefined;
  #run: Run | undefined;
  #subject: unknown;
  #previous: CoarseTimer | undefined;
  #next: CoarseTimer | undefined;

  constructor(slot: Slot, run: Run, subject: unknown) {
    this.#slot = slot;
    this.#run = run;
    this.#subject = subject;
    this.#previous = slot.last;
    this.#next = undefined;
    if (slot.last === undefined) slot.first = this;
    else slot.last.#next = this;
    slot.last = this;
  }

  run(): void {
    const run = this.#run;
    const subject = this.#subject;
    this.cancel();
    run?.(subject);
  }

  cancel(): void {
    const slot = this.#slot;
    if (slot === undefined) return;
    if (this.#previous === undefined) slot.first = this.#next;
    else this.#previous.#next = this.#next;
    if (this.#next === undefined) slot.last = this.#previous;
    else this.#next.#previous = this.#previous;
    if (slot.first === undefined) slot.close();
    this.#slot = undefined;
    this.#run = undefined;
    this.#subject = undefined;
    this.#previous = undefined;
    this.#next = undefined;
  }
}
