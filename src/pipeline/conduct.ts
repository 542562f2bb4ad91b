/** How a client behaves while it is connected: what it takes to tell a known-good client, an idle one and a noisy one apart. */

/** Over which a rate is taken: long enough for bursts to even out, short enough to notice a change of mind. */
const WINDOW_MS = 10_000;

/** Cheap to keep: a chunk of packets costs a few additions, and nothing is computed before somebody asks. */
export class Conduct {
  /** When the CONNACK went out, on the clock of `nowMs`; undefined before. */
  connectedAtMs: number | undefined;
  /** The session that was resumed holds subscriptions, or may hold some. */
  mayListen = false;
  /** When the last packet came that was neither a PINGREQ nor refused; the CONNECT counts as one. */
  lastTrafficMs = Number.NEGATIVE_INFINITY;
  /** When it last asked for what it may not have. */
  refusedAtMs = Number.NEGATIVE_INFINITY;
  #windowStartMs = 0;
  #inWindow = 0;
  /** Packets a second in the window before this one. */
  #before = 0;
  #pings = 0;
  #refusals = 0;

  connected(nowMs: number): void {
    this.connectedAtMs = nowMs;
    this.lastTrafficMs = nowMs;
    this.#windowStartMs = nowMs;
  }

  /** One of the packets that `heard` is told of next is a PINGREQ. */
  pinged(): void {
    this.#pings++;
  }

  /** One of the packets that `heard` is told of next was refused. */
  refused(): void {
    this.#refusals++;
  }

  /** As many of what `heard` is told of next, packets or filters, were refused. */
  get refusals(): number {
    return this.#refusals;
  }

  /** As many packets have come, together. */
  heard(packets: number, nowMs: number): void {
    if (nowMs - this.#windowStartMs >= WINDOW_MS) {
      this.#before = (this.#inWindow * 1000) / (nowMs - this.#windowStartMs);
      this.#windowStartMs = nowMs;
      this.#inWindow = 0;
    }
    this.#inWindow += packets;
    if (packets > this.#pings + this.#refusals) this.lastTrafficMs = nowMs;
    this.#pings = 0;
    if (this.#refusals === 0) return;
    this.#refusals = 0;
    this.refusedAtMs = nowMs;
  }

  /** Packets that it sends a second: the higher of the last whole window's figure and this one's. */
  packetsPerSecond(nowMs: number): number {
    const elapsedMs = nowMs - this.#windowStartMs;
    const current = (this.#inWindow * 1000) / Math.max(WINDOW_MS, elapsedMs);
    return elapsedMs < WINDOW_MS ? Math.max(this.#before, current) : current;
  }
}
