/**
 * Connections that have not got their CONNACK: strangers, of whom nothing is known but an address. Their number has a ceiling, for
 * all and for each address; at the ceiling for all, the oldest of the most crowded address makes room, so that a crowd that
 * stands in the door does not keep out who comes and goes through.
 */
import { Crowding } from '../base/crowding.ts';
import { networkOf } from '../base/ip-address.ts';
import { Reason } from '../mqtt/reason.ts';
import type { Rejection } from './rejections.ts';

export interface HalfOpenOptions {
  max: number;
  /** Of an IPv4 address or an IPv6 /64. */
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
  says: 'too many connections are half open, most of them from there',
};

export class HalfOpen {
  options: HalfOpenOptions;
  readonly #places = new Map<string, Set<HalfOpenPlace>>();
  readonly #crowding = new Crowding();
  #size = 0;

  constructor(options: HalfOpenOptions) {
    this.options = options;
  }

  get size(): number {
    return this.#size;
  }

  /**
   * A place for a connection from `address`; undefined where that is a proxy's and the client's own is yet to come. `drop` ends
   * the connection when the place goes to another.
   */
  enter(address: string | undefined, drop: () => void): HalfOpenPlace | Rejection {
    const source = address === undefined ? '' : sourceOf(address);
    if (address !== undefined && this.#isCrowded(source)) return ADDRESS_CROWDED;
    if (this.#size >= this.options.max) this.#dropOldestOfMost();
    if (this.#size >= this.options.max) return ALL_TAKEN;
    const place = new HalfOpenPlace(this, source, drop);
    this.add(place);
    return place;
  }

  #isCrowded(source: string): boolean {
    return this.#crowding.of(source) >= this.options.perAddressMax;
  }

  move(place: HalfOpenPlace, address: string): Rejection | undefined {
    const source = sourceOf(address);
    if (source === place.source) return undefined;
    if (this.#isCrowded(source)) return ADDRESS_CROWDED;
    this.remove(place);
    place.source = source;
    this.add(place);
    return undefined;
  }

  add(place: HalfOpenPlace): void {
    const places = this.#places.get(place.source);
    if (places === undefined) this.#places.set(place.source, new Set([place]));
    else places.add(place);
    this.#crowding.add(place.source);
    this.#size++;
  }

  remove(place: HalfOpenPlace): void {
    const places = this.#places.get(place.source);
    if (places?.delete(place) !== true) return;
    this.#crowding.remove(place.source);
    this.#size--;
    if (places.size === 0) this.#places.delete(place.source);
  }

  #dropOldestOfMost(): void {
    const { mostCrowded } = this.#crowding;
    const oldest = mostCrowded === undefined ? undefined : this.#places.get(mostCrowded)?.values().next().value;
    if (oldest === undefined) return;
    oldest.leave();
    oldest.drop();
  }
}

export class HalfOpenPlace {
  source: string;
  readonly drop: () => void;
  readonly #all: HalfOpen;

  constructor(all: HalfOpen, source: string, drop: () => void) {
    this.#all = all;
    this.source = source;
    this.drop = drop;
  }

  /** The client's own address is known now; a rejection where that one has all its places. */
  moveTo(address: string): Rejection | undefined {
    return this.#all.move(this, address);
  }

  /** It has its CONNACK, or has gone. May be called again. */
  leave(): void {
    this.#all.remove(this);
  }
}

function sourceOf(address: string): string {
  return networkOf(address, 32, 64);
}
