/**
 * `npm run bench:attack`: what well-behaved clients notice while others attack, one attack after the other and all at once; the
 * gateway before Mosquitto, and Mosquitto by itself under the same. Each attack is compared with a quiet time right before it.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { removeDirectory, temporaryDirectory } from '../../test/kit/process.ts';
import type { Target } from '../load/plan.ts';
import { NotHere } from '../peers/peer.ts';
import { familyOf, loadAverage, processorMs, residentBytes } from '../processes.ts';
import { ATTACKS, type AttackName, type AttackResult, type AttackScale } from './attackers.ts';
import type { GoodPhase } from './good-clients.ts';
import type { Role } from './process.ts';
import { type Attacked, GOOD_LOGIN, startGuarded, startMosquittoAlone } from './targets.ts';

const HELP = `npm run bench:attack -- [options]
  --only NAME[,NAME]  attacks: ${ATTACKS.join(', ')}, all
  --seconds N         of each attack (10)
  --control           a third target: the gateway, while a sink beside it is attacked; what the attackers' own processor time does
  --profile DIRECTORY writes a processor profile of the gateway there
  --smoke             a few seconds: shows that it works and that nothing is lost, judges no time
`;
const SCRIPT = fileURLToPath(new URL('process.ts', import.meta.url));
const MIB = 2 ** 20;
const MEMORY_LOOK_MS = 250;
const SETTLE_MS = 1500;
const FULL: AttackScale = {
  malformedPerS: 5000,
  heldConnections: 2000,
  loginsPerS: 500,
  largePacketBytes: 1_000_000,
  largePacketsPerS: 100,
  scannedTopics: 100_000,
};
const SMOKE: AttackScale = {
  malformedPerS: 200,
  heldConnections: 50,
  loginsPerS: 20,
  largePacketBytes: 1_000_000,
  largePacketsPerS: 10,
  scannedTopics: 1000,
};
/** What is to hold. */
const P99_RATIO_MAX = 2;
const MEMORY_MAX_BYTES = 100 * MIB;

type RowName = AttackName | 'all';

interface Row {
  readonly name: RowName;
  readonly before: GoodPhase;
  readonly during: GoodPhase;
  readonly grownBytes: number;
  /** Processor time of the target, as a share of one core, before and under attack. */
  readonly coreShares: readonly [before: number, during: number];
  readonly attackers: AttackResult;
}

function start(role: Role): ChildProcess {
  return fork(SCRIPT, [JSON.stringify(role)], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
}

function message<T>(child: ChildProcess): Promise<T> {
  return new Promise((resolve, reject) => {
    const onExit = (): void => reject(new Error('a process of the bench ended before it had a result'));
    child.once('exit', onExit);
    child.once('message', (told) => {
      child.off('exit', onExit);
      resolve(told as T);
    });
  });
}

interface Scale {
  readonly attack: AttackScale;
  readonly clients: number;
  readonly ratePerS: number;
  readonly quietMs: number;
  readonly attackMs: number;
}

class Bench {
  readonly #target: Attacked;
  readonly #scale: Scale;
  readonly #pids: number[];
  readonly #attackedPort: number;

  /** `attackedPort`: where attackers go, if not to the target. */
  constructor(target: Attacked, scale: Scale, attackedPort: number = target.port) {
    this.#target = target;
    this.#scale = scale;
    this.#attackedPort = attackedPort;
    this.#pids = familyOf(target.pid);
  }

  async run(names: readonly RowName[]): Promise<Row[]> {
    const { clients, ratePerS } = this.#scale;
    const to = { host: '127.0.0.1', port: this.#target.port, tls: false, pids: [] } as const;
    const good = start({ role: 'good', plan: { ...to, ...GOOD_LOGIN, clients, ratePerS } });
    try {
      await message(good);
      // The first seconds warm up the compiler.
      await this.#phase(good, () => sleep(this.#scale.quietMs));
      const rows: Row[] = [];
      for (const name of names) {
        let quietShare = 0;
        const before = await this.#phase(good, async () => {
          quietShare = await this.#coreShare(() => sleep(this.#scale.quietMs));
        });
        const { attackShare, ...told } = await this.#attack(name, to, good);
        rows.push({ name, before, coreShares: [quietShare, attackShare], ...told });
        process.stdout.write(`${lineOf(this.#target.title, rows.at(-1)!)}\n`);
        await sleep(SETTLE_MS);
      }
      return rows;
    } finally {
      good.kill('SIGKILL');
    }
  }

  async #coreShare(during: () => Promise<unknown>): Promise<number> {
    const [fromMs, fromProcessorMs] = [performance.now(), processorMs(this.#pids)];
    await during();
    return (processorMs(this.#pids) - fromProcessorMs) / (performance.now() - fromMs);
  }

  async #phase(good: ChildProcess, during: () => Promise<unknown>): Promise<GoodPhase> {
    good.send('begin');
    await during();
    const told = message<GoodPhase>(good);
    good.send('end');
    return told;
  }

  async #attack(
    name: RowName,
    to: Omit<Target, 'tls'> & { tls: false },
    good: ChildProcess,
  ): Promise<Omit<Row, 'name' | 'before' | 'coreShares'> & { attackShare: number }> {
    const { attack, attackMs } = this.#scale;
    const plan = {
      ...to,
      port: this.#attackedPort,
      attacks: name === 'all' ? ATTACKS : [name],
      scale: attack,
      durationMs: attackMs,
    };
    const attacker = start({ role: 'attack', plan });
    const restBytes = residentBytes(this.#pids);
    let mostBytes = restBytes;
    const look = setInterval(() => {
      mostBytes = Math.max(mostBytes, residentBytes(this.#pids));
    }, MEMORY_LOOK_MS);
    try {
      await message(attacker);
      let attackers: AttackResult = {};
      let attackShare = 0;
      const during = await this.#phase(good, async () => {
        const told = message<AttackResult>(attacker);
        attackShare = await this.#coreShare(async () => {
          attacker.send('go');
          attackers = await told;
        });
      });
      return { during, attackers, attackShare, grownBytes: mostBytes - restBytes };
    } finally {
      clearInterval(look);
      attacker.kill('SIGKILL');
    }
  }
}

