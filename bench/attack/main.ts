/**
 * `npm run bench:attack`: what well-behaved clients notice while others attack, one attack after the other and all at once; the
 * gateway before Mosquitto, and Mosquitto by itself under the same. Quiet time and attack take turns, in several rounds whose latencies
 * are judged together: what else befalls the machine befalls both. A round from which the machine underneath took processor time is
 * measured anew: a stall of that kind is as long as what is looked for.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { removeDirectory, temporaryDirectory } from '../../test/kit/process.ts';
import { NotHere } from '../peers/peer.ts';
import { familyOf, loadAverage, processorMs, residentBytes, stolenMs } from '../processes.ts';
import { ATTACKS, type AttackName, type AttackResult, type AttackScale, type Tally } from './attackers.ts';
import type { GoodPhase } from './good-clients.ts';
import { Places, type Start } from './places.ts';
import type { Role } from './process.ts';
import { type Attacked, GOOD_LOGIN, startGuarded, startMosquittoAlone } from './targets.ts';

const HELP = `npm run bench:attack -- [options]
  --only NAME[,NAME]  attacks: ${ATTACKS.join(', ')}, all
  --seconds N         of each attack in each round (5)
  --rounds N          of quiet time and attack (3); one from which too much processor time was stolen is measured anew, twice at most
  --shared            all share the processors; without it the target's main thread has one to itself, where there are two
  --workers N         of the gateway (one process); as --shared
  --control           in each round a third part: a sink beside the target is attacked; what the attackers' own processor time does
  --profile DIRECTORY writes a processor profile of the gateway there
  --smoke             a few seconds: shows that it works and that nothing is lost, judges no time
`;
const SCRIPT = fileURLToPath(new URL('process.ts', import.meta.url));
const MIB = 2 ** 20;
const MEMORY_LOOK_MS = 250;
const QUIET_MS = 4000;
/** Of a round, the first one included. */
const ATTEMPTS = 3;
/** Of the machine's processor time, in either part of a round. */
const STOLEN_MAX = 0.01;
const WORKERS_MAX = 64;
/** Each attempt of each attack, all at once among them, has addresses of its own, in a network from 127.1 to 127.255. */
const ROUNDS_MAX = Math.floor(255 / (ATTEMPTS * (ATTACKS.length + 1)));
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

/** One part of each round, all rounds together. */
class Part {
  readonly latenciesMs: number[] = [];
  readonly #attackers: AttackResult = {};
  sent = 0;
  lost = 0;
  disconnected = 0;
  grownBytes = 0;
  #processorMs = 0;
  #stolenMs = 0;
  #tookMs = 0;

  /** One round's, while `phase` goes on. */
  async measure(pids: readonly number[], phase: () => Promise<GoodPhase>): Promise<void> {
    const [fromMs, fromProcessorMs, fromStolenMs] = [performance.now(), processorMs(pids), stolenMs()];
    const restBytes = residentBytes(pids);
    const look = setInterval(() => {
      this.grownBytes = Math.max(this.grownBytes, residentBytes(pids) - restBytes);
    }, MEMORY_LOOK_MS);
    try {
      const { latenciesMs, sent, lost, disconnected } = await phase();
      this.latenciesMs.push(...latenciesMs);
      this.sent += sent;
      this.lost += lost;
      this.disconnected += disconnected;
    } finally {
      clearInterval(look);
    }
    this.#tookMs += performance.now() - fromMs;
    this.#processorMs += processorMs(pids) - fromProcessorMs;
    this.#stolenMs += stolenMs() - fromStolenMs;
  }

  attacked(told: AttackResult): void {
    for (const [attack, { offered, opened, closed }] of Object.entries(told) as [AttackName, Tally][]) {
      const before = this.#attackers[attack] ?? { offered: 0, opened: 0, closed: 0 };
      this.#attackers[attack] = {
        offered: before.offered + offered,
        opened: before.opened + opened,
        closed: before.closed + closed,
      };
    }
  }

  add(round: Part): void {
    this.addHarm(round);
    this.latenciesMs.push(...round.latenciesMs);
    this.sent += round.sent;
    this.attacked(round.attackers);
    this.#processorMs += round.#processorMs;
    this.#stolenMs += round.#stolenMs;
    this.#tookMs += round.#tookMs;
  }

  /** What must not happen, whatever the machine underneath takes. */
  addHarm(round: Part): void {
    this.lost += round.lost;
    this.disconnected += round.disconnected;
    this.grownBytes = Math.max(this.grownBytes, round.grownBytes);
  }

  get attackers(): AttackResult {
    return this.#attackers;
  }

  get p99Ms(): number {
    const sorted = this.latenciesMs.toSorted((a, b) => a - b);
    return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * 0.99))] ?? Number.NaN;
  }

  /** The target's processor time, as a share of one core. */
  get coreShare(): number {
    return this.#processorMs / this.#tookMs;
  }

  /** Of the machine's processor time, what was given to others. */
  get stolenShare(): number {
    return this.#stolenMs / this.#tookMs / availableParallelism();
  }
}

