/**
 * How often logins are tried: by one network, and at one account. Each failure beyond a few doubles the wait. An attempt counts as a
 * failure from its beginning, so that a hundred at once are a hundred.
 */
import { BoundedMap } from '../../base/bounded-map.ts';
import type { Clock } from '../../base/clock.ts';
import type { Emit } from '../../base/events.ts';
import { networkOf } from '../../base/ip-address.ts';
import { ceilingTold } from './ceiling-told.ts';

export interface LoginThrottleOptions {
  readonly clock: Clock;
  readonly emit: Emit;
  /** Networks, and names that nobody has, counted at once; 10,000. */
  readonly entriesMax?: number;
}

interface Rule {
  /** Failures without a wait. */
  readonly freeMax: number;
  readonly waitMinMs: number;
  readonly waitMaxMs: number;
}

const NETWORK_RULE: Rule = { freeMax: 10, waitMinMs: 1000, waitMaxMs: 15 * 60_000 };
/** The longest wait is short: strangers can cause it, and whoever owns the account shall not be kept out for long. */
const ACCOUNT_RULE: Rule = { freeMax: 5, waitMinMs: 1000, waitMaxMs: 60_000 };
/** Whoever has failed is forgotten after so long without another failure. */
const FORGOTTEN_AFTER_MS = 60 * 60_000;
const ENTRIES_MAX = 10_000;
/** One customer's network in IPv6. */
const NETWORK_BITS_V6 = 64;

interface Failures {
  count: number;
  lastMs: number;
  /** No attempt before. */
  untilMs: number;
}

export class LoginThrottle {
  readonly #clock: Clock;
  readonly #networks: BoundedMap<string, Failures>;
  /** INVARIANT: only of accounts that exist, so that nobody makes room by failing with other names. */
  readonly #accounts: BoundedMap<string, Failures>;
  readonly #strangers: BoundedMap<string, Failures>;
  /** From where an account has been logged in to: there it does not wait for what others did. */
  readonly #proven: BoundedMap<string, true>;

  constructor({ clock, emit, entriesMax = ENTRIES_MAX }: LoginThrottleOptions) {
    this.#clock = clock;
    const onEvict = ceilingTold(
      { clock, emit },
      {
        ceiling: 'operatorLoginsCountedMax',
        limit: entriesMax,
        says: 'Logins of operators fail from more networks or with more names than are counted; the oldest are forgotten.',
      },
    );
    this.#networks = new BoundedMap({ entriesMax, onEvict });
    this.#strangers = new BoundedMap({ entriesMax, onEvict });
    this.#accounts = new BoundedMap({ entriesMax });
    this.#proven = new BoundedMap({ entriesMax });
  }

  /** Milliseconds to wait; undefined for an attempt that may be made, and counts as failed until `succeeded` says otherwise. */
  admit(name: string, isAccount: boolean, address: string): number | undefined {
    const nowMs = this.#clock.nowMs();
    const network = networkKey(address);
    const names = isAccount ? this.#accounts : this.#strangers;
    const waitMs = Math.max(
      remainingMs(this.#networks.get(network), nowMs),
      this.#proven.has(provenKey(name, network)) ? 0 : remainingMs(names.get(name), nowMs),
    );
    if (waitMs > 0) return waitMs;
    countFailure(this.#networks, network, NETWORK_RULE, nowMs);
    countFailure(names, name, ACCOUNT_RULE, nowMs);
    return undefined;
  }

  /** As `admit`, for what bears no name. */
  admitAddress(address: string): number | undefined {
    const nowMs = this.#clock.nowMs();
    const network = networkKey(address);
    const waitMs = remainingMs(this.#networks.get(network), nowMs);
    if (waitMs > 0) return waitMs;
    countFailure(this.#networks, network, NETWORK_RULE, nowMs);
    return undefined;
  }

  /**
   * The attempt was right, and is not counted. Failures of the network stay: whoever has one account shall not wipe out with it
   * what was tried at others.
   */
  succeeded(name: string, address: string): void {
    this.#accounts.delete(name);
    this.succeededFrom(address);
  }

  /** As `succeeded`, for what bears no name. */
  succeededFrom(address: string): void {
    const failures = this.#networks.get(networkKey(address));
    if (failures === undefined) return;
    failures.count--;
    failures.untilMs = 0;
  }

  /** A login is whole: from there the account waits for nobody else. */
  proven(name: string, address: string): void {
    this.#proven.set(provenKey(name, networkKey(address)), true);
  }
}

function networkKey(address: string): string {
  return address.includes(':') ? networkOf(address, 32, NETWORK_BITS_V6) : address;
}

function provenKey(name: string, network: string): string {
  return `${name} ${network}`;
}

function remainingMs(failures: Failures | undefined, nowMs: number): number {
  return failures === undefined ? 0 : Math.max(0, failures.untilMs - nowMs);
}

function countFailure(map: BoundedMap<string, Failures>, key: string, rule: Rule, nowMs: number): void {
  const before = map.get(key);
  const isRecent = before !== undefined && nowMs - before.lastMs < FORGOTTEN_AFTER_MS;
  const count = isRecent ? before.count + 1 : 1;
  const beyond = count - rule.freeMax;
  const waitMs = beyond < 0 ? 0 : Math.min(rule.waitMaxMs, rule.waitMinMs * 2 ** Math.min(beyond, 30));
  map.set(key, { count, lastMs: nowMs, untilMs: nowMs + waitMs });
}
