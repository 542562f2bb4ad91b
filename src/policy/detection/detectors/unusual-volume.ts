/** A client that publishes far more than it usually does: its own past is the measure. */
import { BoundedMap } from '../../../base/bounded-map.ts';
import type { DetectorKind, DetectorSettings } from '../detector.ts';

export interface UnusualVolumeSettings extends DetectorSettings {
  readonly factor: number;
  readonly messagesPerSecondMin: number;
  readonly warmUpMs: number;
  readonly halfLifeMs: number;
}

/** Rates are taken over this long: what happens every few seconds is smooth then. */
const WINDOW_MS = 10_000;
/** The share of windows that are usual at most. */
const QUANTILE = 0.95;
/** Clients whose past is known; whoever was quiet for longest is forgotten. */
const CLIENTS_MAX = 50_000;

interface Baseline {
  readonly sinceMs: number;
  windowStartMs: number;
  messages: number;
  /** Messages a second: their average, how far they stray from it, and what most windows stay below. */
  mean: number;
  deviation: number;
  quantile: number;
}

export const unusualVolume: DetectorKind<UnusualVolumeSettings> = {
  contract: {
    name: 'unusualVolume',
    sees: 'the messages that a client published in 10 s, against the average (EWMA) and the 95th percentile of its own windows before',
    says: 'factor times the greater of the two, and messagesPerSecondMin, once it has been watched for warmUp; what was learned is lost with a restart',
    severity: 'medium',
    metric: 'aws:num-messages-sent',
    technique: 'T0814',
  },
  build({ factor, messagesPerSecondMin, warmUpMs, halfLifeMs }, tools) {
    const baselines = new BoundedMap<string, Baseline>({ entriesMax: CLIENTS_MAX });
    return {
      sample(sample, nowMs) {
        const { clientId, messagesIn } = sample;
        let known = baselines.get(clientId);
        if (known === undefined) {
          known = { sinceMs: nowMs, windowStartMs: nowMs, messages: 0, mean: 0, deviation: 0, quantile: 0 };
          baselines.set(clientId, known);
          return;
        }
        known.messages += messagesIn;
        const spanMs = nowMs - known.windowStartMs;
        if (spanMs < WINDOW_MS) return;
        const rate = (known.messages * 1000) / spanMs;
        known.windowStartMs = nowMs;
        known.messages = 0;
        baselines.set(clientId, known);
        const watchedMs = nowMs - known.sinceMs;
        const isWarm = watchedMs >= warmUpMs;
        const usual = Math.max(known.mean, known.quantile);
        const threshold = Math.max(messagesPerSecondMin, factor * usual);
        // What is out of the ordinary teaches no more than the most that would not be.
        learn(known, isWarm ? Math.min(rate, threshold) : rate, spanMs, Math.min(halfLifeMs, watchedMs));
        if (!isWarm || rate <= threshold) return;
        tools.raise(
          {
            subject: { kind: 'clientId', value: clientId },
            isCulprit: true,
            count: rate,
            threshold,
            windowMs: WINDOW_MS,
            does: `published ${rounded(rate)} messages a second, and usually at most ${rounded(usual)}`,
            examples: sample.topicLatest === undefined ? [] : [sample.topicLatest],
            origin: sample,
          },
          nowMs,
        );
      },
    };
  },
};

/** Moves average and percentile towards a rate; in a half-life, half of the way. */
function learn(known: Baseline, rate: number, spanMs: number, halfLifeMs: number): void {
  const share = 1 - 2 ** (-spanMs / halfLifeMs);
  known.mean += share * (rate - known.mean);
  known.deviation += share * (Math.abs(rate - known.mean) - known.deviation);
  // Up by 19 steps or down by one: it rests where one window in twenty is above.
  const step = share * Math.max(known.deviation, known.mean / 100);
  known.quantile += rate > known.quantile ? QUANTILE * 4 * step : -(1 - QUANTILE) * 4 * step;
  known.quantile = Math.max(0, known.quantile);
}

function rounded(rate: number): number {
  return Math.round(rate * 10) / 10;
}
