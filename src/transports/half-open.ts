/**
 * Connections that have not got their CONNACK: strangers, of whom nothing is known but an address. Their number has a ceiling. One
 * address may have all places while nobody else comes; at the ceiling, and where a listener is full, the newest of the most crowded
 * address makes room, so that a crowd that stands in the door does not keep out who comes and goes through.
 */
import { FairRoom, type Guest } from '../base/fair-room.ts';
import { networkOf } from '../base/ip-address.ts';
import { Reason } from '../mqtt/reason.ts';
import type { Rejection } from './rejections.ts';

export interface HalfOpenOptions {
  max: number;
  /** Of an IPv4 address or an IPv6 /64, also while nobody else comes. */
  perAddressMax: number;
}

const ALL_TAKEN: Rejection = {
  by: 'limit:halfOpenMax',
  reason: Reason.ServerBusy,
  says: 'too many connections are half open',
};
const ADDRESS_CROWDED: Rejection = {
  by: 'limit:halfOpenPerAddressMax',
  reason: Reason.ServerBusy,
  says: 'the address has too many connections half open',
};
/** What those are told of who had to make room. */
export const HALF_OPEN_EVICTED: Rejection = {
  by: 'limit:halfOpenMax',
  reason: Reason.ServerBusy,
  says: 'too many connections are half open, most of them from there, or too much is kept for them',
};

/** What is kept for all of them together: a thousand CONNECTs of the largest size that is taken. */
const KEPT_MAX_BYTES = 64 * 1024 * 1024;
/** What each may have kept in any case: nearly all CONNECTs and ClientHellos are smaller. */
const MODEST_BYTES = 4096;

/** One that comes. */
export interface Arrival {
  /** Undefined where it is a proxy's, and the client's own is yet to come. */
  readonly address: string | undefined;
  /** Which listener it has come to. */
  readonly door: object;
  /** Ends the connection when the place goes to another. */
  readonly drop: () => void;
}

export class HalfOpen {
  #options: HalfOpenOptions;
  readonly #isKnown: (address: string) => boolean;
  readonly #room: FairRoom<HalfOpenPlace>;
  #keptBytes = 0;

  constructor(options: HalfOpenOptions, isKnown: (address: string) => boolean = () => false) {
    this.#options = options;
    this.#isKnown = isKnown;
    // Whoever has stood longest has most likely come to stand there.
    this.#room = new FairRoom({ guestsMax: options.max, whenEven: 'oldest' });
  }

  get options(): HalfOpenOptions {
    return this.#options;
  }

  set options(options: HalfOpenOptions) {
    this.#options = options;
    this.#room.guestsMax = options.max;
  }

  get size(): number {
    return this.#room.size;
  }

  enter({ address, door, drop }: Arrival): HalfOpenPlace | Rejection {
    const source = address === undefined ? '' : sourceOf(address);
    if (address !== undefined && this.#isCrowded(source)) return ADDRESS_CROWDED;
    const place = new HalfOpenPlace(this, { source, isKnown: this.#knows(address), door, drop });
    return this.#room.push(place) ? place : ALL_TAKEN;
  }

  #isCrowded(source: string): boolean {
    return this.#room.of(source) >= this.#options.perAddressMax;
  }

  #knows(address: string | undefined): boolean {
    return address !== undefined && this.#isKnown(address);
  }

  move(place: HalfOpenPlace, address: string): Rejection | undefined {
    const source = sourceOf(address);
    if (source === place.key) return undefined;
    if (this.#isCrowded(source)) return ADDRESS_CROWDED;
    this.#room.remove(place);
    place.key = source;
    place.isKnown = this.#knows(address);
    return this.#room.push(place) ? undefined : ALL_TAKEN;
  }

  /** Whether a crowd stands in the door there, of which one would make room for one from `address`. */
  canMakeRoom(door: object, address: string): boolean {
    return this.#crowderAt(door, address) !== undefined;
  }

  /** Has it make room, where there is one. */
  makeRoom(door: object, address: string): void {
    const crowder = this.#crowderAt(door, address);
    if (crowder === undefined) return;
    crowder.leave();
    crowder.drop();
  }

  #crowderAt(door: object, address: string): HalfOpenPlace | undefined {
    const crowder = this.#room.crowderFor(sourceOf(address));
    return crowder?.door === door ? crowder : undefined;
  }

  leave(place: HalfOpenPlace): void {
    this.#room.remove(place);
    this.#keptBytes -= place.keptBytes;
    place.keptBytes = 0;
  }

  /** Who lets the gateway keep much, when too much is kept for all, goes. */
  keep(place: HalfOpenPlace, bytes: number): void {
    const added = bytes - place.keptBytes;
    place.keptBytes = bytes;
    this.#keptBytes += added;
    if (added <= 0 || this.#keptBytes <= KEPT_MAX_BYTES || bytes <= MODEST_BYTES) return;
    this.leave(place);
    place.drop();
  }
}

export class HalfOpenPlace implements Guest {
  key: string;
  isKnown: boolean;
  readonly isQuick = false;
  keptBytes = 0;
  readonly door: object;
  readonly drop: () => void;
  readonly #all: HalfOpen;

  constructor(
    all: HalfOpen,
    { source, isKnown, door, drop }: { source: string; isKnown: boolean; door: object; drop: () => void },
  ) {
    this.#all = all;
    this.key = source;
    this.isKnown = isKnown;
    this.door = door;
    this.drop = drop;
  }

  /** The client's own address is known now; a rejection where that one has all its places. */
  moveTo(address: string): Rejection | undefined {
    return this.#all.move(this, address);
  }

  /** So many bytes of it are kept now. */
  keeps(bytes: number): void {
    this.#all.keep(this, bytes);
  }

  /** It has its CONNACK, or has gone. May be called again. */
  leave(): void {
    this.#all.leave(this);
  }
}

function sourceOf(address: string): string {
  return networkOf(address, 32, 64);
}
