/** A connection's cache from topic bytes to everything decided about that topic. */
import type { PublishView } from '../mqtt/publish-view.ts';
import { type KnownTopic, TopicTable } from '../mqtt/topic-table.ts';
import type { PublishPermit } from './permit.ts';
import type { Delay, Denial } from './verdict.ts';

/** A topic of which each message is judged: `DependingGrant`, `LimitedTopic`. */
interface JudgedTopic {
  readonly kind: 'depends';
  judge(packet: PublishView): PublishPermit | Denial | Delay;
}

export type TopicOutcome = PublishPermit | Denial | JudgedTopic;

/** With the last decision, and the state of the client's rights it was made under. */
export type TopicEntry = KnownTopic<TopicOutcome>;

export class TopicCache extends TopicTable<TopicOutcome> {}
