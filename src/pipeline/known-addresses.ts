/** Addresses that known-good clients came from: when not everybody can come in, they do first. */
import { BoundedMap } from '../base/bounded-map.ts';
import { networkOf } from '../base/ip-address.ts';

const ADDRESSES_MAX = 20_000;
const REMEMBERED_MS = 24 * 3_600_000;

export class KnownAddresses {
  /** By IPv4 address or IPv6 /64: until when. */
  readonly #until = new BoundedMap<string, number>({ entriesMax: ADDRESSES_MAX });

  remember(address: string, nowMs: number): void {
    this.#until.set(networkOf(address, 32, 64), nowMs + REMEMBERED_MS);
  }

  has(address: string, nowMs: number): boolean {
    return (this.#until.get(networkOf(address, 32, 64)) ?? Number.NEGATIVE_INFINITY) > nowMs;
  }
}
