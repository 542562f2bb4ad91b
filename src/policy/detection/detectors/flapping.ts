/** Connecting over and over: a broken client, a storm of reconnects, or two that fight for one identifier. */
import type { DetectorKind, DetectorSettings } from '../detector.ts';

export interface FlappingSettings extends DetectorSettings {
  readonly connectsPerClient: number;
  readonly halfLifeMs: number;
}

export const flapping: DetectorKind<FlappingSettings> = {
  contract: {
    name: 'flapping',
    sees: 'client.connected',
    says: 'connectsPerClient by client identifier',
    severity: 'low',
    metric: 'aws:num-disconnects',
    technique: 'T0814',
  },
  build({ connectsPerClient, halfLifeMs }, tools) {
    const byClient = tools.tally({
      by: 'name',
      threshold: connectsPerClient,
      halfLifeMs,
      does: (count) => `connected ${count} times in a short time`,
    });
    return {
      on: {
        'client.connected'(event, nowMs) {
          if (event.clientId === undefined) return;
          const seen = { origin: event, example: event.address };
          byClient.add({ kind: 'clientId', value: event.clientId }, 1, seen, nowMs);
        },
      },
    };
  },
};
