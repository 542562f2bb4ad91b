/** Filling the broker's store of retained messages, which are kept for good. */
import type { DetectorKind, DetectorSettings } from '../detector.ts';

export interface RetainedFloodSettings extends DetectorSettings {
  readonly messagesPerClient: number;
  readonly halfLifeMs: number;
}

export const retainedFlood: DetectorKind<RetainedFloodSettings> = {
  contract: {
    name: 'retainedFlood',
    sees: 'once a second, the retained messages with a payload that a client published to topics which were new for it',
    says: 'messagesPerClient by client identifier',
    severity: 'medium',
    metric: 'aws:num-messages-sent',
    technique: 'T0814',
  },
  build({ messagesPerClient, halfLifeMs }, tools) {
    const byClient = tools.tally({
      by: 'name',
      threshold: messagesPerClient,
      halfLifeMs,
      does: (count) => `stored ${count} retained messages`,
    });
    return {
      sample(sample, nowMs) {
        // The same topic again takes no more room than once.
        const stored = Math.min(sample.retainedIn, sample.topicsNew);
        if (stored === 0) return;
        const seen = { origin: sample, example: sample.topicLatest };
        byClient.add({ kind: 'clientId', value: sample.clientId }, stored, seen, nowMs);
      },
    };
  },
};
