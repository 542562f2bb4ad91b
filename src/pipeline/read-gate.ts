/** Why reading from the client is stopped: several causes may hold at once, and it goes on when the last has gone. */
import type { Clock } from '../base/clock.ts';
import { systemClock } from '../base/clock.ts';
import { TurnShare } from '../base/turn-share.ts';
import type { Conduct } from './conduct.ts';
import type { Downstream } from './downstream.ts';

export const Stop = {
  /** Its CONNECT has not been answered yet. */
  Connecting: 1,
  /** The link takes no more. */
  LinkFull: 2,
  /** Too many of its messages are not acknowledged yet. */
  InflightFull: 4,
  /** It does not read our answers. */
  OutputFull: 8,
  /** It has sent more than its limits allow for now. */
  Throttled: 16,
  /** Its packets have taken as much of this turn of the event loop as is one client's. */
  TurnTaken: 32,
  /** Its next packet has an identifier that is not free yet. */
  IdentifierInUse: 64,
} as const;
export type Stop = (typeof Stop)[keyof typeof Stop];

/** What was read already stays untouched, too. */
const HELD = Stop.Throttled | Stop.TurnTaken | Stop.IdentifierInUse;
const TURN_MS = 1;
/** Packets, or filters, between two looks at the clock. The costliest take some microseconds each. */
export const LOOK_EVERY = 32;
/** How long one rests whose packets are mostly refused, when they have taken a millisecond: what comes of them is for nobody, and hurries nobody. */
const REFUSED_REST_MS = 10;

/** When the reading that goes on began; one connection reads at a time. */
let beganMs = 0;
/** What it has taken, in all and since the last look. */
let taken = 0;
let unlooked = 0;

/** One line for all whose rest waits: a hundred of them take no hundred milliseconds of a turn. */
export const rests = new TurnShare(systemClock, TURN_MS);

export interface ReadGateTarget {
  /** Takes what was held. */
  readOn(): void;
}

export class ReadGate {
  readonly #downstream: Downstream;
  readonly #clock: Clock;
  readonly #conduct: Conduct;
  readonly #target: ReadGateTarget;
  #causes = 0;

  constructor(downstream: Downstream, clock: Clock, conduct: Conduct, target: ReadGateTarget) {
    this.#downstream = downstream;
    this.#clock = clock;
    this.#conduct = conduct;
    this.#target = target;
  }

  /** A reading begins; the time. */
  begin(): number {
    beganMs = this.#clock.nowMs();
    taken = unlooked = 0;
    return beganMs;
  }

  /** As many packets of it have been taken, or filters of one: a chunk may hold thousands, and others have packets, too. */
  counted(work: number): void {
    taken += work;
    unlooked += work;
    if (unlooked < LOOK_EVERY) return;
    unlooked = 0;
    if (this.#clock.nowMs() - beganMs >= TURN_MS) this.#pauseForTurn();
  }

  #pauseForTurn(): void {
    if (this.isShutFor(Stop.TurnTaken)) return;
    this.shut(Stop.TurnTaken);
    const goOn = (): void => {
      this.open(Stop.TurnTaken);
      this.#target.readOn();
    };
    if (this.#conduct.refusals * 2 < taken) rests.later(goOn);
    else this.#clock.after(REFUSED_REST_MS, () => rests.later(goOn));
  }

  /** Opens for a cause that held packets back, which are taken once whoever calls has returned. */
  openSoon(cause: Stop): void {
    if (!this.isShutFor(cause)) return;
    queueMicrotask(() => {
      this.open(cause);
      this.#target.readOn();
    });
  }

  /** The connection closes: what only waits for a turn is taken now, or it would be lost. */
  finish(): void {
    while (this.isShutFor(Stop.TurnTaken)) {
      this.#causes &= ~Stop.TurnTaken;
      this.#target.readOn();
    }
  }

  /** No packet is to be taken, though some may have been read. */
  get isHeld(): boolean {
    return (this.#causes & HELD) !== 0;
  }

  get isShut(): boolean {
    return this.#causes !== 0;
  }

  isShutFor(cause: Stop): boolean {
    return (this.#causes & cause) !== 0;
  }

  shut(cause: Stop): void {
    if (this.#causes === 0) this.#downstream.pause();
    this.#causes |= cause;
  }

  open(cause: Stop): void {
    if ((this.#causes & cause) === 0) return;
    this.#causes &= ~cause;
    if (this.#causes === 0) this.#downstream.resume();
  }
}
