/**
 * Feeds hostile packets for as long as it is told, from a seed that it prints.
 * `node fuzz/main.ts [--smoke] [--packets N] [--seed N] [--target NAME]`
 */
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Random } from './random.ts';
import type { Target } from './target.ts';
import { canaryTarget } from './targets/canary.ts';
import { codecTarget } from './targets/codec.ts';
import { GatewayTarget } from './targets/gateway.ts';
import { topicsTarget } from './targets/topics.ts';
import { UpstreamTarget } from './targets/upstream.ts';

const SMOKE_PACKETS = 150_000;
const FULL_PACKETS = 10_000_000;
/** What the heap may grow from the first tenth of a run to its end. */
const GROWTH_MAX_BYTES = 32 * 1024 * 1024;
/** A round that takes longer hangs, even on a busy machine. */
const ROUND_MAX_MS = 5_000;
/** Of all packets, how many a target gets. */
const SHARES: readonly [target: () => Target, share: number][] = [
  [() => codecTarget, 0.5],
  [() => new GatewayTarget(), 0.25],
  [() => new UpstreamTarget(), 0.2],
  [() => topicsTarget, 0.05],
];

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

function heapBytes(): number {
  collect();
  return process.memoryUsage().heapUsed;
}

/** Throws with all that is needed to see it again. */
async function run(target: Target, packetsMax: number, seed: number): Promise<number> {
  let packets = 0;
  let rounds = 0;
  let settledBytes = 0;
  let toldMs = performance.now();
  while (packets < packetsMax) {
    // Each round has a seed of its own, so that a failure is repeated by its round alone where the target keeps no state.
    const random = new Random((seed + Math.imul(rounds, 0x9e3779b1)) >>> 0);
    const startedMs = performance.now();
    try {
      packets += await target.round(random);
    } catch (error) {
      const place = `target ${target.name}, seed ${seed}, round ${rounds}, after ${packets} packets`;
      throw new Error(`${place}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
    }
    const nowMs = performance.now();
    if (nowMs - startedMs > ROUND_MAX_MS) throw new Error(`target ${target.name}, seed ${seed}, round ${rounds} hangs`);
    rounds++;
    if (settledBytes === 0 && packets > packetsMax / 10) settledBytes = heapBytes();
    if (process.stderr.isTTY && nowMs - toldMs > 1000) {
      toldMs = nowMs;
      process.stderr.write(`\r${target.name}: ${packets.toLocaleString('en')} of ${packetsMax.toLocaleString('en')} `);
    }
  }
  await target.finish?.();
  const grownBytes = heapBytes() - settledBytes;
  if (grownBytes > GROWTH_MAX_BYTES)
    throw new Error(`target ${target.name}, seed ${seed}: the heap grew by ${grownBytes} bytes`);
  return packets;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      smoke: { type: 'boolean', default: false },
      packets: { type: 'string' },
      seed: { type: 'string' },
      target: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(
      'node fuzz/main.ts [--smoke] [--packets N] [--seed N] [--target codec|gateway|upstream|topics|canary]\n',
    );
    return;
  }
  const packets = Number(values.packets ?? (values.smoke ? SMOKE_PACKETS : FULL_PACKETS));
  const seed = Number(values.seed ?? Math.floor(Math.random() * 0xffffffff));
  if (!Number.isSafeInteger(packets) || packets < 1 || !Number.isSafeInteger(seed)) {
    throw new Error('--packets and --seed take whole numbers, such as --packets 100000 --seed 7');
  }
  process.stdout.write(
    `fuzz: seed ${seed}, ${packets} packets, node ${process.version}, ${availableParallelism()} cores\n`,
  );
  if (values.target === 'canary') {
    await run(canaryTarget, packets, seed);
    return;
  }
  let total = 0;
  for (const [make, share] of SHARES) {
    const target = make();
    if (values.target !== undefined && values.target !== target.name) continue;
    const startedMs = performance.now();
    const fed = await run(target, values.target === undefined ? packets * share : packets, seed);
    total += fed;
    const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
    process.stdout.write(`fuzz: ${target.name}: ${fed} packets in ${seconds} s, nothing found\n`);
  }
  if (total === 0) throw new Error(`there is no target ${values.target}`);
  if (values.target !== undefined) return;
  const found = await run(canaryTarget, SMOKE_PACKETS, seed).then(
    () => false,
    (error: Error) => error.message.includes('the canary was found'),
  );
  if (!found) throw new Error('the canary was not found: this fuzzer would find nothing');
  process.stdout.write(`fuzz: the canary was found, as it must be; ${total} packets in all\n`);
}

main().catch((error: Error) => {
  process.stderr.write(`fuzz: ${error.message}\n${error.cause instanceof Error ? `${error.cause.stack}\n` : ''}`);
  process.exitCode = 1;
});
