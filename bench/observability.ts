/**
 * What it costs to be watched: processor time of a permitted message with all sinks and with none, good traffic and memory in a storm of
 * refusals, the time of a scrape, what the journal takes and verifies, and searches in a long one. Prints figures.
 * `node bench/observability.ts [messages] [storm] [journal] [search]` runs those that are named, or all; `--connections=300` takes fewer than
 * 1000, `--records=10000000` searches among more than 200,000 (in a journal that `--journal=DIR` keeps), `--smoke` shows that it works.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isMainThread, Worker, workerData } from 'node:worker_threads';
import { PUBLIC_KEY_FILE, readVerifyingKey } from '../src/app/observability/journal/signing-key.ts';
import { verifyJournal } from '../src/app/observability/journal/verify.ts';
import { openJournal } from '../src/app/observability/journal/writer.ts';
import { systemClock } from '../src/base/clock.ts';
import type { QoS } from '../src/mqtt/wire.ts';
import { encode } from '../test/kit/codec.ts';
import { type RunningGateway, startGateway } from '../test/kit/gateway.ts';
import { startOtlpReceiver } from '../test/kit/otlp-receiver.ts';
import { publish } from '../test/kit/packets.ts';
import { freePort, HOST, removeDirectory, temporaryDirectory } from '../test/kit/process.ts';
import { RawClient } from '../test/kit/raw-client.ts';
import { quantile, say } from './observability/figures.ts';
import { search } from './observability/search.ts';

const IS_SMOKE = process.argv.includes('--smoke');
const CONNECTIONS = IS_SMOKE ? 20 : Number(given('connections') ?? 1000);
const SEARCHED_RECORDS = IS_SMOKE ? 5000 : Number(given('records') ?? 200_000);
const ROUNDS = IS_SMOKE ? 2 : 8;
const WARM_UP_ROUNDS = IS_SMOKE ? 1 : 2;
const MESSAGES_EACH = IS_SMOKE ? 40 : 100;
const STORM_S = IS_SMOKE ? 1 : 8;
const STORM_PER_SECOND = IS_SMOKE ? 2000 : 50_000;
const STORM_CLIENTS = 50;
const GOOD_CLIENTS = 20;
const GOOD_PER_SECOND = IS_SMOKE ? 200 : 2000;
const SCRAPES = IS_SMOKE ? 3 : 30;
const SCRAPE_EVERY_MS = 5000;
const RECORDS = IS_SMOKE ? 2000 : 300_000;

interface StormOrder {
  readonly port: number;
  readonly perSecond: number;
  readonly clients: number;
  readonly durationMs: number;
}

function given(name: string): string | undefined {
  return process.argv.find((argument) => argument.startsWith(`--${name}=`))?.split('=')[1];
}

if (isMainThread) await main();
else await storm(workerData as StormOrder);

function connect(port: number, clientId: string): Promise<RawClient> {
  return RawClient.open({ transport: 'tcp', host: HOST, port }, 5).then(async (client) => {
    await client.connect({ clientId });
    return client;
  });
}

/** Asks for what is not granted, as often as it is told to. */
async function storm({ port, perSecond, clients: count, durationMs }: StormOrder): Promise<void> {
  const clients = await Promise.all(Array.from({ length: count }, (_, i) => connect(port, `storm${i}`)));
  const denied = encode(publish('forbidden/topic', 'x'), 5);
  const perTurn = Math.ceil(perSecond / count / 50);
  const burst = Buffer.concat(Array.from({ length: perTurn }, () => denied));
  const beganMs = performance.now();
  let turns = 0;
  while (performance.now() - beganMs < durationMs) {
    for (const client of clients) client.sendRaw(burst);
    turns++;
    await sleep(Math.max(0, turns * 20 - (performance.now() - beganMs)));
  }
  process.stdout.write(`  offered: ${Math.round((turns * perTurn * count) / (durationMs / 1000))} refusals a second\n`);
  process.exit(0);
}

interface Sinks {
  readonly gateway: RunningGateway;
  readonly port: number;
  readonly metricsPort: number;
  stop(): Promise<void>;
}

/** Takes what syslog sends, and forgets it. */
async function sink(): Promise<{ port: number; server: Server; sockets: Set<Socket> }> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.resume();
  });
  const port = await freePort();
  await new Promise<void>((resolve) => server.listen(port, HOST, resolve));
  return { port, server, sockets };
}

