/**
 * Keeps the bans of addresses and networks in the kernel's sets: whoever is banned is dropped before there is a connection.
 * INVARIANT: nothing here is asked when a client is judged. Where the firewall fails, the gateway goes on refusing by itself.
 */
import type { Clock, Timer } from '../../base/clock.ts';
import type { Emit } from '../../base/events.ts';
import type { Ban } from '../../policy/detection/bans/ban.ts';
import type { BanFollower } from '../../policy/detection/bans/ban-book.ts';
import type { BanIndex } from '../../policy/detection/bans/ban-index.ts';
import type { Config } from '../config/config.ts';
import { disjointNetworks } from './disjoint-networks.ts';
import { handleOf } from './loaded-tables.ts';
import type { RunNft } from './nft.ts';
import { BAN_SETS, TABLE } from './ruleset.ts';

/** How long a ban waits for others, and between two runs: a flood of bans shares one. */
const BATCH_DELAY_MS = 100;
/** Addresses that one run changes. */
const BATCH_MAX = 10_000;
/** How often it is looked whether somebody has loaded the ruleset anew, and with it empty sets. */
const LOOK_INTERVAL_MS = 5000;
/** nft refuses timeouts of many years; a ban that outlasts this has none, and is taken out when it ends. */
const TIMEOUT_MAX_S = 365 * 24 * 60 * 60;
const CEILING_NOTICE_MS = 60_000;

export interface BanSetsOptions {
  readonly clock: Clock;
  readonly emit: Emit;
  readonly index: BanIndex;
  readonly run: RunNft;
}

const MISSING = 'the ruleset is not loaded: run `sallyport firewall apply`';

export class BanSets implements BanFollower {
  readonly #options: BanSetsOptions;
  #rules: Config['firewall'];
  /** Addresses that the sets hold, or will after the next run. */
  readonly #held = new Set<string>();
  /** Addresses to change: put in with that ban, or taken out. */
  readonly #pending = new Map<string, Ban | undefined>();
  #networksChanged = false;
  /** Whether the sets are to be emptied and filled from what is in force. */
  #isStale = true;
  /** Of the table that was filled last. */
  #handle: number | undefined;
  #timer: Timer | undefined;
  #dueMs = Number.POSITIVE_INFINITY;
  #running: Promise<void> | undefined;
  #isFailing = false;
  #isClosed = false;
  #fullToldMs = Number.NEGATIVE_INFINITY;

  constructor(rules: Config['firewall'], options: BanSetsOptions) {
    this.#rules = rules;
    this.#options = options;
    if (rules.enabled) this.#arm(0);
  }

  // --- what changes ---

  banned(ban: Ban): void {
    this.#changed(ban, ban);
  }

  lifted(ban: Ban): void {
    this.#changed(ban, undefined);
  }

