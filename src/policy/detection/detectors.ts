/** The detectors that are on, and the way to each of them: of an event, and of a sample. */
import { BoundedMap } from '../../base/bounded-map.ts';
import type { EventName, GatewayEvent } from '../../base/events.ts';
import { networkOf } from '../../base/ip-address.ts';
import type { KeyedHash } from '../../base/keyed-hash.ts';
import { Attacks, type OpenAttack } from './attacks.ts';
import type { ClientSample } from './client-sample.ts';
import type { Responder, Subject } from './detection.ts';
import type { Contract, DetectorSettings, Seen, Tally, TallyOptions, Tools, Watch } from './detector.ts';
import { exampleOf } from './evidence.ts';
import { DETECTOR_NAMES, type DetectorName, detectorKind, type SettingsByDetector } from './registry.ts';
import { isReached, SuspectTable } from './suspect-table.ts';

export interface DetectionSettings extends SettingsByDetector {
  readonly enabled: boolean;
  readonly trackedMax: number;
  readonly networkPrefixV4: number;
  readonly networkPrefixV6: number;
  readonly repeatAfterMs: number;
}

export interface DetectorsOptions {
  readonly emit: (event: GatewayEvent) => void;
  readonly responder: Responder;
  /** Secret: whoever knew it could choose names that are counted as one. */
  readonly hash: KeyedHash;
}

/** Names are fewer than addresses: whoever is counted by one has mostly logged in. */
const NAMES_SHARE = 4;
/** Suspects of whom examples are kept, and how many. */
const EXAMPLES_KEYS_MAX = 1024;
const EXAMPLES_MAX = 5;
/** How often it is told that tables are full. */
const FULL_TOLD_EVERY_MS = 600_000;

type AnyHandler = (event: GatewayEvent, nowMs: number) => void;

export class Detectors {
  readonly #options: DetectorsOptions;
  readonly #attacks: Attacks;
  readonly #watches = new Map<DetectorName, Watch>();
  readonly #tables = new Map<DetectorName, SuspectTable[]>();
  #handlers = new Map<EventName, readonly AnyHandler[]>();
  #samplers: readonly NonNullable<Watch['sample']>[] = [];
  #settings: DetectionSettings;
  #nowMs = 0;
  #fullToldMs = Number.NEGATIVE_INFINITY;

  constructor(settings: DetectionSettings, options: DetectorsOptions) {
    this.#settings = settings;
    this.#options = options;
    const { emit, responder } = options;
    this.#attacks = new Attacks({ emit, responder, repeatAfterMs: () => this.#settings.repeatAfterMs });
    for (const name of DETECTOR_NAMES) this.#build(name);
    this.#index();
  }

  /** Attacks that are going on. */
  get attacks(): number {
    return this.#attacks.count;
  }

  /** Those of them with the highest scores. */
  openAttacks(nowMs: number, countMax: number): OpenAttack[] {
    return this.#attacks.list(nowMs, countMax);
  }