async function start(hasSinks: boolean): Promise<Sinks> {
  const [syslog, otlp, metricsPort] = [await sink(), await startOtlpReceiver(), await freePort()];
  const directory = await temporaryDirectory('observability-bench');
  const all = {
    log: { level: 'info', destination: path.join(directory, 'events.log') },
    metrics: { port: metricsPort },
    syslog: [{ url: `tcp://${HOST}:${syslog.port}`, level: 'info' }],
    otlp: { url: otlp.url, level: 'info', metricsInterval: '5s' },
  };
  const none = { log: { level: 'error' }, journal: { enabled: false } };
  const gateway = await startGateway({
    // Nobody logs in: thousands of passwords would be hashed before anything is measured.
    listeners: [{ name: 'tcp', type: 'tcp', anonymous: true }],
    acl: ['topic readwrite site/#'],
    config: {
      authorization: { aclFile: 'acl' },
      // What follows from a storm is another bench's; here it goes on.
      detection: { enabled: false },
      overload: { enabled: false },
      broker: { persistence: 'memory' },
      ...(hasSinks ? all : none),
    },
  });
  return {
    gateway,
    port: gateway.ports.get('tcp')!,
    metricsPort,
    async stop() {
      await gateway.stop();
      for (const socket of syslog.sockets) socket.destroy();
      syslog.server.close();
      await otlp.close();
      await removeDirectory(directory);
    },
  };
}

/** Of all its threads, in milliseconds. */
function processorMs({ program }: RunningGateway): number {
  const tasks = `/proc/${program.child.pid!}/task`;
  const nanoseconds = readdirSync(tasks).map((task) =>
    Number(readFileSync(`${tasks}/${task}/schedstat`, 'utf8').split(' ')[0]),
  );
  return nanoseconds.reduce((sum, each) => sum + each, 0) / 1e6;
}

function residentMB({ program }: RunningGateway): number {
  const kilobytes = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${program.child.pid!}/status`, 'utf8'))?.[1];
  return Number(kilobytes) / 1024;
}

async function scrape(metricsPort: number): Promise<{ ms: number; bytes: number }> {
  const beganMs = performance.now();
  const text = await (await fetch(`http://${HOST}:${metricsPort}/metrics`)).text();
  return { ms: performance.now() - beganMs, bytes: text.length };
}

async function main(): Promise<void> {
  const named = process.argv.slice(2).filter((argument) => !argument.startsWith('--'));
  const parts = {
    messages: costOfMessages,
    storm: refusalStorm,
    journal,
    search: () => search(SEARCHED_RECORDS, given('journal')),
  };
  for (const [name, run] of Object.entries(parts)) if (named.length === 0 || named.includes(name)) await run();
  process.exit(0);
}

