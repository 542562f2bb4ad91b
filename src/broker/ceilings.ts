/** What the broker will not exceed, and the event that says when it would have. All of it can change while it runs. */
import type { Clock } from '../base/clock.ts';
import type { Emit } from '../base/events.ts';

export interface BrokerCeilings {
  /** Sessions, connected or not. Beyond: a CONNECT that needs a new one is refused with 0x97. */
  readonly sessionsMax: number;
  /**
   * Longest Session Expiry Interval; a v5 client that asks for more is told [MQTT5 3.2.2.3.2]. It is also what Clean Session 0
   * means for 3.1 and 3.1.1, whose specifications let a server discard old sessions. 0xFFFFFFFF is never.
   */
  readonly sessionExpiryMaxS: number;
  /** Subscriptions of one session. Beyond: the filter is refused with 0x97 (0x80 below v5). */
  readonly subscriptionsPerSessionMax: number;
  /** QoS 1 and 2 messages that wait for one session. Beyond: the newest is not queued; it is counted. */
  readonly queuedMessagesMax: number;
  /** Their bytes: topic, properties, payload. */
  readonly queuedBytesMax: number;
  /** QoS 1 and 2 messages under way to one client at once, also where its Receive Maximum allows more. */
  readonly inflightMax: number;
  /** Receive Maximum that v5 clients are told: their QoS 1 and 2 messages under way to us. Beyond: 0x93. */
  readonly receiveMaximum: number;
  /** QoS 0 messages kept for a client that reads too slowly. Beyond: the newest is dropped; it is counted. */
  readonly qos0QueueMax: number;
  readonly qos0QueuedBytesMax: number;
  /** Retained messages. Beyond: the message is delivered but not retained, and answered with 0x97. */
  readonly retainedMessagesMax: number;
  readonly retainedBytesMax: number;
  /** Topic aliases used towards one client, also where its Topic Alias Maximum allows more. */
  readonly topicAliasesMax: number;
  /** Wills whose delay runs. Beyond: the Will is published at once. */
  readonly willDelaysMax: number;
  /** Seconds between two rounds of `$SYS` topics; 0 turns them off. */
  readonly sysIntervalS: number;
}

const DAY_S = 86_400;

export const DEFAULT_CEILINGS: BrokerCeilings = Object.freeze({
  sessionsMax: 100_000,
  sessionExpiryMaxS: 7 * DAY_S,
  subscriptionsPerSessionMax: 1_000,
  queuedMessagesMax: 1_000,
  queuedBytesMax: 4 * 1024 * 1024,
  inflightMax: 64,
  receiveMaximum: 1_024,
  qos0QueueMax: 1_000,
  qos0QueuedBytesMax: 1024 * 1024,
  retainedMessagesMax: 100_000,
  retainedBytesMax: 256 * 1024 * 1024,
  topicAliasesMax: 64,
  willDelaysMax: 10_000,
  sysIntervalS: 30,
});

/** Of options that hold more, those that are ceilings and given. */
export function ceilingsOf(options: Partial<BrokerCeilings>): Partial<BrokerCeilings> {
  const names = Object.keys(DEFAULT_CEILINGS) as (keyof BrokerCeilings)[];
  return Object.fromEntries(names.filter((name) => options[name] !== undefined).map((name) => [name, options[name]]));
}

/** A ceiling that is hit again and again is told of once in this time, with the number of times. */
const TELL_AGAIN_MS = 5_000;

export class Ceilings {
  current: BrokerCeilings;
  readonly #clock: Clock;
  readonly #emit: Emit;
  readonly #told = new Map<string, { atMs: number; untold: number }>();

  constructor(current: Partial<BrokerCeilings>, clock: Clock, emit: Emit) {
    this.current = { ...DEFAULT_CEILINGS, ...current };
    this.#clock = clock;
    this.#emit = emit;
  }

  /** `says` is one plain sentence on what was done about it. */
  reached(ceiling: keyof BrokerCeilings, says: string, clientId?: string): void {
    const nowMs = this.#clock.nowMs();
    const told = this.#told.get(ceiling);
    if (told !== undefined && nowMs - told.atMs < TELL_AGAIN_MS) {
      told.untold++;
      return;
    }
    const untold = told?.untold ?? 0;
    this.#told.set(ceiling, { atMs: nowMs, untold: 0 });
    this.#emit({
      name: 'ceiling.reached',
      ceiling: `broker.${ceiling}`,
      limit: this.current[ceiling],
      says: untold === 0 ? says : `${says} (and ${untold} times more since this was last said)`,
      ...(clientId === undefined ? {} : { clientId }),
    });
  }
}
