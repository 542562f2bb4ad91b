/** What every detector is made of: a contract for people, and handlers for what it sees. */
import type { EventName, GatewayEvent } from '../../base/events.ts';
import type { ClientSample } from './client-sample.ts';
import type { Origin, Response, Severity, Subject } from './detection.ts';
import type { SuspectTable } from './suspect-table.ts';

/** The keys that each detector has in the configuration. */
export interface DetectorSettings {
  readonly enabled: boolean;
  readonly responses: readonly Response[];
}

export interface Contract {
  /** Its key in the section `detection` of the configuration. */
  readonly name: string;
  /** What it looks at. */
  readonly sees: string;
  /** What it takes for an attack. */
  readonly says: string;
  readonly severity: Severity;
  /** Of AWS IoT Device Defender. */
  readonly metric?: string;
  /** Of ATT&CK: Enterprise, or for ICS. */
  readonly technique: string;
}

export type Handlers = {
  readonly [Name in EventName]?: (event: Extract<GatewayEvent, { name: Name }>, nowMs: number) => void;
};

export interface Watch {
  readonly on?: Handlers;
  readonly sample?: (sample: ClientSample, nowMs: number) => void;
}

/** A count over its threshold. */
export interface Finding {
  readonly subject: Subject;
  /** False where acting on the subject would hurt a victim, or nobody in particular. */
  readonly isCulprit: boolean;
  readonly count: number;
  readonly threshold: number;
  readonly windowMs: number;
  /** The sentence's predicate: `failed to log in 12 times`. */
  readonly does: string;
  readonly examples: readonly string[];
  readonly origin: Origin;
}

export interface TallyOptions {
  /** Whether it counts by address or network, of which there may be many, or by something that clients are called. */
  readonly by: 'address' | 'name';
  readonly threshold: number;
  readonly halfLifeMs: number;
  /** The predicate of a sentence, of a count. */
  readonly does: (count: number) => string;
  /** False where acting on the subject would hurt a victim; otherwise it is acted on. */
  readonly isCulprit?: boolean;
  /** Whether `addDistinct` is used. */
  readonly tellsApart?: boolean;
}

/** Counts by subject, and raises what is over the threshold. */
export interface Tally {
  add(subject: Subject, weight: number, seen: Seen, nowMs: number): void;
  /** Counts different values. */
  addDistinct(subject: Subject, value: string, seen: Seen, nowMs: number): void;
}

/** Where it was seen, and an example of it. */
export interface Seen {
  readonly origin: Origin;
  /** What the peer sent, as it came: it is cut before it is kept. */
  readonly example?: string | undefined;
}

export interface Tools {
  tally(options: TallyOptions): Tally;
  /** For counts that are no attack by themselves. */
  table(options: { by: 'address' | 'name'; halfLifeMs: number; tellsApart?: boolean }): SuspectTable;
  /** Whoever is behind an address: itself, or its network where it is of IPv6. */
  source(address: string): Subject;
  network(address: string): Subject;
  raise(finding: Finding, nowMs: number): void;
}

export interface DetectorKind<Settings extends DetectorSettings = DetectorSettings> {
  readonly contract: Contract;
  build(settings: Settings, tools: Tools): Watch;
}
