/** Subscribing to everything, to read along or to learn what there is. */
import { isBroadFilter } from '../../../mqtt/topic.ts';
import type { DetectorKind, DetectorSettings } from '../detector.ts';
import { clientOf } from '../subjects.ts';

export interface WildcardHarvestingSettings extends DetectorSettings {
  readonly filtersPerClient: number;
  readonly halfLifeMs: number;
}

export const wildcardHarvesting: DetectorKind<WildcardHarvestingSettings> = {
  contract: {
    name: 'wildcardHarvesting',
    sees: 'subscribe.refused whose filter takes in everything at the first level (#, +/#, +/+/# and $SYS/#, shared or not); once a second, how many such were granted',
    says: 'filtersPerClient by client identifier, refused and granted alike',
    severity: 'medium',
    technique: 'T0842',
  },
  build({ filtersPerClient, halfLifeMs }, tools) {
    const byClient = tools.tally({
      by: 'name',
      threshold: filtersPerClient,
      halfLifeMs,
      does: (count) => `subscribed ${count} times to filters that take in everything`,
    });
    return {
      on: {
        'subscribe.refused'(event, nowMs) {
          const client = clientOf(event);
          if (client === undefined || !isBroadFilter(event.filter)) return;
          byClient.add(client, 1, { origin: event, example: event.filter }, nowMs);
        },
      },
      sample(sample, nowMs) {
        if (sample.broadFilters === 0) return;
        byClient.add({ kind: 'clientId', value: sample.clientId }, sample.broadFilters, { origin: sample }, nowMs);
      },
    };
  },
};
