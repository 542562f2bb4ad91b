/** What a load process is told, and what it tells. */
import type { QoS } from '../../src/mqtt/wire.ts';

/** Whom to speak to. */
export interface Target {
  readonly host: string;
  readonly port: number;
  readonly tls: boolean;
  /** Key exchange that is offered, such as X25519; without one, OpenSSL's own choice. */
  readonly group?: string;
  readonly username?: string;
  readonly password?: string;
  /** Processes whose processor time is charged to the target. */
  readonly pids: readonly number[];
}

interface BasePlan extends Target {
  /** Begins every client identifier. */
  readonly prefix: string;
}

/** As many messages as the target takes. */
export interface FloodPlan extends BasePlan {
  readonly kind: 'flood';
  readonly topicRoot: string;
  /** `all`: every subscriber gets every message. `pairs`: publisher i to subscriber i. */
  readonly pattern: 'all' | 'pairs';
  readonly publishers: number;
  readonly subscribers: number;
  /** Topics that each publisher uses in turn. */
  readonly topicsPerPublisher: number;
  /** Deliveries that one message makes; 0 where nobody subscribes. */
  readonly copies: number;
  readonly qos: QoS;
  readonly payloadBytes: number;
  /** QoS 1 and 2 messages of one publisher under way at once. */
  readonly window: number;
  /** Messages in one write, at the most. */
  readonly batch: number;
  /** QoS 0: how many deliveries the publishers may be ahead of the subscribers. */
  readonly aheadMax: number;
  /** Before anything is counted. */
  readonly warmUpMs: number;
  readonly durationMs: number;
  /** Ends earlier, after as many; 0 is no such end. */
  readonly messages: number;
}

export interface FloodResult {
  /** Within the measured time. */
  readonly sent: number;
  readonly received: number;
  readonly acknowledged: number;
  readonly elapsedMs: number;
  /** Processor time of the target's processes, and of the load's own, within the measured time. */
  readonly targetMs: number;
  readonly loadMs: number;
  /** From the first message to the last answer. */
  readonly totalSent: number;
  readonly totalReceived: number;
  readonly totalAcknowledged: number;
  readonly refused: number;
}

/** Messages at a fixed rate, whether or not the target keeps up. */
export interface PacedPlan extends BasePlan {
  readonly kind: 'paced';
  readonly topicRoot: string;
  readonly publishers: number;
  readonly qos: QoS;
  readonly payloadBytes: number;
  readonly ratePerS: number;
  readonly warmUpMs: number;
  readonly durationMs: number;
}

export interface PacedResult {
  readonly sent: number;
  readonly received: number;
  readonly p50Us: number;
  readonly p99Us: number;
  readonly p999Us: number;
  readonly maxUs: number;
}

/** Connections that do nothing, until the process is told to end. */
export interface IdlePlan extends BasePlan {
  readonly kind: 'idle';
  readonly connections: number;
}

export interface IdleResult {
  readonly connected: number;
}

/** TLS handshakes, one after the other on a few lanes. */
export interface HandshakePlan extends BasePlan {
  readonly kind: 'handshakes';
  readonly isResumed: boolean;
  readonly group: string;
  readonly lanes: number;
  readonly warmUpMs: number;
  readonly durationMs: number;
}

export interface HandshakeResult {
  readonly handshakes: number;
  /** Of these, how many were as asked: resumed, or full. */
  readonly asAsked: number;
  readonly elapsedMs: number;
  readonly targetMs: number;
}

/** All clients are cut off and come back at once. */
export interface StormPlan extends BasePlan {
  readonly kind: 'storm';
  readonly connections: number;
  readonly deadlineMs: number;
}

export interface StormResult {
  readonly returned: number;
  readonly refused: number;
  readonly elapsedMs: number;
}

/** Messages at a fixed rate for a long time, while other clients come and go. */
export interface SoakPlan extends BasePlan {
  readonly kind: 'soak';
  readonly topicRoot: string;
  /** As many publishers as subscribers: the first to the first. QoS 1. */
  readonly pairs: number;
  readonly payloadBytes: number;
  readonly ratePerS: number;
  /** Clients that connect, subscribe, get a message of their own and leave. */
  readonly visitsPerS: number;
  readonly durationMs: number;
}

export interface SoakResult {
  readonly sent: number;
  readonly acknowledged: number;
  readonly received: number;
  readonly visits: number;
  /** Visits that did not get what they came for. */
  readonly visitsFailed: number;
  readonly firstFailure: string;
}

export type LoadPlan = FloodPlan | PacedPlan | IdlePlan | HandshakePlan | StormPlan | SoakPlan;

export interface LoadResults {
  readonly flood: FloodResult;
  readonly paced: PacedResult;
  readonly idle: IdleResult;
  readonly handshakes: HandshakeResult;
  readonly storm: StormResult;
  readonly soak: SoakResult;
}
