/** A connection's cache from topic bytes to everything decided about that topic. */
import { type KnownTopic, TopicTable } from '../mqtt/topic-table.ts';
import type { DependingGrant } from './depending-grant.ts';
import type { PublishPermit } from './permit.ts';
import type { Denial } from './verdict.ts';

export type TopicOutcome = PublishPermit | Denial | DependingGrant;

/** With the last decision, and the state of the client's rights it was made under. */
export type TopicEntry = KnownTopic<TopicOutcome>;

export class TopicCache extends TopicTable<TopicOutcome> {}
