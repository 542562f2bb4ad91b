/** What a measure is: rows to go through with every peer, round by round, and the figures that each gives. */
import type { QoS } from '../../src/mqtt/wire.ts';
import type { PeerName, Stage } from '../stage.ts';

export interface Metric {
  readonly key: string;
  readonly title: string;
  readonly unit: string;
  readonly better: 'more' | 'less';
  readonly digits: number;
  /** Explains another one, and has no chart. */
  readonly isAside?: boolean;
}

/** Values by the key of the metric. */
export interface Sample {
  readonly values: Readonly<Record<string, number>>;
  /** Whether all was delivered, acknowledged or accepted that should have been. */
  readonly isComplete: boolean;
}

export interface Row {
  readonly title: string;
  run(peer: PeerName, stage: Stage): Promise<Sample | undefined>;
}

export interface Measure {
  readonly name: string;
  readonly title: string;
  /** How it is done, in a sentence. */
  readonly method: string;
  readonly metrics: readonly Metric[];
  readonly peers: readonly PeerName[];
  /** To which peer the others are compared. */
  readonly baseline: PeerName;
  readonly rows: readonly Row[];
}

/** How long, how much, and what is left out. */
export interface Scale {
  readonly warmUpMs: number;
  readonly durationMs: number;
  readonly connections: readonly number[];
  readonly idleConnections: number;
  /**
   * Connected before memory is looked at, and how long they are there by then: what a process has but once is there too, such as what
   * it compiles when it has much to do, and what it loads some seconds after its start.
   */
  readonly firstConnections: number;
  readonly firstMs: number;
  /** How long memory is left to settle before it is looked at. */
  readonly settleMs: number;
  readonly payloadBytes: readonly number[];
  /** Of the throughput measure. */
  readonly qos: readonly QoS[];
  readonly rates: readonly number[];
  readonly latencyMs: number;
  readonly countedMessages: number;
}

let count = 0;

/** No two loads of a run share a client identifier or a topic. */
export function mark(): string {
  return `b${count++}`;
}
