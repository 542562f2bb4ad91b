/**
 * A client's QoS 2 exchanges with the server, by packet identifier, on this connection. A PUBLISH that comes again in one is
 * answered here and not forwarded: brokers have leaked on the repetition (CVE-2023-28366).
 */

/** In place of a count, once PUBREC has gone to the client. */
const RECEIVED = -1;

export class OpenExchanges {
  /** How many PUBRECs repetitions are owed, until the server's has come; the oldest exchange stands first. */
  readonly #owed = new Map<number, number>();

  get count(): number {
    return this.#owed.size;
  }

  /** Packet identifier of the oldest; undefined where there is none. */
  get oldest(): number | undefined {
    return this.#owed.keys().next().value;
  }

  has(packetId: number): boolean {
    return this.#owed.has(packetId);
  }

  begin(packetId: number): void {
    this.#owed.set(packetId, 0);
  }

  /** A repetition has come: true when a PUBREC is due for it now, and not only with the server's. */
  repeat(packetId: number): boolean {
    const owed = this.#owed.get(packetId);
    if (owed === undefined || owed === RECEIVED) return true;
    this.#owed.set(packetId, owed + 1);
    return false;
  }

  /** The server's PUBREC has come: tells how many more are due. */
  received(packetId: number): number {
    const owed = this.#owed.get(packetId);
    if (owed === undefined || owed === RECEIVED) return 0;
    this.#owed.set(packetId, RECEIVED);
    return owed;
  }

  end(packetId: number): void {
    this.#owed.delete(packetId);
  }
}
