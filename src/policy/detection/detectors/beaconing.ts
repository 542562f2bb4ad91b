/** MQTT as a way to control malware: small messages to topics with random names, at even intervals. */
import { BoundedMap } from '../../../base/bounded-map.ts';
import type { DetectorKind, DetectorSettings } from '../detector.ts';
import { looksRandom } from '../random-text.ts';

export interface BeaconingSettings extends DetectorSettings {
  readonly beacons: number;
  readonly messageSizeMaxBytes: number;
  readonly intervalMinMs: number;
  readonly intervalMaxMs: number;
  readonly jitterMaxPercent: number;
}

/** Clients that have sent one that could be a beacon. */
const CLIENTS_MAX = 10_000;
/** Samples are taken once a second: intervals are known to that. */
const GRAIN_MS = 1000;
/** Beats that one interval may stand for. */
const BEATS_AT_ONCE_MAX = 3;
/** More new topics at once are a scan. */
const TOPICS_MAX = 3;

interface Rhythm {
  lastMs: number;
  beats: number;
  intervalMs: number;
}

export const beaconing: DetectorKind<BeaconingSettings> = {
  contract: {
    name: 'beaconing',
    sees: 'once a second, whether a client published small messages to one to three topics that are new for it and whose names look random',
    says: 'beacons of them one after another, intervalMin to intervalMax apart, with intervals even to jitterMaxPercent',
    severity: 'high',
    technique: 'T1071.005',
  },
  build(settings, tools) {
    const { beacons, messageSizeMaxBytes, intervalMinMs, intervalMaxMs, jitterMaxPercent } = settings;
    const rhythms = new BoundedMap<string, Rhythm>({ entriesMax: CLIENTS_MAX });
    return {
      sample(sample, nowMs) {
        const { clientId, topicsNew, topicLatest, messagesIn, bytesIn } = sample;
        if (topicsNew < 1 || topicsNew > TOPICS_MAX || topicLatest === undefined) return;
        if (bytesIn > messagesIn * messageSizeMaxBytes || !looksRandom(topicLatest)) return;
        const rhythm = rhythms.get(clientId);
        if (rhythm === undefined) {
          rhythms.set(clientId, { lastMs: nowMs, beats: 1, intervalMs: 0 });
          return;
        }
        const intervalMs = nowMs - rhythm.lastMs;
        rhythm.lastMs = nowMs;
        rhythms.set(clientId, rhythm);
        if (intervalMs < intervalMinMs || intervalMs > intervalMaxMs) {
          rhythm.beats = 1;
          return;
        }
        // One or two may have had a name that looks like a word.
        const beats = rhythm.beats === 1 ? 1 : Math.max(1, Math.round(intervalMs / rhythm.intervalMs));
        const strayMaxMs = (rhythm.intervalMs * jitterMaxPercent) / 100 + GRAIN_MS;
        if (
          beats > BEATS_AT_ONCE_MAX ||
          (rhythm.beats > 1 && Math.abs(intervalMs / beats - rhythm.intervalMs) > strayMaxMs)
        ) {
          rhythm.beats = 1;
          return;
        }
        rhythm.beats++;
        rhythm.intervalMs += (intervalMs / beats - rhythm.intervalMs) / (rhythm.beats - 1);
        if (rhythm.beats < beacons) return;
        tools.raise(
          {
            subject: { kind: 'clientId', value: clientId },
            isCulprit: true,
            count: rhythm.beats,
            threshold: beacons,
            windowMs: Math.round(rhythm.intervalMs),
            does: `sent ${rhythm.beats} small messages to new, random topics, one every ${Math.round(rhythm.intervalMs / 1000)} s`,
            examples: [topicLatest],
            origin: sample,
          },
          nowMs,
        );
      },
    };
  },
};
