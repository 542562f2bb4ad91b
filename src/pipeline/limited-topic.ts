/** What is kept for a topic that has limits of its own: each message is measured, beside what else it depends on. */
import type { PublishView } from '../mqtt/publish-view.ts';
import { Reason } from '../mqtt/reason.ts';
import { excess } from '../policy/limits/excess.ts';
import { Meter } from '../policy/limits/meter.ts';
import type { ScopeState } from '../policy/limits/scope-state.ts';
import { tooMuch } from './checks/publish-rate.ts';
import type { Client } from './client.ts';
import type { DependingGrant } from './depending-grant.ts';
import type { PublishPermit } from './permit.ts';
import { type Delay, type Denial, exceeds } from './verdict.ts';

interface TopicSize {
  readonly maxBytes: number;
  readonly exceeded: Denial;
}

/** The tightest ceiling that a topic has, where it has one. */
export function topicSize(states: readonly ScopeState[]): TopicSize | undefined {
  let tightest: TopicSize | undefined;
  for (const { scope, key, limits } of states) {
    for (const { name, value, text, source } of limits) {
      if (name !== 'packetSizeMax' || value.form !== 'ceiling' || value.max >= (tightest?.maxBytes ?? Infinity))
        continue;
      const exceeded = exceeds('refuse', Reason.QuotaExceeded, excess(scope, key, name, text, source));
      tightest = { maxBytes: value.max, exceeded };
    }
  }
  return tightest;
}

export class LimitedTopic {
  readonly kind = 'depends';
  readonly #client: Client;
  readonly #outcome: PublishPermit | DependingGrant;
  readonly #meter: Meter | undefined;
  readonly #size: TopicSize | undefined;

  constructor(client: Client, outcome: PublishPermit | DependingGrant, states: readonly ScopeState[]) {
    this.#client = client;
    this.#outcome = outcome;
    const budgets = states.flatMap((state) => state.budgets);
    this.#meter = budgets.length === 0 ? undefined : new Meter(budgets);
    this.#size = topicSize(states);
  }

  judge(packet: PublishView): PublishPermit | Denial | Delay {
    const outcome = this.#outcome.kind === 'depends' ? this.#outcome.judge(packet) : this.#outcome;
    if (outcome.kind !== 'pass') return outcome;
    const bytes = packet.end - packet.start;
    if (this.#size !== undefined && bytes > this.#size.maxBytes) return this.#size.exceeded;
    const lacking = this.#meter?.charge(1, bytes, this.#client.membership?.nowMs ?? 0);
    return lacking === undefined ? outcome : tooMuch(lacking, packet.qos, bytes);
  }
}
