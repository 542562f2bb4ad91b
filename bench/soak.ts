/**
 * `node bench/soak.ts`: the gateway before Mosquitto and with its embedded broker, both at once and for a long time, at half of the rate
 * that they take at once. Counts every message, and fails when one is missing or when memory grows beyond the bound.
 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { makeCa, makeCertificate } from '../test/kit/certificates.ts';
import { removeDirectory, temporaryDirectory } from '../test/kit/process.ts';
import type { FloodPlan, SoakResult, Target } from './load/plan.ts';
import { Load, runLoad } from './load.ts';
import { startGateway } from './peers/gateway.ts';
import { startMosquitto } from './peers/mosquitto.ts';
import { type Peer, targetOf } from './peers/peer.ts';
import { familyOf, loadAverage, residentBytes } from './processes.ts';

const HELP = `node bench/soak.ts [options]
  --minutes N   how long (20)
  --rate N      messages a second for each of the two, instead of half of what they take
  --smoke       a few seconds: shows that it works, judges no memory
`;
const MIB = 2 ** 20;
const PAIRS = 50;
const PAYLOAD_BYTES = 64;
const VISITS_PER_S = 20;
/** Of the time: caches fill, sessions that last come to be, and the heap finds its size. */
const WARM_UP_SHARE = 0.25;
/** Moments of the time at which memory is told. */
const LOOKS = [0.1, 0.5, 1];
/** What the line through the samples after the warm-up may rise in all: the grain of a garbage collector, and no more. */
const RISE_MAX_BYTES = 16 * MIB;
const RISE_MAX_SHARE = 0.1;

interface Sample {
  readonly atMs: number;
  readonly bytes: number;
}

interface Line {
  /** Bytes an hour. */
  readonly slope: number;
  /** In the time of the samples. */
  readonly rise: number;
  readonly mean: number;
}

/** Least squares. */
function lineThrough(samples: readonly Sample[]): Line {
  const meanOf = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
  const middleMs = meanOf(samples.map(({ atMs }) => atMs));
  const mean = meanOf(samples.map(({ bytes }) => bytes));
  let product = 0;
  let square = 0;
  for (const { atMs, bytes } of samples) {
    product += (atMs - middleMs) * (bytes - mean);
    square += (atMs - middleMs) ** 2;
  }
  const perMs = square === 0 ? 0 : product / square;
  const spanMs = (samples.at(-1)?.atMs ?? 0) - (samples[0]?.atMs ?? 0);
  return { slope: perMs * 3_600_000, rise: perMs * spanMs, mean };
}

function floodPlan(target: Target, durationMs: number): FloodPlan {
  return {
    ...target,
    kind: 'flood',
    prefix: 'full',
    topicRoot: 'bench/full',
    pattern: 'pairs',
    publishers: PAIRS,
    subscribers: PAIRS,
    topicsPerPublisher: 1,
    copies: 1,
    qos: 1,
    payloadBytes: PAYLOAD_BYTES,
    window: 20,
    batch: 20,
    aheadMax: 0,
    warmUpMs: durationMs / 2,
    durationMs,
    messages: 0,
  };
}

/** Both are flooded together, since they will run together. */
async function halfOfFull(peers: readonly Peer[], durationMs: number): Promise<number[]> {
  const floods = await Promise.all(peers.map((peer) => runLoad(floodPlan(targetOf(peer, false), durationMs))));
  return floods.map(({ received, elapsedMs }) => Math.max(1, Math.round((received * 1000) / elapsedMs / 2)));
}

async function soak(peer: Peer, ratePerS: number, durationMs: number, sampleMs: number) {
  const load = await Load.prepare({
    ...targetOf(peer, false),
    kind: 'soak',
    prefix: 'soak',
    topicRoot: 'bench/soak',
    pairs: PAIRS,
    payloadBytes: PAYLOAD_BYTES,
    ratePerS,
    visitsPerS: VISITS_PER_S,
    durationMs,
  });
  const samples: Sample[] = [];
  const startMs = performance.now();
  const sample = (): void => {
    samples.push({ atMs: performance.now() - startMs, bytes: residentBytes(familyOf(peer.pid)) });
  };
  sample();
  const timer = setInterval(sample, sampleMs);
  try {
    return { result: await load.run(), samples };
  } finally {
    clearInterval(timer);
    await load.end();
  }
}

