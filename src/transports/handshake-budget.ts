/**
 * TLS handshakes have a budget: a full one costs a millisecond or so of the one thread that moves everybody's messages. A few are
 * begun in each turn of the event loop, a bounded number is under way, and the rest waits, address by address in turns; those
 * who resume a session, which costs a fraction, go first.
 */

import { BoundedMap } from '../base/bounded-map.ts';
import type { Clock, Timer } from '../base/clock.ts';
import { FairQueue } from '../base/fair-queue.ts';

export interface HandshakeBudgetOptions {
  /** Handshakes under way. */
  runningMax: number;
  /** Handshakes that wait to begin. */
  waitingMax: number;
}

/** Begun in one turn of the event loop: what else is ready waits for no more than these. */
const PER_TURN_MAX = 4;
/** A client that lets a handshake lie for longer keeps it, until its deadline, and no longer a place in the budget. */
const PLACE_MAX_MS = 1000;
/** Share of the waiting room that one address may fill. */
const PER_ADDRESS_SHARE = 0.25;
/** Addresses that said they would resume a session and then did not: believed again when others have taken their place. */
const PRETENDERS_MAX = 1024;

export class HandshakeBudget {
  #options: HandshakeBudgetOptions;
  readonly #clock: Clock;
  readonly #running = new Set<HandshakePlace>();
  readonly #resuming: FairQueue<HandshakePlace>;
  readonly #full: FairQueue<HandshakePlace>;
  readonly #pretenders = new BoundedMap<string, true>({ entriesMax: PRETENDERS_MAX });
  #begunInTurn = 0;
  #turnEnds = false;
  #recheck: Timer | undefined;

  constructor(options: HandshakeBudgetOptions, clock: Clock) {
    this.#options = options;
    this.#clock = clock;
    this.#resuming = new FairQueue(queueOptions(options));
    this.#full = new FairQueue(queueOptions(options));
  }

  get options(): HandshakeBudgetOptions {
    return this.#options;
  }

  set options(options: HandshakeBudgetOptions) {
    this.#options = options;
    this.#resuming.options = this.#full.options = queueOptions(options);
  }

  get running(): number {
    return this.#running.size;
  }

  get waiting(): number {
    return this.#resuming.size + this.#full.size;
  }

  /** `begin` is called now, or when its turn has come and it has not left; undefined where no more may wait. */
  enter(address: string, resumes: boolean, begin: () => void): HandshakePlace | undefined {
    const isBelieved = resumes && !this.#pretenders.has(address);
    const place = new HandshakePlace(this, address, isBelieved, begin);
    if (this.waiting === 0 && this.#mayBegin()) {
      this.#begin(place);
      return place;
    }
    if (!this.#queueOf(place).push(address, place)) return undefined;
    this.#schedule();
    return place;
  }

  #queueOf(place: HandshakePlace): FairQueue<HandshakePlace> {
    return place.isResuming ? this.#resuming : this.#full;
  }

  #mayBegin(): boolean {
    if (this.#begunInTurn >= PER_TURN_MAX) return false;
    if (this.#running.size < this.#options.runningMax) return true;
    const oldest = this.#running.values().next().value!;
    if (this.#clock.nowMs() - oldest.beganMs < PLACE_MAX_MS) return false;
    this.#running.delete(oldest);
    return true;
  }

  #begin(place: HandshakePlace): void {
    this.#begunInTurn++;
    this.#endTurn();
    place.beganMs = this.#clock.nowMs();
    this.#running.add(place);
    place.begin();
  }

  #endTurn(): void {
    if (this.#turnEnds) return;
    this.#turnEnds = true;
    setImmediate(() => {
      this.#turnEnds = false;
      this.#begunInTurn = 0;
      this.#pump();
    });
  }

  #pump(): void {
    while (this.waiting > 0 && this.#mayBegin()) this.#begin((this.#resuming.shift() ?? this.#full.shift())!);
    if (this.waiting > 0) this.#schedule();
  }

  /** When to look again, with some still waiting: in the next turn, or when the oldest has had its time. */
  #schedule(): void {
    if (this.#running.size < this.#options.runningMax) {
      this.#endTurn();
      return;
    }
    if (this.#recheck !== undefined) return;
    const oldest = this.#running.values().next().value!;
    this.#recheck = this.#clock.after(Math.max(0, oldest.beganMs + PLACE_MAX_MS - this.#clock.nowMs()), () => {
      this.#recheck = undefined;
      this.#pump();
    });
  }

  /** It is through, or gone. */
  leave(place: HandshakePlace): void {
    if (this.#queueOf(place).remove(place.address, place)) return;
    this.#running.delete(place);
    if (this.waiting > 0) this.#endTurn();
  }

  /** It said that it would resume a session, and cost as much as any other. */
  mistrust(address: string): void {
    this.#pretenders.set(address, true);
  }
}

function queueOptions({ waitingMax }: HandshakeBudgetOptions) {
  return { itemsMax: waitingMax, perKeyMax: Math.max(1, Math.ceil(waitingMax * PER_ADDRESS_SHARE)) };
}

export class HandshakePlace {
  readonly address: string;
  readonly isResuming: boolean;
  readonly begin: () => void;
  beganMs = Number.NEGATIVE_INFINITY;
  readonly #budget: HandshakeBudget;

  constructor(budget: HandshakeBudget, address: string, isResuming: boolean, begin: () => void) {
    this.#budget = budget;
    this.address = address;
    this.isResuming = isResuming;
    this.begin = begin;
  }

  /** Through, with a session that was resumed or made anew. */
  finish(wasResumed: boolean): void {
    if (this.isResuming && !wasResumed) this.#budget.mistrust(this.address);
    this.leave();
  }

  /** May be called again. */
  leave(): void {
    this.#budget.leave(this);
  }
}
