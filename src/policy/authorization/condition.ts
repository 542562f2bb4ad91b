/** A grant's conditions at work: what the client decides once and for all, and what is left for each message. */
import type { Clock } from '../../base/clock.ts';
import { NetworkSet } from '../../base/ip-address.ts';
import type { PublishFacts, Subject } from './decision.ts';
import { HoursWindow } from './hours.ts';
import type { Conditions } from './policy-form.ts';
import { Holds } from './trie-search.ts';

export class Condition {
  readonly #when: Conditions;
  readonly #clock: Clock;
  readonly #networks: NetworkSet | undefined;
  readonly #hours: readonly HoursWindow[] | undefined;
  /** Whether anything is left once the client is known. */
  readonly #isOpen: boolean;

  constructor(when: Conditions, clock: Clock) {
    this.#when = when;
    this.#clock = clock;
    this.#networks = when.networks && new NetworkSet(when.networks);
    this.#hours = when.hours?.map((hours) => new HoursWindow(hours));
    const { qosMax, retain, payloadMaxBytes, hours } = when;
    this.#isOpen = [qosMax, retain, payloadMaxBytes, hours].some((part) => part !== undefined);
  }

  /** What is not known of a client speaks against it: then a deny applies, and an allow does not. */
  stateFor({ address, listener, secure }: Subject, isDeny: boolean): Holds {
    const { listeners, tls } = this.#when;
    const networks = this.#networks;
    if (networks !== undefined && !(address === undefined ? isDeny : networks.has(address))) return Holds.NEVER;
    if (listeners !== undefined && !(listener === undefined ? isDeny : listeners.includes(listener)))
      return Holds.NEVER;
    if (tls !== undefined && secure !== true) return Holds.NEVER;
    return this.#isOpen ? Holds.DEPENDS : Holds.ALWAYS;
  }

  /** The rest, for one message and now. */
  holds(facts: PublishFacts): boolean {
    const { qosMax, retain, payloadMaxBytes } = this.#when;
    if (qosMax !== undefined && facts.qos > qosMax) return false;
    if (retain !== undefined && facts.retain !== retain) return false;
    if (payloadMaxBytes !== undefined && facts.payloadBytes > payloadMaxBytes) return false;
    if (this.#hours === undefined) return true;
    const epochMs = this.#clock.epochMs();
    return this.#hours.some((window) => window.isOpenAt(epochMs));
  }
}
