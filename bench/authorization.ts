/**
 * `node bench/authorization.ts`: what a decision costs, by how many grants there are, alone and on the way to a broker. Beside it
 * Mosquitto with the same ACL file: each message costs it a walk over the user's lines.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { availableParallelism, loadavg } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { systemClock } from '../src/base/clock.ts';
import type { ClientAuthorization } from '../src/policy/authorization/decision.ts';
import { buildPolicyAuthorizer } from '../src/policy/authorization/policy-authorizer.ts';
import { buildPolicy } from '../src/policy/authorization/policy-thread.ts';
import { makeCa, makeCertificate } from '../test/kit/certificates.ts';
import { removeDirectory, temporaryDirectory } from '../test/kit/process.ts';
import type { FloodPlan } from './load/plan.ts';
import { runLoad } from './load.ts';
import { flood, isWhole } from './measures/throughput.ts';
import { startGateway } from './peers/gateway.ts';
import { startMosquitto } from './peers/mosquitto.ts';
import { type Peer, type ServerCertificate, targetOf } from './peers/peer.ts';
import { median, ratio, spread } from './report/statistics.ts';

const GRANTS = [10, 1000, 100_000, 1_000_000] as const;
const LINES = [10, 1000, 10_000] as const;
const WAYS = ['mosquitto', 'gateway', 'embedded'] as const;
type Way = (typeof WAYS)[number];

const WAY_TITLES: Readonly<Record<Way, string>> = {
  mosquitto: 'Mosquitto, acl_file',
  gateway: 'Sallyport > Mosquitto',
  embedded: 'Sallyport, embedded',
};

/** More topics than a client's cache of decisions holds, so that each is decided when its turn comes again. */
const COLD_TOPICS = 512;
const COLD_DECISIONS = 50_000;
const CACHED_TOPICS = 16;
const CACHED_DECISIONS = 1_000_000;

interface Decisions {
  readonly cachedNs: number;
  readonly coldNs: number;
}

function deviceOf(device: number): string {
  return `fleet/site-${device % 1000}/device-${device}`;
}

/** One role with all the grants: whoever has few of many has less to look at. */
async function rightsWith(grants: number): Promise<ClientAuthorization> {
  const lines = ['roles:', '  bench:', '    grants:', '      - allow: publish', '        topics:'];
  for (let device = 0; device < grants; device++) lines.push(`          - ${deviceOf(device)}/+`);
  lines.push('assignments:', '  - { roles: bench, to: { user: bench } }', '');
  const startMs = systemClock.nowMs();
  const policy = await buildPolicy(Buffer.from(lines.join('\n')), 'bench.yaml');
  process.stderr.write(
    `${grants.toLocaleString('en')} grants compiled in ${Math.round(systemClock.nowMs() - startMs)} ms\n`,
  );
  return buildPolicyAuthorizer(policy, systemClock).forClient({ username: 'bench', clientId: 'bench' });
}

/** Topics of devices out of the whole policy, in no order that memory would like; each is another one. */
function topicsAcross(grants: number, count: number): string[] {
  return Array.from({ length: count }, (_, i) => `${deviceOf((i * 7919) % grants)}/value-${i}`);
}

function nsEach(rights: ClientAuthorization, topics: readonly string[], decisions: number): number {
  let allowed = 0;
  const startMs = performance.now();
  for (let i = 0; i < decisions; i++) if (rights.publish(topics[i % topics.length]!).allowed) allowed++;
  const elapsedMs = performance.now() - startMs;
  if (allowed !== decisions) throw new Error(`${decisions - allowed} decisions were denied`);
  return (elapsedMs * 1e6) / decisions;
}

async function decisions(rounds: number): Promise<void> {
  const rights = new Map<number, ClientAuthorization>();
  for (const grants of GRANTS) rights.set(grants, await rightsWith(grants));
  const samples = new Map<number, Decisions[]>(GRANTS.map((grants) => [grants, []]));
  // The first round is the compiler's.
  for (let round = 0; round <= rounds; round++) {
    for (const grants of GRANTS) {
      const client = rights.get(grants)!;
      const cachedNs = nsEach(client, topicsAcross(grants, CACHED_TOPICS), CACHED_DECISIONS);
      const coldNs = nsEach(client, topicsAcross(grants, COLD_TOPICS), COLD_DECISIONS);
      const sample = { cachedNs, coldNs };
      if (round > 0) samples.get(grants)!.push(sample);
    }
  }
  const [least] = GRANTS;
  process.stdout.write('\nA decision, by the grants of the one role that the client has\n');
  for (const grants of GRANTS) {
    const cells = (['cachedNs', 'coldNs'] as const).map((key) => {
      const own = samples.get(grants)!.map((sample) => sample[key]);
      const base = samples.get(least)!.map((sample) => sample[key]);
      const says = `${Math.round(median(own))} ns (${ratio(own, base).toFixed(2)} x)`;
      return `${key === 'cachedNs' ? 'cached' : 'cold'} ${says.padStart(17)}, spread ${Math.round(spread(own) * 100)} %`;
    });
    process.stdout.write(`${grants.toLocaleString('en').padStart(10)}  ${cells.join('   ')}\n`);
  }
}

