/**
 * Events that a peer can cause as often as it likes, with a ceiling on how many are written: so many of one name from one address
 * in a window, so many of one name from all addresses. What is left out is counted, and told when the window is over.
 */
import { BoundedMap } from '../../base/bounded-map.ts';
import type { Clock, Timer } from '../../base/clock.ts';
import type { Emit, GatewayEvent } from '../../base/events.ts';

export interface RepeatsOptions {
  readonly clock: Clock;
  /** Takes what is written: events that pass, and the counts of those that do not. */
  readonly emit: Emit;
  readonly perAddressMax: number;
  readonly windowMs: number;
}

/** From all addresses together, as a multiple of what one may cause. */
const ALL_ADDRESSES = 20;
/** Addresses and names counted apart in one window; beyond it the oldest count is told early. */
const COUNTED_MAX = 4096;
/** Counts told apart when a window ends; the rest is told in one. */
const TOLD_MAX = 64;

interface Count {
  written: number;
  leftOut: number;
}

export class Repeats {
  readonly #options: RepeatsOptions;
  readonly #byAddress: BoundedMap<string, Count>;
  readonly #byName = new Map<string, number>();
  /** Counts of addresses that had to make room. */
  readonly #forgotten = new Map<string, number>();
  #timer: Timer | undefined;

  constructor(options: RepeatsOptions) {
    this.#options = options;
    this.#byAddress = new BoundedMap({
      entriesMax: COUNTED_MAX,
      onEvict: (key, { leftOut }) => {
        const [name] = partsOf(key);
        if (leftOut > 0) this.#forgotten.set(name, (this.#forgotten.get(name) ?? 0) + leftOut);
      },
    });
  }

  /** Passes the event on, or counts it. Events that no peer is the cause of always pass. */
  readonly take: Emit = (event) => {
    const address = addressOf(event);
    if (address === undefined || this.#admits(event.name, address)) this.#options.emit(event);
  };

  #admits(name: string, address: string): boolean {
    this.#timer ??= this.#options.clock.after(this.#options.windowMs, () => this.#close());
    const key = `${name} ${address}`;
    let count = this.#byAddress.get(key);
    if (count === undefined) {
      count = { written: 0, leftOut: 0 };
      this.#byAddress.set(key, count);
    }
    const { perAddressMax } = this.#options;
    const ofName = this.#byName.get(name) ?? 0;
    if (count.written >= perAddressMax || ofName >= perAddressMax * ALL_ADDRESSES) {
      count.leftOut++;
      return false;
    }
    count.written++;
    this.#byName.set(name, ofName + 1);
    return true;
  }

  /** The window is over: what was left out is told, those with the most first. */
  #close(): void {
    this.#timer = undefined;
    const counts = [...this.#byAddress.entries()].filter(([, { leftOut }]) => leftOut > 0);
    counts.sort(([, a], [, b]) => b.leftOut - a.leftOut);
    for (const [key, { leftOut }] of counts.slice(0, TOLD_MAX)) {
      const [name, address] = partsOf(key);
      this.#tell(name, leftOut, address);
    }
    for (const [key, { leftOut }] of counts.slice(TOLD_MAX)) {
      const [name] = partsOf(key);
      this.#forgotten.set(name, (this.#forgotten.get(name) ?? 0) + leftOut);
    }
    for (const [name, leftOut] of this.#forgotten) this.#tell(name, leftOut, undefined);
    this.#byAddress.clear();
    this.#byName.clear();
    this.#forgotten.clear();
  }

  #tell(of: string, count: number, from: string | undefined): void {
    const windowS = this.#options.windowMs / 1000;
    this.#options.emit({ name: 'events.left-out', of, count, windowS, ...(from === undefined ? {} : { from }) });
  }

  /** Tells what is counted so far, and counts no more. */
  close(): void {
    this.#timer?.cancel();
    this.#close();
  }
}

function addressOf(event: GatewayEvent): string | undefined {
  // Whoever only listens has an address, too; a peer has a connection, or asks the control API before anybody knows who it is.
  const isPeers = event.name === 'control.refused' || event.name === 'operator.login.failed';
  return 'connectionId' in event || isPeers ? event.address : undefined;
}

function partsOf(key: string): [name: string, address: string] {
  const at = key.indexOf(' ');
  return [key.slice(0, at), key.slice(at + 1)];
}