  #changed({ subject }: Ban, after: Ban | undefined): void {
    if (!this.#rules.enabled || (subject.kind !== 'address' && subject.kind !== 'network')) return;
    if (subject.kind === 'network') this.#networksChanged = true;
    // What is filled anew is read from the index.
    else if (!this.#isStale) this.#set(subject.value, after);
    // Where nft has failed its next run is due already, and is not hurried.
    if (!this.#isFailing) this.#arm(BATCH_DELAY_MS);
  }

  #set(address: string, after: Ban | undefined): void {
    if (after === undefined) {
      if (this.#held.delete(address)) this.#pending.set(address, undefined);
      return;
    }
    if (!this.#held.has(address) && this.#held.size >= this.#rules.entriesMax) {
      this.#tellFull();
      return;
    }
    this.#held.add(address);
    this.#pending.set(address, after);
  }

  #tellFull(): void {
    const { clock, emit } = this.#options;
    const nowMs = clock.nowMs();
    if (nowMs - this.#fullToldMs < CEILING_NOTICE_MS) return;
    this.#fullToldMs = nowMs;
    const says = 'the firewall takes no more bans; those that it does not hold are in force in the gateway';
    emit({ name: 'ceiling.reached', ceiling: 'firewall.entriesMax', limit: this.#rules.entriesMax, says });
  }

  /** Takes up what a reload has changed. */
  apply(rules: Config['firewall']): void {
    const before = this.#rules;
    this.#rules = rules;
    if (!rules.enabled) {
      this.#timer?.cancel();
      this.#timer = undefined;
      this.#isFailing = false;
    } else if (!before.enabled || before.entriesMax !== rules.entriesMax) {
      this.#isStale = true;
      this.#arm(0);
    }
  }

  // --- what is sent ---

  #arm(delayMs: number): void {
    if (this.#isClosed || this.#running !== undefined) return;
    const dueMs = this.#options.clock.nowMs() + delayMs;
    if (this.#timer !== undefined && this.#dueMs <= dueMs) return;
    this.#timer?.cancel();
    this.#dueMs = dueMs;
    this.#timer = this.#options.clock.after(delayMs, () => {
      this.#timer = undefined;
      this.#running = this.#step().finally(() => {
        this.#running = undefined;
        if (this.#rules.enabled) this.#arm(this.#hasWork() && !this.#isFailing ? BATCH_DELAY_MS : LOOK_INTERVAL_MS);
      });
    });
  }

  #hasWork(): boolean {
    return this.#isStale || this.#networksChanged || this.#pending.size > 0;
  }

  async #step(): Promise<void> {
    const handle = await handleOf(this.#options.run, TABLE);
    if (handle === undefined) return this.#fail(MISSING);
    if (typeof handle !== 'number') return this.#fail(handle.says);
    const lines = this.#isStale || handle !== this.#handle ? this.#beginAnew(handle) : [];
    if (this.#networksChanged) lines.push(...this.#networkLines());
    this.#networksChanged = false;
    lines.push(...this.#addressLines());
    if (lines.length > 0) {
      const outcome = await this.#options.run(['-f', '-'], `${lines.join('\n')}\n`);
      if (!outcome.ok) return this.#fail(outcome.isAbsent ? MISSING : outcome.says);
    }
    if (this.#isFailing) this.#options.emit({ name: 'firewall.recovered', bans: this.#held.size });
    this.#isFailing = false;
  }

  /** What the sets hold is unknown: they are emptied, and everything in force is put in. */
  #beginAnew(handle: number): string[] {
    this.#handle = handle;
    this.#isStale = false;
    this.#networksChanged = true;
    this.#held.clear();
    this.#pending.clear();
    for (const ban of this.#options.index.bans()) {
      if (ban.subject.kind === 'address') this.#set(ban.subject.value, ban);
    }
    return [BAN_SETS.v4, BAN_SETS.v6].map((name) => `flush set inet ${TABLE} ${name}`);
  }

  #fail(says: string): void {
    this.#isStale = true;
    if (this.#isFailing || !this.#rules.enabled) return;
    this.#isFailing = true;
    this.#options.emit({ name: 'firewall.failed', says });
  }

  #addressLines(): string[] {
    const batch = [...this.#pending].slice(0, BATCH_MAX);
    for (const [address] of batch) this.#pending.delete(address);
    const lines: string[] = [];
    for (const [name, isV6] of [
      [BAN_SETS.v4, false],
      [BAN_SETS.v6, true],
    ] as const) {
      const ours = batch.filter(([address]) => address.includes(':') === isV6);
      if (ours.length === 0) continue;
      const all = ours.map(([address]) => address).join(', ');
      // An element keeps the timeout that it has, and deleting one that the kernel has dropped fails the whole run.
      lines.push(`add element inet ${TABLE} ${name} { ${all} }`, `delete element inet ${TABLE} ${name} { ${all} }`);
      const added = ours.flatMap(([address, ban]) => (ban === undefined ? [] : this.#element(address, ban.untilMs)));
      if (added.length > 0) lines.push(`add element inet ${TABLE} ${name} { ${added.join(', ')} }`);
    }
    return lines;
  }

  /** An empty list for a ban that is over. */
  #element(text: string, untilMs: number): string[] {
    const restS = Math.ceil((untilMs - this.#options.clock.nowMs()) / 1000);
    if (restS <= 0) return [];
    return [restS > TIMEOUT_MAX_S ? text : `${text} timeout ${restS}s`];
  }

  /** All of them: one that ends may lay bare others inside it. */
  #networkLines(): string[] {
    const bans = new Map<string, Ban>();
    for (const ban of this.#options.index.bans()) {
      if (ban.subject.kind === 'network') bans.set(ban.subject.value, ban);
    }
    const { v4, v6 } = disjointNetworks(bans.keys());
    const { entriesMax } = this.#rules;
    if (v4.length > entriesMax || v6.length > entriesMax) this.#tellFull();
    return [[BAN_SETS.networks4, v4] as const, [BAN_SETS.networks6, v6] as const].flatMap(([name, networks]) => {
      const elements = networks
        .slice(0, entriesMax)
        .flatMap((network) => this.#element(network, bans.get(network)!.untilMs));
      const flush = `flush set inet ${TABLE} ${name}`;
      return elements.length === 0 ? [flush] : [flush, `add element inet ${TABLE} ${name} { ${elements.join(', ')} }`];
    });
  }

  /** What was laid last is still sent. The sets stay as they are: their timeouts run on without us. */
  async close(): Promise<void> {
    this.#timer?.cancel();
    this.#isClosed = true;
    await this.#running;
    if (this.#rules.enabled && !this.#isFailing && this.#hasWork()) await this.#step();
  }
}
