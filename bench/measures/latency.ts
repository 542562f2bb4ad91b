/** Time from publisher to subscriber at a fixed rate. */

import type { PacedPlan } from '../load/plan.ts';
import { runLoad } from '../load.ts';
import { targetOf } from '../peers/peer.ts';
import { type Measure, mark, type Row, type Scale } from './measure.ts';

const PUBLISHERS = 10;

export function latency(scale: Scale): Measure {
  const rows: Row[] = scale.rates.map((ratePerS) => ({
    title: `${ratePerS} messages a second, QoS 1, 64 B`,
    run: async (peer, stage) => {
      const running = await stage.peer(peer);
      if (running === undefined) return undefined;
      const prefix = mark();
      const plan: PacedPlan = {
        kind: 'paced',
        ...targetOf(running, false),
        prefix,
        topicRoot: `bench/${prefix}`,
        publishers: PUBLISHERS,
        qos: 1,
        payloadBytes: 64,
        ratePerS,
        warmUpMs: scale.warmUpMs,
        durationMs: scale.latencyMs,
      };
      const result = await runLoad(plan);
      const values = { p50: result.p50Us, p99: result.p99Us, p999: result.p999Us };
      return { values, isComplete: result.received === result.sent };
    },
  }));
  const metric = (key: string, title: string) => ({ key, title, unit: 'us', better: 'less', digits: 0 }) as const;
  return {
    name: 'latency',
    title: 'Latency at a fixed rate',
    method: `${PUBLISHERS} publishers, one subscriber; each message counts from the time it was due (open loop).`,
    metrics: [metric('p50', 'p50'), metric('p99', 'p99'), metric('p999', 'p99.9')],
    peers: ['mosquitto', 'embedded', 'aedes', 'haproxy', 'nginx', 'gateway'],
    baseline: 'mosquitto',
    rows,
  };
}
