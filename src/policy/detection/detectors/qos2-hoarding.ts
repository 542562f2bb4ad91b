/** Leaving QoS 2 exchanges open, so that the broker has to remember them. */
import type { DetectorKind, DetectorSettings } from '../detector.ts';

export interface Qos2HoardingSettings extends DetectorSettings {
  readonly exchangesPerClient: number;
  readonly durationMs: number;
}

export const qos2Hoarding: DetectorKind<Qos2HoardingSettings> = {
  contract: {
    name: 'qos2Hoarding',
    sees: "once a second, a client's open QoS 2 exchanges and how long the oldest has been seen",
    says: 'exchangesPerClient at once, the oldest of them open for duration',
    severity: 'medium',
    metric: 'aws:num-messages-sent',
    technique: 'T0814',
  },
  build({ exchangesPerClient, durationMs }, tools) {
    return {
      sample(sample, nowMs) {
        const { openQos2, openQos2Ms, clientId } = sample;
        if (openQos2 < exchangesPerClient || openQos2Ms < durationMs) return;
        tools.raise(
          {
            subject: { kind: 'clientId', value: clientId },
            isCulprit: true,
            count: openQos2,
            threshold: exchangesPerClient,
            windowMs: durationMs,
            does: `keeps ${openQos2} QoS 2 exchanges open, the oldest for ${Math.round(openQos2Ms / 1000)} s`,
            examples: [],
            origin: sample,
          },
          nowMs,
        );
      },
    };
  },
};
