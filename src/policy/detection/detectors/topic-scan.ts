/** Trying topics out, to learn which there are and which are open. */
import type { ConnectionFacts, Decision } from '../../../base/events.ts';
import type { DetectorKind, DetectorSettings } from '../detector.ts';
import { isUnauthorized } from '../failures.ts';
import { clientOf } from '../subjects.ts';

export interface TopicScanSettings extends DetectorSettings {
  readonly refusedTopicsPerClient: number;
  readonly newTopicsPerClient: number;
  readonly halfLifeMs: number;
}

export const topicScan: DetectorKind<TopicScanSettings> = {
  contract: {
    name: 'topicScan',
    sees: 'publish.refused and subscribe.refused with reason 0x87; of permitted publishes, once a second, how many topics were new',
    says: 'refusedTopicsPerClient different ones, or newTopicsPerClient new ones, by client identifier',
    severity: 'medium',
    metric: 'aws:num-authorization-failures',
    technique: 'T0842',
  },
  build({ refusedTopicsPerClient, newTopicsPerClient, halfLifeMs }, tools) {
    const refused = tools.tally({
      by: 'name',
      threshold: refusedTopicsPerClient,
      halfLifeMs,
      tellsApart: true,
      does: (count) => `tried ${count} different topics that are not granted`,
    });
    const permitted = tools.tally({
      by: 'name',
      threshold: newTopicsPerClient,
      halfLifeMs,
      does: (count) => `published to ${count} topics that it had not used before`,
    });
    const count = (event: ConnectionFacts & Decision, topic: string, nowMs: number): void => {
      const client = clientOf(event);
      if (client === undefined || !isUnauthorized(event)) return;
      refused.addDistinct(client, topic, { origin: event, example: topic }, nowMs);
    };
    return {
      on: {
        'publish.refused': (event, nowMs) => count(event, event.topic, nowMs),
        'subscribe.refused': (event, nowMs) => count(event, event.filter, nowMs),
      },
      sample(sample, nowMs) {
        if (sample.topicsNew === 0) return;
        const seen = { origin: sample, example: sample.topicLatest };
        permitted.add({ kind: 'clientId', value: sample.clientId }, sample.topicsNew, seen, nowMs);
      },
    };
  },
};
