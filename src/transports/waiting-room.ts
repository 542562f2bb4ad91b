/**
 * Where accepted connections wait, unread, while the gateway has more to do than it can. The runtime cannot stop to accept without
 * giving up the port, so the backlog is continued here; unlike the kernel's it knows addresses, and lets those in first that
 * known-good clients came from.
 */
import type { Clock, Timer } from '../base/clock.ts';
import { FairRoom, type Guest } from '../base/fair-room.ts';
import { networkOf } from '../base/ip-address.ts';

/** `open`: nobody waits. `strangers`: whoever comes from an address that is not known. `shut`: everybody. */
export type Doors = 'open' | 'strangers' | 'shut';

export interface WaitingRoomOptions {
  waitingMax: number;
}

/** What becomes of one that is held; one of the two is called, at most once. */
export interface Holding {
  /** It may come in. */
  enter(): void;
  /** It gives way to another. */
  drop(): void;
}

/** Let in at once when the doors open again, and how often: what was too much a moment ago does not come back as a crowd. */
const BATCH = 25;
const BATCH_MS = 100;

export class WaitingRoom {
  #options: WaitingRoomOptions;
  readonly #clock: Clock;
  readonly #isKnown: (address: string) => boolean;
  readonly #room: FairRoom<Waiting>;
  #doors: Doors = 'open';
  #release: Timer | undefined;

  constructor(options: WaitingRoomOptions, clock: Clock, isKnown: (address: string) => boolean) {
    this.#options = options;
    this.#clock = clock;
    this.#isKnown = isKnown;
    this.#room = new FairRoom({ guestsMax: options.waitingMax });
  }

  get options(): WaitingRoomOptions {
    return this.#options;
  }

  set options(options: WaitingRoomOptions) {
    this.#options = options;
    this.#room.guestsMax = options.waitingMax;
  }

  get size(): number {
    return this.#room.size;
  }

  get doors(): Doors {
    return this.#doors;
  }

  set doors(doors: Doors) {
    this.#doors = doors;
    if (doors !== 'shut' && this.size > 0) this.#letIn();
  }

  mustWait(address: string): boolean {
    return this.#doors !== 'open' && (this.#doors === 'shut' || !this.#isKnown(address));
  }

  /** Undefined where it may not wait. */
  hold(address: string, holding: Holding): Waiting | undefined {
    const waiting = new Waiting(this, networkOf(address, 32, 64), this.#isKnown(address), holding);
    return this.#room.push(waiting) ? waiting : undefined;
  }

  leave(waiting: Waiting): void {
    this.#room.remove(waiting);
  }

  #letIn(): void {
    if (this.#release !== undefined) return;
    for (let count = 0; count < BATCH; count++) {
      const next = this.#doors === 'open' ? this.#room.shift() : this.#room.shiftKnown();
      if (next === undefined) return;
      next.enter();
    }
    this.#release = this.#clock.after(BATCH_MS, () => {
      this.#release = undefined;
      if (this.#doors !== 'shut') this.#letIn();
    });
  }
}

export class Waiting implements Guest {
  readonly key: string;
  readonly isKnown: boolean;
  readonly isQuick = false;
  readonly #holding: Holding;
  readonly #room: WaitingRoom;

  constructor(room: WaitingRoom, source: string, isKnown: boolean, holding: Holding) {
    this.#room = room;
    this.key = source;
    this.isKnown = isKnown;
    this.#holding = holding;
  }

  enter(): void {
    this.#holding.enter();
  }

  drop(): void {
    this.#holding.drop();
  }

  /** Gone before its turn. May be called again. */
  leave(): void {
    this.#room.leave(this);
  }
}
