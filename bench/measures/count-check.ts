/** Whether the load counts right: an ordinary mosquitto_sub stands beside its own subscriber and has to see as many messages. */
import { spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import type { FloodPlan } from '../load/plan.ts';
import { runLoad } from '../load.ts';
import { targetOf } from '../peers/peer.ts';
import { type Measure, mark, type Row, type Scale } from './measure.ts';
import { flood } from './throughput.ts';

/** For mosquitto_sub, which says nothing when its subscription stands. */
const SUBSCRIBE_MS = 300;
const STALL_MAX_MS = 2_000;
const LOOK_MS = 50;

interface Lines {
  readonly count: () => number;
  readonly end: () => void;
}

function mosquittoSub(port: number, credentials: readonly string[], topic: string, qos: number): Lines {
  const args = ['-h', '127.0.0.1', '-p', String(port), ...credentials, '-t', topic, '-q', String(qos), '-F', '%l'];
  const child = spawn('mosquitto_sub', args, { stdio: ['ignore', 'pipe', 'ignore'] });
  let count = 0;
  child.on('error', () => {});
  child.stdout.on('data', (chunk: Buffer) => {
    for (const byte of chunk) if (byte === 0x0a) count++;
  });
  return { count: () => count, end: () => void child.kill() };
}

/** A client that is slower than the load is waited for as long as it still receives. */
async function untilStill(count: () => number): Promise<void> {
  let before = -1;
  for (let stillMs = 0; stillMs < STALL_MAX_MS; stillMs += LOOK_MS) {
    if (count() !== before) stillMs = 0;
    before = count();
    await sleep(LOOK_MS);
  }
}

export function countCheck(scale: Scale): Measure {
  const rows: Row[] = ([0, 1, 2] as const).map((qos) => ({
    title: `QoS ${qos}`,
    run: async (peer, stage) => {
      const running = await stage.peer(peer);
      if (running === undefined) return undefined;
      const prefix = mark();
      const topicRoot = `bench/${prefix}`;
      const plan: FloodPlan = {
        ...flood(scale, 64),
        ...targetOf(running, false),
        publishers: 4,
        subscribers: 1,
        copies: 1,
        pattern: 'all',
        qos,
        prefix,
        topicRoot,
        messages: scale.countedMessages,
        warmUpMs: 0,
        durationMs: 60_000,
      };
      const { username, password } = plan;
      const credentials = username === undefined ? [] : ['-u', username, '-P', password ?? ''];
      const beside = mosquittoSub(plan.port, credentials, `${topicRoot}/#`, qos);
      try {
        await sleep(SUBSCRIBE_MS);
        const result = await runLoad(plan);
        await untilStill(beside.count);
        const values = { sent: result.totalSent, received: result.totalReceived, beside: beside.count() };
        return { values, isComplete: values.received === values.sent && values.beside === values.sent };
      } finally {
        beside.end();
      }
    },
  }));
  const metric = (key: string, title: string) =>
    ({ key, title, unit: '', better: 'more', digits: 0, isAside: true }) as const;
  return {
    name: 'count',
    title: 'Whether the load counts right',
    method: "The load's own count of sent and received messages beside what mosquitto_sub sees of them.",
    metrics: [metric('sent', 'sent'), metric('received', 'received'), metric('beside', 'received by mosquitto_sub')],
    peers: ['mosquitto', 'embedded', 'gateway'],
    baseline: 'mosquitto',
    rows,
  };
}