function judged(name: string, ratePerS: number, samples: readonly Sample[], durationMs: number, judgesMemory: boolean) {
  const warm = samples.filter(({ atMs }) => atMs >= durationMs * WARM_UP_SHARE && atMs <= durationMs);
  const { slope, rise, mean } = lineThrough(warm);
  const riseMax = Math.max(RISE_MAX_BYTES, mean * RISE_MAX_SHARE);
  const mib = (bytes: number): string => (bytes / MIB).toFixed(1);
  const all = warm.map(({ bytes }) => bytes);
  const after = LOOKS.map((share) => {
    const atMs = durationMs * share;
    const { bytes } = samples.findLast((sample) => sample.atMs <= atMs) ?? samples[0]!;
    return `${mib(bytes)} after ${(atMs / 60_000).toFixed(1)} min`;
  });
  process.stdout.write(
    `${name}: ${ratePerS} messages/s; memory ${mib(samples[0]!.bytes)} MiB at the start, ${after.join(', ')}; ` +
      `${mib(Math.min(...all))} to ${mib(Math.max(...all))} MiB after the warm-up (${all.length} samples); ` +
      `slope ${mib(slope)} MiB/h, a rise of ${mib(rise)} MiB, bound ${mib(riseMax)} MiB\n`,
  );
  return !judgesMemory || rise <= riseMax;
}

function isWhole(name: string, result: SoakResult): boolean {
  const { sent, acknowledged, received, visits, visitsFailed, firstFailure } = result;
  process.stdout.write(
    `${name}: ${sent} messages sent, ${acknowledged} acknowledged, ${received} received; ` +
      `${visits} visits, ${visitsFailed} failed${firstFailure === '' ? '' : ` (${firstFailure})`}\n`,
  );
  return sent > 0 && acknowledged === sent && received === sent && visits > 0 && visitsFailed === 0;
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      minutes: { type: 'string', default: '20' },
      rate: { type: 'string' },
      smoke: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  const minutes = Number(values.minutes);
  const rate = values.rate === undefined ? undefined : Number(values.rate);
  if (values.help || !(minutes > 0) || (rate !== undefined && !(rate > 0))) {
    process.stdout.write(HELP);
    return values.help ? 0 : 2;
  }
  const durationMs = values.smoke ? 4000 : minutes * 60_000;
  const sampleMs = values.smoke ? 200 : 10_000;
  const certificate = await makeCertificate(await makeCa('Soak CA'), { commonName: 'bench', use: 'server' });
  const directory = await temporaryDirectory('soak');
  const started: Peer[] = [];
  const place = async (name: string) => {
    await mkdir(join(directory, name), { mode: 0o700 });
    return { directory: join(directory, name), certificate };
  };
  const keep = (peer: Peer): Peer => {
    started.push(peer);
    return peer;
  };
  const end = async (): Promise<void> => {
    for (const peer of started.splice(0).reverse()) await peer.stop();
    await removeDirectory(directory);
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => void end().finally(() => process.exit(130)));
  try {
    const behind = keep(await startMosquitto(await place('mosquitto')));
    const names = ['Sallyport > Mosquitto', 'Sallyport, embedded broker'];
    const peers = [
      keep(await startGateway({ ...(await place('gateway')), behind: behind.port })),
      keep(await startGateway({ ...(await place('embedded')), persistence: 'relaxed' })),
    ];
    const rates = rate === undefined ? await halfOfFull(peers, values.smoke ? 500 : 10_000) : peers.map(() => rate);
    // What the floods left behind is not the soak's.
    await sleep(values.smoke ? 100 : 5000);
    const runs = await Promise.all(peers.map((peer, index) => soak(peer, rates[index]!, durationMs, sampleMs)));
    const verdicts = runs.flatMap(({ result, samples }, index) => [
      isWhole(names[index]!, result),
      judged(names[index]!, rates[index]!, samples, durationMs, !values.smoke),
    ]);
    process.stdout.write(`load average at the end: ${loadAverage()}\n`);
    return verdicts.every(Boolean) ? 0 : 1;
  } finally {
    await end();
  }
}

process.exitCode = await main();
