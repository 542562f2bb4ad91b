/** One client's decisions about topics that it has asked about before. */
import { BoundedMap } from '../../base/bounded-map.ts';
import type { AccessDecision, ClientAuthorization, DecisionWatch } from './decision.ts';
import { watched } from './decision-watch.ts';

/**
 * Decisions kept for each client and direction, and the longest topic kept with one: at most 32 KiB a client that tries to
 * fill them with topics of its own invention.
 */
const DECISIONS_MAX = 64;
const TOPIC_KEPT_MAX_CHARS = 256;

/** Made with the first decision: most clients only ever ask in one direction. */
export class DecisionCache {
  readonly #decide: (topic: string) => AccessDecision;
  #decisions: BoundedMap<string, AccessDecision> | undefined;

  constructor(decide: (topic: string) => AccessDecision) {
    this.#decide = decide;
  }

  of(topic: string): AccessDecision {
    const known = this.#decisions?.get(topic);
    if (known !== undefined) return known;
    const decision = this.#decide(topic);
    if (topic.length <= TOPIC_KEPT_MAX_CHARS) {
      this.#decisions ??= new BoundedMap({ entriesMax: DECISIONS_MAX });
      this.#decisions.set(topic, decision);
    }
    return decision;
  }
}

/** The rights of a client that has none. */
export function denyAll(by: string, watch?: DecisionWatch): ClientAuthorization {
  const decision: AccessDecision = Object.freeze({ allowed: false, by });
  const answer = (): AccessDecision => decision;
  if (watch === undefined) return Object.freeze({ publish: answer, receive: answer, subscribe: answer });
  const published = new DecisionCache(watched(watch, 'publish', answer));
  const received = new DecisionCache(watched(watch, 'receive', answer));
  return Object.freeze({
    publish: (topic: string) => published.of(topic),
    receive: (topic: string) => received.of(topic),
    subscribe: watched(watch, 'subscribe', answer),
  });
}
