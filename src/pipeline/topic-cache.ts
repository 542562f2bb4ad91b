/** A connection's cache from topic bytes to everything decided about that topic. */
import { type KnownTopic, TopicTable } from '../mqtt/topic-table.ts';
import type { PublishPermit } from './permit.ts';
import type { Denial } from './verdict.ts';

/** With the last decision, and the state of the client's rights it was made under. */
export type TopicEntry = KnownTopic<PublishPermit | Denial>;

export class TopicCache extends TopicTable<PublishPermit | Denial> {}
