/** Asking the broker about itself, through its own topics. */
import type { ConnectionFacts, Decision } from '../../../base/events.ts';
import type { DetectorKind, DetectorSettings } from '../detector.ts';
import { clientOf } from '../subjects.ts';

const SYS = /^(?:\$share\/[^/]+\/)?\$(?:SYS|CONTROL)(?:\/|$)/;

export interface SysProbingSettings extends DetectorSettings {
  readonly attemptsPerClient: number;
  readonly halfLifeMs: number;
}

export const sysProbing: DetectorKind<SysProbingSettings> = {
  contract: {
    name: 'sysProbing',
    sees: 'publish.refused and subscribe.refused below $SYS and $CONTROL, shared or not',
    says: 'attemptsPerClient by client identifier',
    severity: 'medium',
    technique: 'T0842',
  },
  build({ attemptsPerClient, halfLifeMs }, tools) {
    const byClient = tools.tally({
      by: 'name',
      threshold: attemptsPerClient,
      halfLifeMs,
      does: (count) => `reached ${count} times for the broker's own topics`,
    });
    const count = (event: ConnectionFacts & Decision, topic: string, nowMs: number): void => {
      const client = clientOf(event);
      if (client !== undefined && SYS.test(topic)) byClient.add(client, 1, { origin: event, example: topic }, nowMs);
    };
    return {
      on: {
        'publish.refused': (event, nowMs) => count(event, event.topic, nowMs),
        'subscribe.refused': (event, nowMs) => count(event, event.filter, nowMs),
      },
    };
  },
};
