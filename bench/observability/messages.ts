/**
 * What it costs a permitted message to be watched, and what a scrape takes: two gateways, one with all sinks and one with none, have the
 * same messages in many short rounds in turn.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { HOST } from '../../test/kit/process.ts';
import { more, quantile, say } from './figures.ts';
import { CONNECTIONS, IS_SMOKE } from './settings.ts';
import { connectMany, MESSAGE, processorMs, start, type WatchedGateway } from './watched-gateway.ts';

const ROUNDS = IS_SMOKE ? 4 : 40;
const WARM_UP_ROUNDS = IS_SMOKE ? 1 : 6;
const MESSAGES_EACH = IS_SMOKE ? 20 : 10;
const SCRAPES = IS_SMOKE ? 3 : 40;
const SCRAPE_EVERY_MS = 5000;

async function scrape(metricsPort: number): Promise<{ ms: number; bytes: number }> {
  const beganMs = performance.now();
  const text = await (await fetch(`http://${HOST}:${metricsPort}/metrics`)).text();
  return { ms: performance.now() - beganMs, bytes: text.length };
}

export async function costOfMessages(): Promise<void> {
  const sides = { all: await start(true), none: await start(false) };
  const clients = {
    all: await connectMany(sides.all.port, CONNECTIONS, 'c'),
    none: await connectMany(sides.none.port, CONNECTIONS, 'c'),
  };
  const round = async (name: 'all' | 'none'): Promise<number> => {
    const beganMs = processorMs(sides[name].gateway);
    for (let i = 0; i < MESSAGES_EACH; i++) {
      for (const client of clients[name]) client.sendRaw(MESSAGE);
      // One message a read: what is sent together would be read together.
      await sleep(0);
    }
    await Promise.all(clients[name].map((client) => client.settled()));
    return ((processorMs(sides[name].gateway) - beganMs) * 1000) / (CONNECTIONS * MESSAGES_EACH);
  };
  let isOver = false;
  const scraping = (async () => {
    while (!isOver) {
      await scrape(sides.all.metricsPort);
      await sleep(SCRAPE_EVERY_MS, undefined, { ref: false });
    }
  })();
  for (let i = 0; i < WARM_UP_ROUNDS; i++) for (const name of ['all', 'none'] as const) await round(name);
  const costs = { all: [] as number[], none: [] as number[] };
  const before = { all: processorMs(sides.all.gateway), none: processorMs(sides.none.gateway) };
  for (let i = 0; i < ROUNDS; i++) {
    for (const name of i % 2 === 0 ? (['all', 'none'] as const) : (['none', 'all'] as const)) {
      costs[name].push(await round(name));
    }
  }
  const whole = (name: 'all' | 'none'): number => processorMs(sides[name].gateway) - before[name];
  const [all, none] = [whole('all'), whole('none')];
  isOver = true;
  say(
    `a permitted PUBLISH (QoS 0, 64 B), ${CONNECTIONS} connections, ${ROUNDS} rounds of ${MESSAGES_EACH} each in turn:`,
  );
  say(`  ${micros(costs.all)} µs of processor with all sinks, ${micros(costs.none)} with none, medians`);
  say(`  ${more(costs.all, costs.none)} more`);
  say(
    `  with what is done between the rounds (a scrape and an export every 5 s): ${((all / none - 1) * 100).toFixed(1)} % more`,
  );
  await scrapes(sides.all);
  void scraping;
  for (const side of Object.values(sides)) await side.stop();
}

function micros(costs: readonly number[]): string {
  return quantile(costs, 0.5).toFixed(2);
}

async function scrapes({ gateway, metricsPort }: WatchedGateway): Promise<void> {
  const found: { ms: number; cpuMs: number; bytes: number }[] = [];
  for (let i = 0; i < SCRAPES; i++) {
    const beganMs = processorMs(gateway);
    const { ms, bytes } = await scrape(metricsPort);
    found.push({ ms, bytes, cpuMs: processorMs(gateway) - beganMs });
  }
  const wall = found.map(({ ms }) => ms);
  const cpu = found.map(({ cpuMs }) => cpuMs);
  say(
    `a scrape with ${CONNECTIONS} connections: ${quantile(wall, 0.5).toFixed(1)} ms, at most ${Math.max(...wall).toFixed(1)}; ${quantile(cpu, 0.5).toFixed(1)} ms of processor, at most ${Math.max(...cpu).toFixed(1)}; ${Math.round(found[0]!.bytes / 1024)} KB`,
  );
}
