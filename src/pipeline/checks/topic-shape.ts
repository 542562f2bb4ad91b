/** Ceilings on the length and depth of topic names and filters (CVE-2019-11779 and its kin). */
import { Reason } from '../../mqtt/reason.ts';
import { levelCount } from '../../mqtt/topic.ts';
import type { ConnectionLimits } from '../policy.ts';
import { PASS, type Refuse, refuse, type Verdict } from '../verdict.ts';

const NAME_TOO_LONG = refuse(Reason.TopicNameInvalid, 'limit:topicLengthMax', 'the topic name is too long');
const NAME_TOO_DEEP = refuse(Reason.TopicNameInvalid, 'limit:topicDepthMax', 'the topic name has too many levels');
const FILTER_TOO_LONG = refuse(Reason.TopicFilterInvalid, 'limit:topicLengthMax', 'the topic filter is too long');
const FILTER_TOO_DEEP = refuse(
  Reason.TopicFilterInvalid,
  'limit:topicDepthMax',
  'the topic filter has too many levels',
);

function shape(limits: ConnectionLimits, topic: string, tooLong: Refuse, tooDeep: Refuse): Verdict {
  if (Buffer.byteLength(topic) > limits.topicLengthMaxBytes) return tooLong;
  return levelCount(topic) > limits.topicDepthMax ? tooDeep : PASS;
}

export function topicNameShape(limits: ConnectionLimits, topic: string): Verdict {
  return shape(limits, topic, NAME_TOO_LONG, NAME_TOO_DEEP);
}

export function topicFilterShape(limits: ConnectionLimits, filter: string): Verdict {
  return shape(limits, filter, FILTER_TOO_LONG, FILTER_TOO_DEEP);
}