  /** Memory of all tables. */
  get tableBytes(): number {
    return [...this.#tables.values()].flat().reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /** Puts other settings into force: a detector whose own have changed begins anew, the others go on. */
  configure(settings: DetectionSettings, isChanged: (name: DetectorName) => boolean): void {
    this.#settings = settings;
    for (const name of DETECTOR_NAMES) {
      if (!isChanged(name)) continue;
      this.#attacks.forget(name);
      this.#build(name);
    }
    this.#index();
  }

  observe(event: GatewayEvent, nowMs: number): void {
    const handlers = this.#handlers.get(event.name);
    if (handlers === undefined) return;
    this.#nowMs = nowMs;
    for (const handler of handlers) handler(event, nowMs);
  }

  sample(sample: ClientSample, nowMs: number): void {
    this.#nowMs = nowMs;
    for (const take of this.#samplers) take(sample, nowMs);
  }

  /** Tells which attacks are over; called now and then. */
  settle(nowMs: number): void {
    this.#attacks.settle(nowMs);
  }

  #build(name: DetectorName): void {
    this.#tables.set(name, []);
    this.#watches.delete(name);
    const settings: DetectorSettings = this.#settings[name];
    if (!this.#settings.enabled || !settings.enabled) return;
    const { contract, build } = detectorKind(name);
    this.#watches.set(name, build(settings, this.#toolsOf(name, contract, settings)));
  }

  #index(): void {
    const handlers = new Map<EventName, AnyHandler[]>();
    for (const { on = {} } of this.#watches.values()) {
      for (const [name, handler] of Object.entries(on) as [EventName, AnyHandler][]) {
        handlers.set(name, [...(handlers.get(name) ?? []), handler]);
      }
    }
    this.#handlers = handlers;
    this.#samplers = [...this.#watches.values()].flatMap(({ sample }) => sample ?? []);
  }

  #toolsOf(name: DetectorName, contract: Contract, settings: DetectorSettings): Tools {
    const raise: Tools['raise'] = (finding, nowMs) => this.#attacks.take(contract, settings, finding, nowMs);
    const table: Tools['table'] = (options) => this.#table(name, options);
    return {
      raise,
      table,
      tally: (options) => new RaisingTally(options, table(options), raise),
      source: (address) => this.#source(address),
      network: (address) => this.#network(address),
    };
  }

  #table(name: DetectorName, { by, halfLifeMs, tellsApart = false }: Parameters<Tools['table']>[0]): SuspectTable {
    const { trackedMax } = this.#settings;
    const table = new SuspectTable({
      hash: this.#options.hash,
      halfLifeMs,
      keysMax: by === 'address' ? trackedMax : Math.ceil(trackedMax / NAMES_SHARE),
      tellsApart,
      onEvict: () => this.#tellFull(),
    });
    this.#tables.get(name)!.push(table);
    return table;
  }

  #tellFull(): void {
    if (this.#nowMs - this.#fullToldMs < FULL_TOLD_EVERY_MS) return;
    this.#fullToldMs = this.#nowMs;
    this.#options.emit({
      name: 'ceiling.reached',
      ceiling: 'detection.trackedMax',
      limit: this.#settings.trackedMax,
      says: 'more are suspect at once than are remembered; the least suspect make room',
    });
  }

  #source(address: string): Subject {
    // Whoever has one IPv6 address has its whole network.
    return address.includes(':') ? this.#network(address) : { kind: 'address', value: address };
  }

  #network(address: string): Subject {
    const { networkPrefixV4, networkPrefixV6 } = this.#settings;
    const isWhole = address.includes(':') ? networkPrefixV6 === 128 : networkPrefixV4 === 32;
    if (isWhole) return { kind: 'address', value: address };
    return { kind: 'network', value: networkOf(address, networkPrefixV4, networkPrefixV6) };
  }
}

class RaisingTally implements Tally {
  readonly #options: TallyOptions;
  readonly #table: SuspectTable;
  readonly #raise: Tools['raise'];
  /** Of those who are half of the way to the threshold. */
  readonly #examples = new BoundedMap<string, string[]>({ entriesMax: EXAMPLES_KEYS_MAX });

  constructor(options: TallyOptions, table: SuspectTable, raise: Tools['raise']) {
    this.#options = options;
    this.#table = table;
    this.#raise = raise;
  }

  add(subject: Subject, weight: number, seen: Seen, nowMs: number): void {
    this.#judge(subject, this.#table.add(this.#keyOf(subject), weight, nowMs), seen, nowMs);
  }

  addDistinct(subject: Subject, value: string, seen: Seen, nowMs: number): void {
    this.#judge(subject, this.#table.addDistinct(this.#keyOf(subject), value, nowMs), seen, nowMs);
  }

  /** A user and a client may have one name. */
  #keyOf({ kind, value }: Subject): string {
    return this.#options.by === 'address' ? value : `${kind} ${value}`;
  }

  #judge(subject: Subject, count: number, { origin, example }: Seen, nowMs: number): void {
    const { threshold, isCulprit = true, does } = this.#options;
    if (2 * count < threshold) return;
    const examples = this.#remember(this.#keyOf(subject), example);
    if (!isReached(count, threshold)) return;
    const windowMs = this.#table.halfLifeMs;
    this.#raise(
      { subject, isCulprit, count, threshold, windowMs, does: does(Math.round(count)), examples, origin },
      nowMs,
    );
  }

  #remember(key: string, example: string | undefined): readonly string[] {
    const known = this.#examples.get(key) ?? [];
    if (example === undefined || known.length >= EXAMPLES_MAX) return known;
    const short = exampleOf(example);
    if (known.includes(short)) return known;
    const kept = [...known, short];
    this.#examples.set(key, kept);
    return kept;
  }
}
