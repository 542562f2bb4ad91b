/** Overload control: measures what can run out, and answers in stages, so that known-good clients notice last. */
import type { Clock, Timer } from '../../base/clock.ts';
import type { Emit } from '../../base/events.ts';
import { Reason } from '../../mqtt/reason.ts';
import type { Client } from '../../pipeline/client.ts';
import type { Connection } from '../../pipeline/connection.ts';
import { KnownAddresses } from '../../pipeline/known-addresses.ts';
import { isKnownGood, type KnownGoodRules } from '../../pipeline/known-good.ts';
import { idleBeyond, idlestFirst, newestFirst, strangersFirst } from '../../pipeline/shedding.ts';
import { Admission, type AdmissionOptions } from '../../transports/admission.ts';
import type { Doors } from '../../transports/waiting-room.ts';
import { descriptorLimit, type MeasureLimits, type Measures, type Reading } from './measures.ts';
import { type Stage, Stages } from './stages.ts';

export interface OverloadOptions extends AdmissionOptions, MeasureLimits {
  readonly enabled: boolean;
  readonly idleAfterMs: number;
  readonly idlePerAddressMaxPercent: number;
  readonly knownGood: KnownGoodRules;
}

/** What it acts on. */
export interface OverloadSubjects {
  connections(): Iterable<Connection>;
  /** The ceilings of the listeners that are open. */
  listeners(): Iterable<{ readonly name: string; readonly connectionsMax: number; readonly connections: number }>;
  /** What clients may do, from 1 (all that they were given) down. */
  setScale(scale: number): void;
}

const SAMPLE_MS = 500;
/** Of the connections that are open, with each sample. */
const SHED_SHARE = 0.01;
const TIGHTENED_SCALE = 0.5;
/** A listener that is as full makes room, by idle connections, until it is no more than so full. */
const FULL_SHARE = 0.9;
const ROOMY_SHARE = 0.85;
/** Of the descriptors, those without CONNACK: whoever fills the door must not take those of clients. */
const HALF_OPEN_SHARE = 0.5;
/** Samples between two looks at how many idle connections an address holds. */
const IDLE_LOOK_SAMPLES = 10;
/** Nothing but connections frees these; shedding a client because another keeps the processor busy helps nobody for long. */
const HARD: ReadonlySet<Reading['measure']> = new Set(['memory', 'heap', 'descriptors']);
const DOORS: readonly Doors[] = ['open', 'strangers', 'shut', 'shut'];

const NO_PRESSURE: Reading = { measure: 'eventLoopDelay', value: 0, limit: 1 };

export class Overload {
  readonly admission: Admission;
  readonly #clock: Clock;
  readonly #emit: Emit;
  readonly #subjects: OverloadSubjects;
  readonly #known = new KnownAddresses();
  #options: OverloadOptions;
  #measures: Measures | undefined;
  #readings: readonly Reading[] = [];
  #stages = new Stages();
  #timer: Timer | undefined;
  #samples = 0;

