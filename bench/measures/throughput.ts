/** Deliveries a second, and processor time for each, in the patterns that brokers meet. */

import type { QoS } from '../../src/mqtt/wire.ts';
import type { FloodPlan, FloodResult } from '../load/plan.ts';
import { runLoad } from '../load.ts';
import { targetOf } from '../peers/peer.ts';
import type { PeerName, Stage } from '../stage.ts';
import { type Measure, mark, type Row, type Sample, type Scale } from './measure.ts';

interface Shape {
  readonly title: string;
  readonly publishers: number;
  readonly subscribers: number;
  readonly copies: number;
  readonly pattern: FloodPlan['pattern'];
}

const SHAPES: readonly Shape[] = [
  { title: 'fan-in 4>1', publishers: 4, subscribers: 1, copies: 1, pattern: 'all' },
  { title: 'fan-out 1>20', publishers: 1, subscribers: 20, copies: 20, pattern: 'all' },
  { title: 'pairs 20>20', publishers: 20, subscribers: 20, copies: 1, pattern: 'pairs' },
];
const LARGE_BYTES = 16_384;
const AHEAD_MAX_BYTES = 16 * 1024 * 1024;
const AHEAD_MAX = 5_000;
const AHEAD_MIN = 100;

/** What all flood measures share. */
export function flood(scale: Pick<Scale, 'warmUpMs' | 'durationMs'>, payloadBytes: number) {
  return {
    kind: 'flood',
    topicsPerPublisher: 1,
    payloadBytes,
    window: payloadBytes > LARGE_BYTES ? 10 : 100,
    batch: 50,
    aheadMax: Math.max(AHEAD_MIN, Math.min(AHEAD_MAX, Math.floor(AHEAD_MAX_BYTES / payloadBytes))),
    warmUpMs: scale.warmUpMs,
    durationMs: scale.durationMs,
    messages: 0,
  } as const;
}

export function isWhole(plan: FloodPlan, result: FloodResult): boolean {
  const isReceived = result.totalReceived === result.totalSent * plan.copies;
  return isReceived && result.refused === 0 && (plan.qos === 0 || result.totalAcknowledged === result.totalSent);
}

export function sizeOf(payloadBytes: number): string {
  return payloadBytes < 1024 ? `${payloadBytes} B` : `${payloadBytes / 1024} KB`;
}

async function run(plan: Omit<FloodPlan, keyof ReturnType<typeof targetOf>>, peer: PeerName, stage: Stage) {
  const running = await stage.peer(peer);
  if (running === undefined) return undefined;
  const whole: FloodPlan = { ...plan, ...targetOf(running, false) };
  const result = await runLoad(whole);
  return { plan: whole, result };
}

async function sample(shape: Shape, qos: QoS, bytes: number, scale: Scale, peer: PeerName, stage: Stage) {
  const { title: _, ...pattern } = shape;
  const prefix = mark();
  const done = await run(
    { ...flood(scale, bytes), ...pattern, qos, prefix, topicRoot: `bench/${prefix}` },
    peer,
    stage,
  );
  if (done === undefined) return undefined;
  const { plan, result } = done;
  const values = {
    rate: (result.received / result.elapsedMs) * 1000,
    cpu: (result.targetMs * 1000) / result.received,
    busy: (result.targetMs / result.elapsedMs) * 100,
    load: (result.loadMs / result.elapsedMs) * 100,
  };
  return { values, isComplete: isWhole(plan, result) } satisfies Sample;
}

export function throughput(scale: Scale): Measure {
  const rows: Row[] = [];
  for (const bytes of scale.payloadBytes) {
    for (const shape of SHAPES) {
      for (const qos of scale.qos) {
        rows.push({
          title: `${shape.title}, QoS ${qos}, ${sizeOf(bytes)}`,
          run: (peer, stage) => sample(shape, qos, bytes, scale, peer, stage),
        });
      }
    }
  }
  return {
    name: 'throughput',
    title: 'Throughput',
    method:
      'Closed loop. QoS 1 and 2: 100 messages of each publisher under way (10 at 64 KB). QoS 0: publishers stay at most 5000 deliveries ahead of the subscribers.',
    metrics: [
      { key: 'rate', title: 'deliveries', unit: '/s', better: 'more', digits: 0 },
      { key: 'cpu', title: 'processor time of the peer itself', unit: 'us/delivery', better: 'less', digits: 2 },
      {
        key: 'busy',
        title: 'processor in use by the peer itself',
        unit: '%',
        better: 'less',
        digits: 0,
        isAside: true,
      },
      { key: 'load', title: 'processor in use by the load', unit: '%', better: 'less', digits: 0, isAside: true },
    ],
    peers: ['mosquitto', 'embedded', 'aedes', 'haproxy', 'nginx', 'gateway'],
    baseline: 'mosquitto',
    rows,
  };
}

/** Ten publishers that wait for each acknowledgement: nothing hides a longer way. */
export function closedLoop(scale: Scale): Measure {
  const row: Row = {
    title: '10 publishers, QoS 1, 64 B, one message under way each',
    run: async (peer, stage) => {
      const prefix = mark();
      const base = { ...flood(scale, 64), window: 1, publishers: 10, subscribers: 0, copies: 0, qos: 1 } as const;
      const done = await run({ ...base, pattern: 'all', prefix, topicRoot: `bench/${prefix}` }, peer, stage);
      if (done === undefined) return undefined;
      const rate = (done.result.acknowledged / done.result.elapsedMs) * 1000;
      return { values: { rate }, isComplete: isWhole(done.plan, done.result) };
    },
  };
  return {
    name: 'closed-loop',
    title: 'Closed loop, nothing hides the way',
    method: 'Each publisher sends its next message when the last one is acknowledged.',
    metrics: [{ key: 'rate', title: 'messages', unit: '/s', better: 'more', digits: 0 }],
    peers: ['mosquitto', 'embedded', 'aedes', 'haproxy', 'nginx', 'gateway'],
    baseline: 'mosquitto',
    rows: [row],
  };
}