const HEADER = [
  '| target | attack | p99 before, ms | p99 under attack, ms | ratio | lost | disconnected | memory, MiB | of one core | offered, opened, closed by it |',
  '| - | - | -: | -: | -: | -: | -: | -: | -: | - |',
].join('\n');

function lineOf(title: string, { name, before, during, grownBytes, coreShares, attackers }: Row): string {
  const told = Object.entries(attackers).map(([attack, { offered, opened, closed }]) => {
    const numbers = [offered, opened, closed].map((number) => number.toLocaleString('en')).join(', ');
    return name === 'all' ? `${attack} ${numbers}` : numbers;
  });
  const cells = [
    title,
    name,
    before.p99Ms.toFixed(1),
    during.p99Ms.toFixed(1),
    (during.p99Ms / before.p99Ms).toFixed(2),
    `${during.lost} of ${during.sent}`,
    String(during.disconnected),
    `+${(grownBytes / MIB).toFixed(0)}`,
    coreShares.map((share) => `${(share * 100).toFixed(0)} %`).join(' → '),
    told.join('; '),
  ];
  return `| ${cells.join(' | ')} |`;
}

/** What does not hold, one sentence each. */
function shortfalls(rows: readonly Row[], isSmoke: boolean): string[] {
  return rows.flatMap(({ name, before, during, grownBytes }) => {
    const says: string[] = [];
    if (during.lost > 0) says.push(`${name}: ${during.lost} messages were lost`);
    if (during.disconnected > 0) says.push(`${name}: ${during.disconnected} good clients were disconnected`);
    if (isSmoke) return says;
    const ratio = during.p99Ms / before.p99Ms;
    if (!(ratio <= P99_RATIO_MAX)) says.push(`${name}: p99 is ${ratio.toFixed(1)} times what it was before`);
    if (grownBytes >= MEMORY_MAX_BYTES) says.push(`${name}: memory grew by ${(grownBytes / MIB).toFixed(0)} MiB`);
    return says;
  });
}

async function control(target: Attacked, scale: Scale, names: readonly RowName[]): Promise<void> {
  const sink = start({ role: 'sink' });
  try {
    const port = await message<number>(sink);
    await new Bench({ ...target, title: `${target.title}, a sink attacked` }, scale, port).run(names);
  } finally {
    sink.kill('SIGKILL');
  }
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      only: { type: 'string' },
      seconds: { type: 'string', default: '10' },
      profile: { type: 'string' },
      control: { type: 'boolean', default: false },
      smoke: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const seconds = Number(values.seconds);
  const known: readonly RowName[] = [...ATTACKS, 'all'];
  const names = (values.only?.split(',') ?? known) as readonly RowName[];
  const unknown = names.find((name) => !known.includes(name));
  if (unknown !== undefined || !(seconds >= 1 && seconds <= 120)) {
    const says = unknown === undefined ? '--seconds takes a number from 1 to 120' : `no attack named ${unknown}`;
    process.stderr.write(`${says}\n${HELP}`);
    return 2;
  }
  const scale: Scale = values.smoke
    ? { attack: SMOKE, clients: 20, ratePerS: 100, quietMs: 300, attackMs: 600 }
    : { attack: FULL, clients: 200, ratePerS: 400, quietMs: 5000, attackMs: seconds * 1000 };
  const directory = await temporaryDirectory('attack');
  const place = async (name: string): Promise<string> => {
    const path = join(directory, name);
    await mkdir(path, { mode: 0o700 });
    return path;
  };
  let running: Attacked | undefined;
  const stop = async (): Promise<void> => {
    await running?.stop();
    await removeDirectory(directory);
  };
  process.once('SIGINT', () => void stop().finally(() => process.exit(130)));
  try {
    process.stdout.write(`load average before: ${loadAverage()}\n${HEADER}\n`);
    const behind = await startMosquittoAlone(await place('behind'));
    running = await startGuarded(await place('gateway'), behind, values.profile);
    const ours = await new Bench(running, scale).run(names);
    if (values.control) await control(running, scale, names);
    await running.stop();
    running = await startMosquittoAlone(await place('alone'));
    await new Bench(running, scale).run(names);
    const short = shortfalls(ours, values.smoke);
    process.stdout.write(`load average after: ${loadAverage()}\n`);
    for (const says of short) process.stdout.write(`falls short: ${says}\n`);
    if (short.length === 0) process.stdout.write('everything that is to hold holds\n');
    return values.smoke && short.length > 0 ? 1 : 0;
  } catch (error) {
    if (!(error instanceof NotHere)) throw error;
    process.stdout.write(`left out: ${error.message}\n`);
    return 0;
  } finally {
    await stop();
  }
}

process.exitCode = await main();