async function costOfMessages(): Promise<void> {
  const sides = { all: await start(true), none: await start(false) };
  const clients = { all: [] as RawClient[], none: [] as RawClient[] };
  for (const name of ['all', 'none'] as const) {
    for (let i = 0; i < CONNECTIONS; i += 50) {
      const some = Array.from({ length: Math.min(50, CONNECTIONS - i) }, (_, j) =>
        connect(sides[name].port, `c${i + j}`),
      );
      clients[name].push(...(await Promise.all(some)));
    }
  }
  const message = encode(publish('site/a/temperature', 'x'.repeat(64)), 5);
  const round = async (name: 'all' | 'none'): Promise<number> => {
    const beganMs = processorMs(sides[name].gateway);
    for (let i = 0; i < MESSAGES_EACH; i++) for (const client of clients[name]) client.sendRaw(message);
    for (const client of clients[name]) await client.settled();
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
  for (let i = 0; i < ROUNDS; i++) {
    for (const name of i % 2 === 0 ? (['all', 'none'] as const) : (['none', 'all'] as const)) {
      costs[name].push(await round(name));
    }
  }
  isOver = true;
  const ratios = costs.all.map((cost, i) => cost / costs.none[i]!);
  const percent = (share: number): string => `${((share - 1) * 100).toFixed(1)} %`;
  say(`a permitted PUBLISH (QoS 0, 64 B), ${CONNECTIONS} connections, medians of ${ROUNDS} rounds in turn:`);
  say(
    `  ${quantile(costs.all, 0.5).toFixed(2)} µs of processor with all sinks, ${quantile(costs.none, 0.5).toFixed(2)} with none`,
  );
  say(
    `  ${percent(quantile(ratios, 0.5))} more; half of the rounds between ${percent(quantile(ratios, 0.25))} and ${percent(quantile(ratios, 0.75))}`,
  );
  const scrapes: { ms: number; bytes: number }[] = [];
  for (let i = 0; i < SCRAPES; i++) scrapes.push(await scrape(sides.all.metricsPort));
  const times = scrapes.map(({ ms }) => ms);
  say(
    `a scrape with ${CONNECTIONS} connections: ${quantile(times, 0.5).toFixed(1)} ms, at most ${Math.max(...times).toFixed(1)} ms, ${Math.round(scrapes[0]!.bytes / 1024)} KB`,
  );
  void scraping;
  for (const side of Object.values(sides)) await side.stop();
}

async function refusalStorm(): Promise<void> {
  const side = await start(true);
  const clients = await Promise.all(Array.from({ length: GOOD_CLIENTS }, (_, i) => connect(side.port, `good${i}`)));
  const message = encode(publish('site/a/temperature', 'x'.repeat(64), { qos: 0 as QoS }), 5);
  const perTurn = GOOD_PER_SECOND / GOOD_CLIENTS / 50;
  /** Messages that were answered for within the time, of so many offered: a client offers no more while it waits. */
  const goodFor = async (durationMs: number): Promise<number> => {
    const beganMs = performance.now();
    const counts = await Promise.all(
      clients.map(async (client) => {
        let count = 0;
        for (let turn = 1; performance.now() - beganMs < durationMs; turn++) {
          for (let i = 0; i < perTurn; i++) client.sendRaw(message);
          await client.settled();
          count += perTurn;
          await sleep(Math.max(0, turn * 20 - (performance.now() - beganMs)));
        }
        return count;
      }),
    );
    return counts.reduce((sum, count) => sum + count, 0) / (durationMs / 1000);
  };
  await goodFor(1000);
  const [quiet, before] = [await goodFor(STORM_S * 500), residentMB(side.gateway)];
  say(`a storm of refusals, ${STORM_CLIENTS} clients, all sinks on:`);
  const order: StormOrder = {
    port: side.port,
    perSecond: STORM_PER_SECOND,
    clients: STORM_CLIENTS,
    durationMs: STORM_S * 1000 + 1000,
  };
  const attacker = new Worker(new URL(import.meta.url), { workerData: order });
  const gone = new Promise<void>((resolve) => attacker.once('exit', () => resolve()));
  await sleep(500);
  let peak = before;
  const watch = setInterval(() => {
    peak = Math.max(peak, residentMB(side.gateway));
  }, 100);
  const stormy = await goodFor(STORM_S * 1000);
  clearInterval(watch);
  await gone;
  const text = await (await fetch(`http://${HOST}:${side.metricsPort}/metrics`)).text();
  const refused = [...text.matchAll(/^sallyport_refusals_total\{what="(?:publish|untold)".*\} (\d+)$/gm)];
  const written = /^sallyport_journal_records_total (\d+)$/m.exec(text)?.[1];
  say(
    `  refused: ${refused.reduce((sum, [, count]) => sum + Number(count), 0)}, of which the journal has ${written} records with those of the clients`,
  );
  say(
    `  good traffic: ${Math.round(stormy)} of ${Math.round(quiet)} messages a second, ${((100 * stormy) / quiet).toFixed(0)} %`,
  );
  say(`  resident: ${before.toFixed(0)} MB before, ${peak.toFixed(0)} MB at most`);
  await side.stop();
}

async function journal(): Promise<void> {
  const directory = await temporaryDirectory('journal-bench');
  const writer = await openJournal({
    directory,
    clock: systemClock,
    emit: () => undefined,
    version: 'bench',
    syncIntervalMs: 1000,
    segmentMaxBytes: 64 * 1024 * 1024,
    segmentMaxAgeMs: 86_400_000,
    keepForMs: 86_400_000,
    keepMaxBytes: 16 * 1024 ** 3,
  });
  const content = {
    name: 'publish.refused',
    connectionId: 'c1',
    listener: 'mqtts',
    address: '192.0.2.9',
    port: 4711,
    clientId: 'pump-7',
    username: 'device1',
    topic: 'devices/pump-8/set',
    qos: 1,
    retain: false,
    action: 'refused',
    reason: 0x87,
    by: 'acl:/etc/sallyport/acl:7',
    says: 'no line grants it',
  };
  const beganMs = performance.now();
  for (let done = 0; done < RECORDS; done += 20_000) {
    for (let i = 0; i < Math.min(20_000, RECORDS - done); i++) writer.append('event', content);
    await writer.flush();
  }
  const appendS = (performance.now() - beganMs) / 1000;
  const { bytes } = writer.stats();
  await writer.close();
  const verifyBeganMs = performance.now();
  const { problems } = await verifyJournal(directory, await readVerifyingKey(path.join(directory, PUBLIC_KEY_FILE)));
  if (problems.length > 0) throw new Error(`the journal has ${problems.length} problems`);
  const verifyS = (performance.now() - verifyBeganMs) / 1000;
  const megabytes = bytes / 1e6;
  say(`the journal, ${RECORDS} records, ${megabytes.toFixed(0)} MB:`);
  say(`  appended and synced: ${Math.round(RECORDS / appendS)} records a second`);
  say(`  verified: ${Math.round((megabytes / verifyS) * 60)} MB a minute`);
  await removeDirectory(directory);
}
