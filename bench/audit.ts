/**
 * What an audit takes, as its user waits for it: the program's start included. `node bench/audit.ts [host|tls|probes]... [--peers]`;
 * without names, all of it. With --peers also Lynis and testssl.sh, once each, which take a minute and more. Prints figures; fails where
 * one is over its ceiling.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { makeCa, makeCertificate } from '../test/kit/certificates.ts';
import { COMMAND } from '../test/kit/gateway.ts';
import { type RunningMosquitto, startMosquitto } from '../test/kit/mosquitto.ts';
import { freePort, HOST, Program, removeDirectory, temporaryDirectory } from '../test/kit/process.ts';

const RUNS = 3;
const HOST_MAX_S = 3;
const TLS_MAX_S = 5;
const TARGETS = 200;
const BROKERS = 8;
const PROBES_MAX_S = 60;
const PROBES_MAX_MB = 300;
const PEER_MAX_S = 240;
const LOOK_EVERY_MS = 50;

interface Measured {
  readonly wallS: number;
  readonly cpuS: number;
  readonly memoryMb: number;
  readonly code: number | null;
  readonly stdout: string;
}

/** Runs a program to its end, and looks at its memory all the while. */
async function measure(command: string, args: readonly string[], maxS = 120): Promise<Measured> {
  const beganMs = performance.now();
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'ignore'], timeout: maxS * 1000, cwd: '/' });
  let stdout = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  let [memoryKb, ticks] = [0, 0];
  const looking = setInterval(() => {
    memoryKb = Math.max(memoryKb, peakKb(child));
    ticks = Math.max(ticks, cpuTicks(child));
  }, LOOK_EVERY_MS);
  const [code] = (await once(child, 'close')) as [number | null];
  clearInterval(looking);
  return { wallS: (performance.now() - beganMs) / 1000, cpuS: ticks / 100, memoryMb: memoryKb / 1024, code, stdout };
}

function peakKb({ pid }: ChildProcess): number {
  try {
    return Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0);
  } catch {
    return 0;
  }
}

/** Of the process and the children that it has waited for. */
function cpuTicks({ pid }: ChildProcess): number {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ');
    return fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
  } catch {
    return 0;
  }
}

const audit = (...args: string[]): Promise<Measured> => measure(process.execPath, [COMMAND, 'audit', ...args]);
const isInstalled = (program: string): boolean => spawnSync('sh', ['-c', `command -v ${program}`]).status === 0;
const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;

let isOver = false;

function tell(what: string, runs: readonly Measured[], maxS?: number, maxMb?: number): void {
  const [wallS, cpuS] = [median(runs.map((run) => run.wallS)), median(runs.map((run) => run.cpuS))];
  const memoryMb = Math.max(...runs.map((run) => run.memoryMb));
  const ceilings = [...(maxS === undefined ? [] : [`${maxS} s`]), ...(maxMb === undefined ? [] : [`${maxMb} MB`])];
  const ceiling = ceilings.length === 0 ? '' : ` (at most ${ceilings.join(', ')})`;
  console.log(`${what}: ${wallS.toFixed(1)} s, ${cpuS.toFixed(1)} s of CPU, ${memoryMb.toFixed(0)} MB${ceiling}`);
  if (wallS > (maxS ?? Number.POSITIVE_INFINITY) || memoryMb > (maxMb ?? Number.POSITIVE_INFINITY)) isOver = true;
}

async function timed(count: number, run: () => Promise<Measured>): Promise<Measured[]> {
  const runs: Measured[] = [];
  for (let i = 0; i < count; i++) {
    const one = await run();
    if (one.code !== 0 && one.code !== 1 && one.code !== 3) throw new Error(`it ended with ${one.code}`);
    runs.push(one);
  }
  return runs;
}

async function benchHost(directory: string, withPeers: boolean): Promise<void> {
  const [file, config] = [join(directory, 'audit.yaml'), join(directory, 'mosquitto.conf')];
  await writeFile(config, 'listener 1883\nallow_anonymous true\nlistener 8883\nmax_connections 100\n');
  await writeFile(file, `targets: [{ kind: host, place: / }, { kind: mosquitto, place: ${config} }]\n`);
  tell(`host and one broker's configuration, of ${RUNS}`, await timed(RUNS, () => audit('--file', file)), HOST_MAX_S);
  if (!withPeers || !isInstalled('lynis')) return;
  const report = ['--report-file', join(directory, 'lynis.dat'), '--logfile', join(directory, 'lynis.log')];
  tell('lynis audit system --quick', [await measure('lynis', ['audit', 'system', '--quick', ...report], PEER_MAX_S)]);
}

