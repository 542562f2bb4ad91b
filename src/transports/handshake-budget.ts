/**
 * TLS handshakes have a budget: a full one costs a millisecond or so of the one thread that moves everybody's messages. A few are
 * begun in each turn of the event loop, a bounded number is under way, and the rest waits, address by address in turns; those
 * who resume a session, which costs a fraction, go first, and so do addresses that known-good clients came from.
 */

import { BoundedMap } from '../base/bounded-map.ts';
import type { Clock, Timer } from '../base/clock.ts';
import { FairRoom, type Guest } from '../base/fair-room.ts';
import { networkOf } from '../base/ip-address.ts';
import { type TurnShare, turnShare } from '../base/turn-share.ts';

export interface HandshakeBudgetOptions {
  /** Handshakes under way. */
  runningMax: number;
  /** Handshakes that wait to begin. */
  waitingMax: number;
}

/** What becomes of one that enters; one of the two is called, at most once. */
export interface HandshakeTurn {
  begin(): void;
  /** It has waited, and gives way to another. */
  drop(): void;
}

/** Begun in one turn of the event loop: what else is ready waits for no more than these. */
const PER_TURN_MAX = 4;
/** Where so many who have begun wait for their next step, they are let through first, and one handshake begins in a turn. */
const BACKLOG_MAX = 64;
/** A client that lets a handshake lie for longer keeps it, until its deadline, and no longer a place in the budget. */
const PLACE_MAX_MS = 1000;
/** Addresses that said they would resume a session and then did not: believed again when others have taken their place. */
const PRETENDERS_MAX = 1024;

export class HandshakeBudget {
  #options: HandshakeBudgetOptions;
  readonly #clock: Clock;
  readonly #isKnown: (address: string) => boolean;
  readonly #share: TurnShare;
  readonly #running = new Set<HandshakePlace>();
  readonly #room: FairRoom<HandshakePlace>;
  readonly #pretenders = new BoundedMap<string, true>({ entriesMax: PRETENDERS_MAX });
  #begunInTurn = 0;
  #turnEnds = false;
  #recheck: Timer | undefined;

  /** `share`: of those that have begun; that of the process. */
  constructor(
    options: HandshakeBudgetOptions,
    clock: Clock,
    isKnown: (address: string) => boolean = () => false,
    share: TurnShare = turnShare,
  ) {
    this.#share = share;
    this.#options = options;
    this.#clock = clock;
    this.#isKnown = isKnown;
    this.#room = new FairRoom({ guestsMax: options.waitingMax });
  }

  get options(): HandshakeBudgetOptions {
    return this.#options;
  }

  set options(options: HandshakeBudgetOptions) {
    this.#options = options;
    this.#room.guestsMax = options.waitingMax;
  }

  get running(): number {
    return this.#running.size;
  }

  get waiting(): number {
    return this.#room.size;
  }

  /** `begin` is called now, or when its turn has come and it has not left; undefined where it may not wait. */
  enter(address: string, resumes: boolean, turn: HandshakeTurn): HandshakePlace | undefined {
    const source = networkOf(address, 32, 64);
    const isQuick = resumes && !this.#pretenders.has(source);
    const place = new HandshakePlace(this, { source, isKnown: this.#isKnown(address), isQuick, turn });
    if (this.waiting === 0 && this.#mayBegin()) {
      this.#begin(place);
      return place;
    }
    if (!this.#room.push(place)) return undefined;
    this.#schedule();
    return place;
  }

  #mayBegin(): boolean {
    if (this.#begunInTurn >= (this.#share.waiting > BACKLOG_MAX ? 1 : PER_TURN_MAX)) return false;
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
    while (this.waiting > 0 && this.#mayBegin()) this.#begin(this.#room.shift()!);
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
    if (this.#room.remove(place)) return;
    this.#running.delete(place);
    if (this.waiting > 0) this.#endTurn();
  }

  /** It said that it would resume a session, and cost as much as any other. */
  mistrust(source: string): void {
    this.#pretenders.set(source, true);
  }
}

interface HandshakeEntry {
  /** An IPv4 address, or an IPv6 /64. */
  readonly source: string;
  readonly isKnown: boolean;
  /** It resumes a session, as far as anybody can tell. */
  readonly isQuick: boolean;
  readonly turn: HandshakeTurn;
}

export class HandshakePlace implements Guest {
  readonly key: string;
  readonly isKnown: boolean;
  readonly isQuick: boolean;
  beganMs = Number.NEGATIVE_INFINITY;
  readonly #turn: HandshakeTurn;
  readonly #budget: HandshakeBudget;

  constructor(budget: HandshakeBudget, { source, isKnown, isQuick, turn }: HandshakeEntry) {
    this.#budget = budget;
    this.key = source;
    this.isKnown = isKnown;
    this.isQuick = isQuick;
    this.#turn = turn;
  }

  begin(): void {
    this.#turn.begin();
  }

  drop(): void {
    this.#turn.drop();
  }

  /** Through, with a session that was resumed or made anew. */
  finish(wasResumed: boolean): void {
    if (this.isQuick && !wasResumed) this.#budget.mistrust(this.key);
    this.leave();
  }

  /** May be called again. */
  leave(): void {
    this.#budget.leave(this);
  }
}
