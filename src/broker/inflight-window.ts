/** Packet identifiers of the QoS 1 and 2 messages under way to one client, and how far each exchange has come. */

/** What the client owes for a packet identifier. */
export const Awaiting = { Nothing: 0, Puback: 1, Pubrec: 2, Pubcomp: 3 } as const;
export type Awaiting = (typeof Awaiting)[keyof typeof Awaiting];

const CAPACITY_START = 16;
const CAPACITY_MAX = 0x10000;
const PACKET_ID_MAX = 0xffff;
const NO_IDS = new Uint16Array(0);
const NO_STATES = new Uint8Array(0);

/**
 * Identifiers count up and wrap, so that one is not used again soon after its exchange ended: a client's late mistake then
 * hits nothing. An identifier lives in the slot of its low bits; slots are flat arrays, so a message costs no allocation.
 */
export class InflightWindow<T> {
  // Of no length before the first message: most clients never get one that needs an identifier.
  #ids = NO_IDS;
  #awaiting = NO_STATES;
  #values: (T | undefined)[] = [];
  #last = 0;
  #count = 0;

  /** Exchanges under way. */
  get count(): number {
    return this.#count;
  }

  /** A free identifier, taken until `release` [MQTT-2.2.1-4]. INVARIANT: fewer than 65535 are taken. */
  take(awaiting: Awaiting, value: T | undefined): number {
    const packetId = this.next();
    this.put(packetId, awaiting, value);
    return packetId;
  }

  /** The identifier that `take` would use. */
  next(): number {
    if (this.#count * 2 >= this.#ids.length) this.#grow();
    const mask = this.#ids.length - 1;
    let packetId = this.#last;
    do packetId = packetId === PACKET_ID_MAX ? 1 : packetId + 1;
    while (this.#awaiting[packetId & mask] !== Awaiting.Nothing);
    return packetId;
  }

  /** Takes a given identifier, such as `next` named or a restart interrupted, or moves its exchange on. */
  put(packetId: number, awaiting: Awaiting, value: T | undefined): void {
    while (this.#collides(packetId)) this.#grow();
    const slot = packetId & (this.#ids.length - 1);
    if (this.#awaiting[slot] === Awaiting.Nothing) {
      this.#count++;
      this.#last = packetId;
    }
    this.#ids[slot] = packetId;
    this.#awaiting[slot] = awaiting;
    this.#values[slot] = value;
  }

  #collides(packetId: number): boolean {
    const slot = packetId & (this.#ids.length - 1);
    return this.#awaiting[slot] !== Awaiting.Nothing && this.#ids[slot] !== packetId;
  }

  #grow(): void {
    const capacity = this.#ids.length;
    if (capacity >= CAPACITY_MAX) return;
    const ids = this.#ids;
    const awaiting = this.#awaiting;
    const values = this.#values;
    const grown = Math.max(CAPACITY_START, capacity * 2);
    this.#ids = new Uint16Array(grown);
    this.#awaiting = new Uint8Array(grown);
    this.#values = new Array(grown).fill(undefined);
    for (let slot = 0; slot < capacity; slot++) {
      if (awaiting[slot] === Awaiting.Nothing) continue;
      const to = ids[slot]! & (grown - 1);
      this.#ids[to] = ids[slot]!;
      this.#awaiting[to] = awaiting[slot]!;
      this.#values[to] = values[slot];
    }
  }

  /** What the client owes for `packetId`. */
  awaiting(packetId: number): Awaiting {
    const slot = packetId & (this.#ids.length - 1);
    return this.#ids[slot] === packetId ? (this.#awaiting[slot] as Awaiting) : Awaiting.Nothing;
  }

  value(packetId: number): T | undefined {
    const slot = packetId & (this.#ids.length - 1);
    return this.#ids[slot] === packetId ? this.#values[slot] : undefined;
  }

  /** Ends the exchange and frees the identifier. */
  release(packetId: number): void {
    if (this.awaiting(packetId) === Awaiting.Nothing) return;
    const slot = packetId & (this.#ids.length - 1);
    this.#awaiting[slot] = Awaiting.Nothing;
    this.#values[slot] = undefined;
    this.#count--;
  }

  /** The values of all exchanges, in no order. */
  values(): T[] {
    return this.#values.filter((value) => value !== undefined);
  }
}