interface Round {
  readonly before: Part;
  readonly control: Part | undefined;
  readonly during: Part;
}

interface Row extends Round {
  readonly name: RowName;
  /** Rounds that are not in it, because too much was stolen. */
  readonly again: number;
}

const stolenOf = ({ before, during }: Round): number => Math.max(before.stolenShare, during.stolenShare);

function start(role: Role, how: Start): ChildProcess {
  return fork(SCRIPT, [JSON.stringify(role)], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'], ...how });
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
  readonly rounds: number;
  readonly attempts: number;
  readonly quietMs: number;
  readonly attackMs: number;
  readonly settleMs: number;
}

class Bench {
  readonly #target: Attacked;
  readonly #scale: Scale;
  readonly #pids: number[];
  readonly #places: Places;
  readonly #sinkPort: number | undefined;
  /** The second byte of the attackers' addresses: who was banned does not come again. */
  #network = 1;

  /** `sinkPort`: what is attacked beside the target, in a part of its own. */
  constructor(target: Attacked, scale: Scale, places: Places, sinkPort: number | undefined) {
    this.#target = target;
    this.#scale = scale;
    this.#places = places;
    this.#sinkPort = sinkPort;
    this.#pids = familyOf(target.pid);
  }

  async run(names: readonly RowName[]): Promise<Row[]> {
    const { clients, ratePerS, quietMs } = this.#scale;
    const to = { host: '127.0.0.1', port: this.#target.port, tls: false, pids: [] } as const;
    const plan = { ...to, ...GOOD_LOGIN, clients, ratePerS };
    const good = start({ role: 'good', plan }, this.#places.goodClients);
    try {
      await message(good);
      // The first seconds warm up the compiler.
      await this.#phase(good, () => sleep(quietMs));
      const rows: Row[] = [];
      for (const name of names) {
        this.#places.target(this.#target.pid);
        const row = await this.#row(name, good);
        rows.push(row);
        process.stdout.write(`${lineOf(this.#target.title, row)}\n`);
      }
      return rows;
    } finally {
      good.kill('SIGKILL');
    }
  }

  async #row(name: RowName, good: ChildProcess): Promise<Row> {
    const whole = this.#emptyRound();
    let again = 0;
    for (let round = 0; round < this.#scale.rounds; round++) {
      const attempts = [await this.#round(name, good)];
      while (stolenOf(attempts.at(-1)!) > STOLEN_MAX && attempts.length < this.#scale.attempts) {
        attempts.push(await this.#round(name, good));
      }
      const [best, ...others] = attempts.toSorted((a, b) => stolenOf(a) - stolenOf(b));
      whole.before.add(best!.before);
      whole.control?.add(best!.control!);
      whole.during.add(best!.during);
      for (const { during } of others) whole.during.addHarm(during);
      again += others.length;
    }
    return { name, again, ...whole };
  }

  #emptyRound(): Round {
    return { before: new Part(), control: this.#sinkPort === undefined ? undefined : new Part(), during: new Part() };
  }

  async #round(name: RowName, good: ChildProcess): Promise<Round> {
    const { before, control, during } = this.#emptyRound();
    await before.measure(this.#pids, () => this.#phase(good, () => sleep(this.#scale.quietMs)));
    if (control !== undefined) await this.#attack(name, this.#sinkPort!, good, control);
    await this.#attack(name, this.#target.port, good, during);
    this.#network++;
    return { before, control, during };
  }

  async #phase(good: ChildProcess, during: () => Promise<unknown>): Promise<GoodPhase> {
    good.send('begin');
    await during();
    const told = message<GoodPhase>(good);
    good.send('end');
    return told;
  }

  async #attack(name: RowName, port: number, good: ChildProcess, part: Part): Promise<void> {
    const { attack, attackMs, settleMs } = this.#scale;
    const attacks = name === 'all' ? ATTACKS : [name];
    const to = { host: '127.0.0.1', port, tls: false, pids: [] } as const;
    const plan = { ...to, attacks, scale: attack, durationMs: attackMs, network: this.#network };
    const attacker = start({ role: 'attack', plan }, this.#places.attackers);
    try {
      await message(attacker);
      await part.measure(this.#pids, () =>
        this.#phase(good, async () => {
          const told = message<AttackResult>(attacker);
          attacker.send('go');
          part.attacked(await told);
        }),
      );
    } finally {
      attacker.kill('SIGKILL');
      await sleep(settleMs);
    }
  }
}

const HEADER = [
  '| target | attack | p99 before, ms | a sink attacked | under attack | ratio | lost | disconnected | memory, MiB | of one core | stolen | measured anew | offered, opened, closed by it |',
  '| - | - | -: | -: | -: | -: | -: | -: | -: | -: | -: | -: | - |',
].join('\n');

const percent = (share: number): string => `${(share * 100).toFixed(0)} %`;

function lineOf(title: string, { name, again, before, control, during }: Row): string {
  const told = Object.entries(during.attackers).map(([attack, { offered, opened, closed }]) => {
    const numbers = [offered, opened, closed].map((number) => number.toLocaleString('en')).join(', ');
    return name === 'all' ? `${attack} ${numbers}` : numbers;
  });
  const cells = [
    title,
    name,
    before.p99Ms.toFixed(1),
    control?.p99Ms.toFixed(1) ?? '',
    during.p99Ms.toFixed(1),
    (during.p99Ms / before.p99Ms).toFixed(2),
    `${during.lost} of ${during.sent}`,
    String(during.disconnected),
    `+${(during.grownBytes / MIB).toFixed(0)}`,
    `${percent(before.coreShare)} → ${percent(during.coreShare)}`,
    `${percent(before.stolenShare)} → ${percent(during.stolenShare)}`,
    String(again),
    told.join('; '),
  ];
  return `| ${cells.join(' | ')} |`;
}

/** What does not hold, one sentence each. */
function shortfalls(rows: readonly Row[], isSmoke: boolean): string[] {
  return rows.flatMap(({ name, before, during }) => {
    const says: string[] = [];
    if (during.lost > 0) says.push(`${name}: ${during.lost} messages were lost`);
    if (during.disconnected > 0) says.push(`${name}: ${during.disconnected} good clients were disconnected`);
    if (isSmoke) return says;
    const ratio = during.p99Ms / before.p99Ms;
    if (!(ratio <= P99_RATIO_MAX)) says.push(`${name}: p99 is ${ratio.toFixed(1)} times what it was before`);
    if (during.grownBytes >= MEMORY_MAX_BYTES) {
      says.push(`${name}: memory grew by ${(during.grownBytes / MIB).toFixed(0)} MiB`);
    }
    return says;
  });
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      only: { type: 'string' },
      seconds: { type: 'string', default: '5' },
      rounds: { type: 'string', default: '3' },
      profile: { type: 'string' },
      control: { type: 'boolean', default: false },
      shared: { type: 'boolean', default: false },
      workers: { type: 'string' },
      smoke: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const seconds = Number(values.seconds);
  const rounds = Number(values.rounds);
  const workers = values.workers === undefined ? undefined : Number(values.workers);
  const known: readonly RowName[] = [...ATTACKS, 'all'];
  const names = (values.only?.split(',') ?? known) as readonly RowName[];
  const unknown = names.find((name) => !known.includes(name));
  const areTimes = seconds >= 1 && seconds <= 120 && Number.isInteger(rounds) && rounds >= 1 && rounds <= ROUNDS_MAX;
  const areWorkers = workers === undefined || (Number.isInteger(workers) && workers >= 1 && workers <= WORKERS_MAX);
  if (unknown !== undefined || !areTimes || !areWorkers) {
    const says =
      unknown === undefined
        ? `--seconds takes a number from 1 to 120, --rounds one from 1 to ${ROUNDS_MAX}, --workers one from 1 to ${WORKERS_MAX}`
        : `no attack named ${unknown}`;
    process.stderr.write(`${says}\n${HELP}`);
    return 2;
  }
  const scale: Scale = values.smoke
    ? { attack: SMOKE, clients: 20, ratePerS: 100, rounds: 1, attempts: 1, quietMs: 300, attackMs: 600, settleMs: 300 }
    : {
        attack: FULL,
        clients: 200,
        ratePerS: 400,
        rounds,
        attempts: ATTEMPTS,
        quietMs: QUIET_MS,
        attackMs: seconds * 1000,
        settleMs: 1500,
      };
  const directory = await temporaryDirectory('attack');
  const place = async (name: string): Promise<string> => {
    const path = join(directory, name);
    await mkdir(path, { mode: 0o700 });
    return path;
  };
  const running: Attacked[] = [];
  const places = new Places(values.shared || workers !== undefined);
  const sink = values.control ? start({ role: 'sink' }, places.attackers) : undefined;
  const stop = async (): Promise<void> => {
    sink?.kill('SIGKILL');
    await Promise.all(running.map((target) => target.stop()));
    await removeDirectory(directory);
  };
  process.once('SIGINT', () => void stop().finally(() => process.exit(130)));
  process.once('SIGTERM', () => void stop().finally(() => process.exit(143)));
  // Whoever read what comes of it has gone, as `head` does.
  process.stdout.once('error', () => void stop().finally(() => process.exit(1)));
  try {
    process.stdout.write(`load average before: ${loadAverage()}\n${HEADER}\n`);
    const sinkPort = sink === undefined ? undefined : await message<number>(sink);
    const behind = await startMosquittoAlone(await place('behind'));
    running.push(behind);
    places.apart(behind.pid);
    const guarded = await startGuarded(await place('gateway'), behind, { profile: values.profile, workers });
    running.push(guarded);
    // Not before: how many threads the gateway makes is for it to say by what it may run on.
    places.apart(process.pid);
    const ours = await new Bench(guarded, scale, places, sinkPort).run(names);
    await guarded.stop();
    const alone = await startMosquittoAlone(await place('alone'));
    running.push(alone);
    await new Bench(alone, scale, places, sinkPort).run(names);
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