  constructor(options: OverloadOptions, subjects: OverloadSubjects, { clock, emit }: { clock: Clock; emit: Emit }) {
    this.#options = options;
    this.#subjects = subjects;
    this.#clock = clock;
    this.#emit = emit;
    this.admission = new Admission(admissionOf(options), clock, (address) => this.#known.has(address, clock.nowMs()));
  }

  get stage(): Stage {
    return this.#stages.stage;
  }

  /** As they were looked at last. */
  get readings(): readonly Reading[] {
    return this.#readings;
  }

  /** Begins to look. */
  start(measures: Measures): void {
    this.#measures = measures;
    this.#arm();
  }

  configure(options: OverloadOptions): void {
    this.#options = options;
    this.admission.configure(admissionOf(options));
    if (options.enabled || this.stage === 0) return;
    this.#stages = new Stages();
    this.#answer(0, NO_PRESSURE);
  }

  close(): void {
    this.#timer?.cancel();
    this.#measures?.close();
  }

  isKnownGood(client: Client): boolean {
    return isKnownGood(client, this.#options.knownGood, this.#clock.nowMs());
  }

  /** A connection has ended: where it was known to be good, its address is remembered. */
  gone(client: Client): void {
    if (this.isKnownGood(client)) this.#known.remember(client.downstream.address, this.#clock.nowMs());
  }

  #arm(): void {
    this.#timer = this.#clock.after(SAMPLE_MS, () => {
      this.#arm();
      this.#sample();
    });
  }

  #sample(): void {
    this.#samples++;
    const readings = this.#measures?.read() ?? [];
    this.#readings = readings;
    if (!this.#options.enabled) return;
    let worst = NO_PRESSURE;
    for (const reading of readings) if (shareOf(reading) > shareOf(worst)) worst = reading;
    const before = this.stage;
    const stage = this.#stages.take(shareOf(worst));
    if (stage !== before) this.#tell(before, worst);
    this.#answer(stage, worst);
    this.#makeRoom();
  }

  #tell(before: Stage, worst: Reading): void {
    const { stage } = this;
    const { measure } = worst;
    const [value, limit] = [Math.round(worst.value), Math.round(worst.limit)];
    if (stage > before && stage !== 0) {
      if (before === 0) this.#rememberKnown();
      this.#emit({ name: 'overload.entered', stage, measure, value, limit, says: SAYS[stage] });
    } else if (before !== 0) {
      this.#emit({ name: 'overload.left', stage: before, measure, value, limit });
    }
  }

  #rememberKnown(): void {
    for (const { client } of this.#subjects.connections()) this.gone(client);
  }

  #answer(stage: Stage, worst: Reading): void {
    const { room } = this.admission;
    if (room.doors !== DOORS[stage]) room.doors = DOORS[stage]!;
    this.#subjects.setScale(stage === 3 ? TIGHTENED_SCALE : 1);
    if (stage >= 1 && HARD.has(worst.measure)) this.#evict(this.#idlest(this.#portion()), `overload:${worst.measure}`);
    if (stage >= 2) this.#shed(worst);
  }

  /** How many go with one sample: so few that the effect is seen before the next go. */
  #portion(): number {
    let count = 0;
    for (const _ of this.#subjects.connections()) count++;
    return Math.max(1, Math.ceil(count * SHED_SHARE));
  }

  #shed(worst: Reading): void {
    const { knownGood } = this.#options;
    const count = this.#portion();
    const by = `overload:${worst.measure}`;
    const says = 'the gateway is overloaded; come back later';
    let victims = strangersFirst(this.#subjects.connections(), count, knownGood, this.#clock.nowMs());
    // To run out of memory or descriptors would end all of them.
    const isLast = victims.length === 0 && HARD.has(worst.measure) && shareOf(worst) >= 1;
    if (isLast) victims = newestFirst(this.#subjects.connections(), count);
    for (const connection of victims) this.#end(connection, 'shed', by, says);
  }

  /** Idle connections give way where a listener is nearly full, and where one address holds many. */
  #makeRoom(): void {
    for (const { name, connectionsMax, connections } of this.#subjects.listeners()) {
      const by = 'limit:connectionsMax';
      if (connections >= FULL_SHARE * connectionsMax) {
        const count = Math.ceil(connections - ROOMY_SHARE * connectionsMax);
        this.#evict(this.#idlest(count, name), by);
      }
      if (this.#samples % IDLE_LOOK_SAMPLES !== 0) continue;
      const perAddressMax = Math.max(1, Math.floor((connectionsMax * this.#options.idlePerAddressMaxPercent) / 100));
      const victims = idleBeyond(this.#of(name), perAddressMax, this.#idle, this.#clock.nowMs());
      this.#evict(victims, 'limit:idlePerAddressMax');
    }
  }

  get #idle() {
    return { afterMs: this.#options.idleAfterMs, rules: this.#options.knownGood };
  }

  #idlest(count: number, listener?: string): Connection[] {
    const connections = listener === undefined ? this.#subjects.connections() : this.#of(listener);
    return idlestFirst(connections, count, this.#idle, this.#clock.nowMs());
  }

  *#of(listener: string): Generator<Connection> {
    for (const connection of this.#subjects.connections()) {
      if (connection.client.downstream.listener === listener) yield connection;
    }
  }

  #evict(victims: readonly Connection[], by: string): void {
    for (const connection of victims) {
      this.#end(connection, 'evicted', by, 'the connection was idle, and its place is needed');
    }
  }

  #end(connection: Connection, action: 'shed' | 'evicted', by: string, says: string): void {
    const reason = Reason.ServerBusy;
    this.#emit({ name: 'connection.shed', ...connection.client.facts(), action, reason, by, says });
    connection.shut(reason, by, says);
  }
}

const SAYS: Readonly<Record<Exclude<Stage, 0>, string>> = {
  1: 'new connections wait, but for those from known addresses',
  2: 'new connections wait, and the newest clients are shed, anonymous ones first',
  3: "new connections wait, the newest clients are shed, and every client's budgets are halved",
};

function shareOf({ value, limit }: Reading): number {
  return value / limit;
}

/** As configured, within what the system gives. */
function admissionOf(options: OverloadOptions): AdmissionOptions {
  const descriptorsMax = options.descriptorsMax ?? descriptorLimit() ?? Number.POSITIVE_INFINITY;
  return { ...options, halfOpenMax: Math.min(options.halfOpenMax, Math.ceil(descriptorsMax * HALF_OPEN_SHARE)) };
}
