/** Values by network, found by an address that lies in one: a hash lookup for each length of prefix that there is. */
import { isIPv4 } from 'node:net';
import { groupsOf, maskGroups, maskV4, numberOfV4, prefixOf } from '../../../base/ip-address.ts';

type Key = number | string;

/** One family's networks of each length, the longest first: of networks that contain each other the most specific answers. */
class Family<Value> {
  readonly #lengths: { readonly bits: number; readonly values: Map<Key, Value> }[] = [];
  readonly #keyOf: (address: string, bits: number) => Key;

  constructor(keyOf: (address: string, bits: number) => Key) {
    this.#keyOf = keyOf;
  }

  set(address: string, bits: number, value: Value): void {
    let at = this.#lengths.findIndex((length) => length.bits <= bits);
    if (at === -1) at = this.#lengths.length;
    if (this.#lengths[at]?.bits !== bits) this.#lengths.splice(at, 0, { bits, values: new Map() });
    this.#lengths[at]!.values.set(this.#keyOf(address, bits), value);
  }

  delete(address: string, bits: number): boolean {
    const at = this.#lengths.findIndex((length) => length.bits === bits);
    const length = this.#lengths[at];
    if (length === undefined || !length.values.delete(this.#keyOf(address, bits))) return false;
    if (length.values.size === 0) this.#lengths.splice(at, 1);
    return true;
  }

  get(address: string, bits: number): Value | undefined {
    return this.#lengths.find((length) => length.bits === bits)?.values.get(this.#keyOf(address, bits));
  }

  find(address: string, bitsMax: number): Value | undefined {
    for (const { bits, values } of this.#lengths) {
      if (bits > bitsMax) continue;
      const value = values.get(this.#keyOf(address, bits));
      if (value !== undefined) return value;
    }
    return undefined;
  }

  findAll(address: string, bitsMax: number): Value[] {
    return this.#lengths
      .filter(({ bits }) => bits <= bitsMax)
      .map(({ bits, values }) => values.get(this.#keyOf(address, bits)))
      .filter((value) => value !== undefined);
  }

  *values(): IterableIterator<Value> {
    for (const length of this.#lengths) yield* length.values.values();
  }
}

/** Networks are in CIDR notation, addresses normalised. */
export class NetworkTable<Value> {
  readonly #v4 = new Family<Value>((address, bits) => maskV4(numberOfV4(address), bits));
  readonly #v6 = new Family<Value>((address, bits) => maskGroups(groupsOf(address), bits).join('.'));
  #size = 0;

  get size(): number {
    return this.#size;
  }

  #family(address: string): Family<Value> {
    return isIPv4(address) ? this.#v4 : this.#v6;
  }

  set(network: string, value: Value): void {
    const { address, bits } = partsOf(network);
    const family = this.#family(address);
    if (family.get(address, bits) === undefined) this.#size++;
    family.set(address, bits, value);
  }

  get(network: string): Value | undefined {
    const { address, bits } = partsOf(network);
    return this.#family(address).get(address, bits);
  }

  delete(network: string): boolean {
    const { address, bits } = partsOf(network);
    const isGone = this.#family(address).delete(address, bits);
    if (isGone) this.#size--;
    return isGone;
  }

  /** Of the most specific network that the address lies in. */
  find(address: string): Value | undefined {
    return this.#size === 0 ? undefined : this.#family(address).find(address, 128);
  }

  /** Of the most specific network that the whole of this one lies in, itself included. */
  containing(network: string): Value | undefined {
    if (this.#size === 0) return undefined;
    const { address, bits } = partsOf(network);
    return this.#family(address).find(address, bits);
  }

  /** Of all networks that the whole of this address or network lies in, the most specific first. */
  allContaining(network: string): Value[] {
    const { address, bits } = partsOf(network);
    return this.#family(address).findAll(address, bits);
  }

  *values(): IterableIterator<Value> {
    yield* this.#v4.values();
    yield* this.#v6.values();
  }
}

function partsOf(network: string): { address: string; bits: number } {
  // INVARIANT: whoever keeps networks has read them with `prefixOf` before.
  return prefixOf(network)!;
}