async function benchTls(directory: string, withPeers: boolean): Promise<void> {
  const ca = await makeCa('Bench CA');
  const server = await makeCertificate(ca, { commonName: 'broker', use: 'server' });
  const at = (name: string): string => join(directory, name);
  await writeFile(at('ca.crt'), ca.certificatePem);
  await writeFile(at('server.crt'), server.certificatePem);
  await writeFile(at('server.key'), server.keyPem);
  const port = await freePort();
  const files = ['-cert', at('server.crt'), '-key', at('server.key')];
  const endpoint = await Program.start('openssl', ['s_server', '-accept', `${HOST}:${port}`, ...files, '-www'], [port]);
  try {
    const place = `${HOST}:${port}`;
    const runs = await timed(RUNS, () => audit('tls', place, '--server-name', 'localhost', '--ca', at('ca.crt')));
    tell(`one TLS endpoint, of ${RUNS}`, runs, TLS_MAX_S);
    if (!withPeers || !isInstalled('testssl')) return;
    const part = ['-p', '-s', '-S', '-f', '-R', '--quiet', '--color', '0', place];
    tell('testssl -p -s -S -f -R of the same', [await measure('testssl', part, PEER_MAX_S)]);
  } finally {
    await endpoint.end();
  }
}

/** Endpoints that answer as a locked broker does, as one that grants everything and delivers nothing, or not at all. */
async function stubs(count: number): Promise<Server[]> {
  const servers: Server[] = [];
  for (let i = 0; i < count; i++) {
    const server = createServer((socket) => {
      socket.on('error', () => undefined);
      if (i % 3 === 2) return;
      socket.on('data', (chunk: Buffer) => {
        const type = chunk[0]! >> 4;
        const isV5 = chunk.includes(Buffer.from([0, 4, 0x4d, 0x51, 0x54, 0x54, 5]));
        const code = i % 3 === 0 ? (isV5 ? 0x87 : 5) : 0;
        if (type === 1) socket.write(Buffer.from(isV5 ? [0x20, 3, 0, code, 0] : [0x20, 2, 0, code]));
        if (type === 1 && code !== 0) socket.end();
        if (type === 8) socket.write(Buffer.from([0x90, 3, chunk[2]!, chunk[3]!, 0]));
      });
    });
    server.listen(0, HOST);
    await once(server, 'listening');
    servers.push(server);
  }
  return servers;
}

async function benchProbes(): Promise<void> {
  const brokers: RunningMosquitto[] = [];
  const servers = await stubs(TARGETS - BROKERS);
  try {
    for (let i = 0; i < BROKERS; i++) brokers.push(await startMosquitto(i % 2 === 0 ? {} : { users: { ann: 'p' } }));
    const ports = [
      ...servers.map((server) => (server.address() as AddressInfo).port),
      ...brokers.map(({ port }) => port),
    ];
    const urls = ports.map((port) => `mqtt://${HOST}:${port}`);
    for (const mode of [[], ['--active']]) {
      const [run] = await timed(1, () => audit('probe', ...urls, ...mode, '--json'));
      const { results } = JSON.parse(run!.stdout) as { results: { status: string; reason?: string }[] };
      const late = results.filter(({ reason }) => reason === 'timed-out').length;
      const what = `${TARGETS} probe targets at once${mode.length === 0 ? '' : ', active'}, ${BROKERS} of them Mosquittos`;
      // What is tried with consent waits for messages that liars never deliver: it has the deadline of a run for a ceiling.
      const maxS = mode.length === 0 ? PROBES_MAX_S : undefined;
      tell(`${what}; ${late} of ${results.length} results timed out`, [run!], maxS, PROBES_MAX_MB);
    }
  } finally {
    for (const server of servers) server.close();
    for (const broker of brokers) await broker.stop();
  }
}

const words = process.argv.slice(2);
const withPeers = words.includes('--peers');
const wanted = words.filter((word) => word !== '--peers');
const isWanted = (name: string): boolean => wanted.length === 0 || wanted.includes(name);
const directory = await temporaryDirectory('audit-bench');
try {
  if (isWanted('host')) await benchHost(directory, withPeers);
  if (isWanted('tls')) await benchTls(directory, withPeers);
  if (isWanted('probes')) await benchProbes();
} finally {
  await removeDirectory(directory);
}
if (isOver) throw new Error('a figure is over its ceiling');
