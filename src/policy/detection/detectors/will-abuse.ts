/** Wills as a way around: on topics that are not granted, or as messages that somebody else has to send, over and over. */
import type { DetectorKind, DetectorSettings } from '../detector.ts';
import { clientOf } from '../subjects.ts';

export interface WillAbuseSettings extends DetectorSettings {
  readonly refusedPerClient: number;
  readonly publishedPerClient: number;
  readonly halfLifeMs: number;
}

export const willAbuse: DetectorKind<WillAbuseSettings> = {
  contract: {
    name: 'willAbuse',
    sees: 'will.refused; connection.closed of clients that left a Will to be published',
    says: 'refusedPerClient by client identifier or by source, or publishedPerClient by client identifier',
    severity: 'medium',
    metric: 'aws:num-authorization-failures',
    technique: 'T1692.001',
  },
  build({ refusedPerClient, publishedPerClient, halfLifeMs }, tools) {
    const refused = (count: number): string => `brought ${count} Wills that were refused`;
    const byClient = tools.tally({ by: 'name', threshold: refusedPerClient, halfLifeMs, does: refused });
    const bySource = tools.tally({ by: 'address', threshold: refusedPerClient, halfLifeMs, does: refused });
    const published = tools.tally({
      by: 'name',
      threshold: publishedPerClient,
      halfLifeMs,
      does: (count) => `broke off ${count} times and had its Will published`,
    });
    return {
      on: {
        'will.refused'(event, nowMs) {
          const seen = { origin: event, example: event.topic };
          const client = clientOf(event);
          if (client !== undefined) byClient.add(client, 1, seen, nowMs);
          bySource.add(tools.source(event.address), 1, seen, nowMs);
        },
        'connection.closed'(event, nowMs) {
          const client = clientOf(event);
          if (event.will === undefined || client === undefined) return;
          published.add(client, 1, { origin: event, example: event.will }, nowMs);
        },
      },
    };
  },
};
