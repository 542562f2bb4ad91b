/**
 * Where accepted connections wait, unread, while the gateway has more to do than it can. The runtime cannot stop to accept without
 * giving up the port, so the backlog is continued here; unlike the kernel's it knows addresses, and lets those in first that
 * known-good clients came from.
 */
import type { Clock, Timer } from '../base/clock.ts';
import { FairQueue } from '../base/fair-queue.ts';
import { networkOf } from '../base/ip-address.ts';

/** `open`: nobody waits. `strangers`: whoever comes from an address that is not known. `shut`: everybody. */
export type Doors = 'open' | 'strangers' | 'shut';

export interface WaitingRoomOptions {
  waitingMax: number;
}

/** Let in at once when the doors open again, and how often: what was too much a moment ago does not come back as a crowd. */
const BATCH = 25;
const BATCH_MS = 100;
const PER_ADDRESS_SHARE = 0.25;

export class WaitingRoom {
  #options: WaitingRoomOptions;
  readonly #clock: Clock;
  readonly #isKnown: (address: string) => boolean;
  readonly #known: FairQueue<Waiting>;
  readonly #strangers: FairQueue<Waiting>;
  #doors: Doors = 'open';
  #release: Timer | undefined;

  constructor(options: WaitingRoomOptions, clock: Clock, isKnown: (address: string) => boolean) {
    this.#options = options;
    this.#clock = clock;
    this.#isKnown = isKnown;
    this.#known = new FairQueue(queueOptions(options));
    this.#strangers = new FairQueue(queueOptions(options));
  }

  get options(): WaitingRoomOptions {
    return this.#options;
  }

  set options(options: WaitingRoomOptions) {
    this.#options = options;
    this.#known.options = this.#strangers.options = queueOptions(options);
  }

  get size(): number {
    return this.#known.size + this.#strangers.size;
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

  /** `enter` is called when it may come in; undefined where no more can wait. */
  hold(address: string, enter: () => void): Waiting | undefined {
    const waiting = new Waiting(this, networkOf(address, 32, 64), this.#isKnown(address), enter);
    return this.#queueOf(waiting).push(waiting.source, waiting) ? waiting : undefined;
  }

  #queueOf(waiting: Waiting): FairQueue<Waiting> {
    return waiting.isKnown ? this.#known : this.#strangers;
  }

  leave(waiting: Waiting): void {
    this.#queueOf(waiting).remove(waiting.source, waiting);
  }

  #letIn(): void {
    if (this.#release !== undefined) return;
    for (let count = 0; count < BATCH; count++) {
      const next = this.#known.shift() ?? (this.#doors === 'open' ? this.#strangers.shift() : undefined);
      if (next === undefined) return;
      next.enter();
    }
    this.#release = this.#clock.after(BATCH_MS, () => {
      this.#release = undefined;
      if (this.#doors !== 'shut') this.#letIn();
    });
  }
}

function queueOptions({ waitingMax }: WaitingRoomOptions) {
  return { itemsMax: waitingMax, perKeyMax: Math.max(1, Math.ceil(waitingMax * PER_ADDRESS_SHARE)) };
}

export class Waiting {
  readonly source: string;
  readonly isKnown: boolean;
  readonly enter: () => void;
  readonly #room: WaitingRoom;

  constructor(room: WaitingRoom, source: string, isKnown: boolean, enter: () => void) {
    this.#room = room;
    this.source = source;
    this.isKnown = isKnown;
    this.enter = enter;
  }

  /** Gone before its turn. May be called again. */
  leave(): void {
    this.#room.leave(this);
  }
}
