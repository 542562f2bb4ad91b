/** A client that publishes at a rate nobody expects of a device. */
import type { ClientSample } from '../client-sample.ts';
import type { DetectorKind, DetectorSettings } from '../detector.ts';

export interface PublishFloodSettings extends DetectorSettings {
  readonly messagesPerSecond: number;
  readonly bytesPerSecond: number;
  readonly halfLifeMs: number;
}

/** Seconds in which a client stays below this share of the threshold are not worth remembering. */
const QUIET_SHARE = 0.25;

export const publishFlood: DetectorKind<PublishFloodSettings> = {
  contract: {
    name: 'publishFlood',
    sees: 'once a second, the messages and bytes that a client published',
    says: 'messagesPerSecond or bytesPerSecond by client identifier, as a decaying average',
    severity: 'medium',
    metric: 'aws:num-messages-sent',
    technique: 'T0814',
  },
  build({ messagesPerSecond, bytesPerSecond, halfLifeMs }, tools) {
    // A steady rate settles at this many times itself.
    const perSecond = halfLifeMs / 1000 / Math.LN2;
    const messages = tools.table({ by: 'name', halfLifeMs });
    const bytes = tools.table({ by: 'name', halfLifeMs });
    const raise = (sample: ClientSample, rate: number, threshold: number, unit: string, nowMs: number): void => {
      if (rate < threshold) return;
      tools.raise(
        {
          subject: { kind: 'clientId', value: sample.clientId },
          isCulprit: true,
          count: rate,
          threshold,
          windowMs: halfLifeMs,
          does: `publishes ${Math.round(rate)} ${unit} a second`,
          examples: sample.topicLatest === undefined ? [] : [sample.topicLatest],
          origin: sample,
        },
        nowMs,
      );
    };
    return {
      sample(sample, nowMs) {
        if (sample.messagesIn === 0) return;
        const { clientId, messagesIn, bytesIn, spanMs } = sample;
        const seconds = spanMs / 1000;
        if (messagesIn > QUIET_SHARE * messagesPerSecond * seconds) {
          raise(sample, messages.add(clientId, messagesIn, nowMs) / perSecond, messagesPerSecond, 'messages', nowMs);
        }
        if (bytesIn > QUIET_SHARE * bytesPerSecond * seconds) {
          raise(sample, bytes.add(clientId, bytesIn, nowMs) / perSecond, bytesPerSecond, 'bytes', nowMs);
        }
      },
    };
  },
};
