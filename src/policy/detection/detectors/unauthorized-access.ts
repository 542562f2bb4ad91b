/** Asking for what is not granted, over and over. */
import type { ConnectionFacts, Decision } from '../../../base/events.ts';
import type { DetectorKind, DetectorSettings } from '../detector.ts';
import { isUnauthorized } from '../failures.ts';
import { clientOf } from '../subjects.ts';

export interface UnauthorizedAccessSettings extends DetectorSettings {
  readonly refusalsPerClient: number;
  readonly refusalsPerAddress: number;
  readonly halfLifeMs: number;
}

export const unauthorizedAccess: DetectorKind<UnauthorizedAccessSettings> = {
  contract: {
    name: 'unauthorizedAccess',
    sees: 'publish.refused, subscribe.refused and will.refused with reason 0x87; once a second, how many more were held back',
    says: 'refusalsPerClient by client identifier, or refusalsPerAddress by source',
    severity: 'medium',
    metric: 'aws:num-authorization-failures',
    technique: 'T0859',
  },
  build({ refusalsPerClient, refusalsPerAddress, halfLifeMs }, tools) {
    const does = (count: number): string => `asked ${count} times for what is not granted`;
    const byClient = tools.tally({ by: 'name', threshold: refusalsPerClient, halfLifeMs, does });
    const bySource = tools.tally({ by: 'address', threshold: refusalsPerAddress, halfLifeMs, does });
    const count = (event: ConnectionFacts & Decision, example: string, nowMs: number): void => {
      if (!isUnauthorized(event)) return;
      const seen = { origin: event, example };
      const client = clientOf(event);
      if (client !== undefined) byClient.add(client, 1, seen, nowMs);
      bySource.add(tools.source(event.address), 1, seen, nowMs);
    };
    return {
      on: {
        'publish.refused': (event, nowMs) => count(event, event.topic, nowMs),
        'subscribe.refused': (event, nowMs) => count(event, event.filter, nowMs),
        'will.refused': (event, nowMs) => count(event, event.topic, nowMs),
      },
      sample(sample, nowMs) {
        const { clientId, address, refusalsUntold } = sample;
        if (refusalsUntold === 0) return;
        byClient.add({ kind: 'clientId', value: clientId }, refusalsUntold, { origin: sample }, nowMs);
        bySource.add(tools.source(address), refusalsUntold, { origin: sample }, nowMs);
      },
    };
  },
};