/** The line that grants stands in the middle: neither the best place for a walk nor the worst. */
function aclOf(lines: number): string[] {
  const acl = Array.from({ length: lines - 1 }, (_, i) => `topic readwrite fleet/site-${i % 1000}/device-${i}/+`);
  acl.splice(lines >> 1, 0, 'topic readwrite bench/acl/#');
  return ['user bench', ...acl];
}

async function startWay(way: Way, lines: number, directory: string, certificate: ServerCertificate): Promise<Peer> {
  const place = { directory, certificate };
  const acl = aclOf(lines);
  if (way === 'mosquitto') return startMosquitto({ ...place, acl });
  if (way === 'embedded') return startGateway({ ...place, acl });
  await mkdir(join(directory, 'behind'));
  const behind = await startMosquitto({ ...place, directory: join(directory, 'behind') });
  const gateway = await startGateway({ ...place, acl, behind: behind.port });
  const stop = async (): Promise<void> => {
    await gateway.stop();
    await behind.stop();
  };
  return { ...gateway, stop };
}

async function rateOf(peer: Peer, prefix: string, durationMs: number): Promise<number> {
  const plan: FloodPlan = {
    ...flood({ warmUpMs: 500, durationMs }, 64),
    ...targetOf(peer, false),
    pattern: 'all',
    publishers: 4,
    subscribers: 1,
    copies: 1,
    topicsPerPublisher: 20,
    qos: 1,
    prefix,
    topicRoot: `bench/acl/${prefix}`,
  };
  const result = await runLoad(plan);
  if (!isWhole(plan, result)) throw new Error(`${prefix}: not every message arrived`);
  return (result.received / result.elapsedMs) * 1000;
}

async function throughBroker(rounds: number, durationMs: number): Promise<void> {
  const directory = await temporaryDirectory('authorization');
  const ca = await makeCa('Bench CA');
  const certificate = await makeCertificate(ca, { commonName: 'bench', use: 'server' });
  const peers = new Map<string, Peer>();
  const rates = new Map<string, number[]>();
  try {
    for (const lines of LINES) {
      for (const way of WAYS) {
        const place = join(directory, `${way}-${lines}`);
        await mkdir(place);
        await writeFile(join(place, 'lines'), String(lines));
        peers.set(`${way} ${lines}`, await startWay(way, lines, place, certificate));
        rates.set(`${way} ${lines}`, []);
      }
    }
    for (let round = 0; round < rounds; round++) {
      for (const lines of LINES) {
        for (const way of WAYS) {
          const rate = await rateOf(peers.get(`${way} ${lines}`)!, `r${round}${way}${lines}`, durationMs);
          rates.get(`${way} ${lines}`)!.push(rate);
          process.stderr.write(`round ${round + 1}, ${lines} lines, ${WAY_TITLES[way]}: ${Math.round(rate)}/s\n`);
        }
      }
    }
  } finally {
    for (const peer of peers.values()) await peer.stop();
    await removeDirectory(directory);
  }
  process.stdout.write(
    '\nMessages a second through the broker, 4 publishers to 1 subscriber, QoS 1, 64 B, 80 topics\n',
  );
  for (const lines of LINES) {
    const cells = WAYS.map((way) => {
      const own = rates.get(`${way} ${lines}`)!;
      const few = rates.get(`${way} ${LINES[0]}`)!;
      const direct = rates.get(`mosquitto ${lines}`)!;
      const ratios = `${ratio(own, few).toFixed(2)} x of 10 lines, ${ratio(own, direct).toFixed(2)} x Mosquitto`;
      return `  ${WAY_TITLES[way].padEnd(22)} ${String(Math.round(median(own))).padStart(7)}/s  ${ratios}, spread ${Math.round(spread(own) * 100)} %`;
    });
    process.stdout.write(`${lines.toLocaleString('en')} lines\n${cells.join('\n')}\n`);
  }
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      rounds: { type: 'string', default: '3' },
      seconds: { type: 'string', default: '2' },
      only: { type: 'string' },
    },
  });
  const rounds = Number(values.rounds);
  if (values.only !== 'broker') await decisions(rounds);
  if (values.only !== 'decisions') await throughBroker(rounds, Number(values.seconds) * 1000);
  process.stdout.write(`${availableParallelism()} processors, load ${loadavg()[0]?.toFixed(1)}\n`);
}

await main();
