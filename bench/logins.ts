/**
 * `node bench/logins.ts`: what established clients notice of logins. The same paced load three times a round: with nobody logging in,
 * with 50 logins a second whose passwords are argon2id, and with as much hashing done by a process beside the gateway, which
 * tells what the processor's time costs from what the gateway does with it.
 */
import { fork } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { availableParallelism, loadavg } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { UserAdmin } from '../src/app/users/user-admin.ts';
import { usersFileOf } from '../src/app/users/users-file.ts';
import { systemChance } from '../src/base/chance.ts';
import { systemClock } from '../src/base/clock.ts';
import { hashPassword, isHashFault, parsePasswordHash } from '../src/policy/identity/password-hash.ts';
import { freePort, Program, removeDirectory, temporaryDirectory } from '../test/kit/process.ts';
import { join as joinBroker } from './load/client.ts';
import type { PacedPlan, Target } from './load/plan.ts';
import { Load } from './load.ts';
import { median, ratio, spread } from './report/statistics.ts';

const COMMAND = fileURLToPath(new URL('../bin/sallyport.mjs', import.meta.url));
const SELF = fileURLToPath(import.meta.url);
const PASSWORD = 'gravel-otter-93-lantern';
const LOGINS_PER_S = 50;
/** As the gateway has it. */
const HASHES_AT_ONCE = 2;

const CONDITIONS = ['quiet', 'logins', 'beside'] as const;
type Condition = (typeof CONDITIONS)[number];

async function startGateway(directory: string): Promise<{ program: Program; target: Target }> {
  const port = await freePort();
  const config = {
    listeners: [{ name: 'plain', type: 'tcp', address: '127.0.0.1', port }],
    authentication: { chain: [{ method: 'users' }] },
    broker: { persistence: 'memory' },
    log: { destination: 'events.log' },
  };
  await writeFile(join(directory, 'acl'), 'pattern readwrite bench/#\n');
  await writeFile(join(directory, 'sallyport.yaml'), JSON.stringify(config));
  const users = new UserAdmin(usersFileOf(directory), systemClock, systemChance);
  users.add('bench', await hashPassword(Buffer.from(PASSWORD), systemChance));
  users.close();
  const program = await Program.start(process.execPath, [COMMAND, 'start', '--data', directory], [port]);
  const target: Target = { host: '127.0.0.1', port, tls: false, pids: [], username: 'bench', password: PASSWORD };
  return { program, target };
}

/** At a fixed rate, whether or not those before have been answered. */
class Logins {
  readonly #target: Target;
  #isOver = false;
  #count = 0;
  #failures = 0;
  #slowestMs = 0;
  readonly #pending = new Set<Promise<void>>();

  constructor(target: Target) {
    this.#target = target;
  }

  async run(): Promise<void> {
    const startMs = performance.now();
    while (!this.#isOver) {
      const login = this.#login(this.#count++);
      this.#pending.add(login);
      void login.finally(() => this.#pending.delete(login));
      await sleep(Math.max(0, startMs + (this.#count * 1000) / LOGINS_PER_S - performance.now()));
    }
    await Promise.all(this.#pending);
  }

  async #login(number: number): Promise<void> {
    const startMs = performance.now();
    try {
      (await joinBroker(this.#target, `login-${number}`)).destroy();
      this.#slowestMs = Math.max(this.#slowestMs, performance.now() - startMs);
    } catch {
      this.#failures++;
    }
  }

  end(): void {
    this.#isOver = true;
  }

  get says(): string {
    return `${this.#count} logins, ${this.#failures} failed, the slowest took ${Math.round(this.#slowestMs)} ms`;
  }
}

/** Hashes as many passwords, and no more at once than the gateway does, until it is killed. */
async function hashBeside(): Promise<void> {
  const hash = parsePasswordHash(await hashPassword(Buffer.from(PASSWORD), systemChance));
  if (isHashFault(hash)) throw new Error(hash.says);
  const startMs = performance.now();
  let [begun, running] = [0, 0];
  for (;;) {
    const due = ((performance.now() - startMs) * LOGINS_PER_S) / 1000;
    while (begun < due && running < HASHES_AT_ONCE) {
      begun++;
      running++;
      void hash.verify(Buffer.from(PASSWORD)).finally(() => running--);
    }
    await sleep(1);
  }
}

async function measure(condition: Condition, plan: PacedPlan): Promise<{ p50Us: number; p99Us: number }> {
  // The load's own clients are in before anybody else comes.
  const load = await Load.prepare(plan);
  const logins = new Logins(plan);
  const running = condition === 'logins' ? logins.run() : undefined;
  const beside = condition === 'beside' ? fork(SELF, ['--beside']) : undefined;
  try {
    const { p50Us, p99Us, sent, received } = await load.run();
    if (sent !== received) throw new Error(`${sent} messages were sent and ${received} received`);
    return { p50Us, p99Us };
  } finally {
    logins.end();
    await running;
    beside?.kill('SIGKILL');
    await load.end();
    if (running !== undefined) process.stderr.write(`  ${logins.says}\n`);
  }
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      rounds: { type: 'string', default: '3' },
      seconds: { type: 'string', default: '6' },
      rate: { type: 'string', default: '1000' },
      beside: { type: 'boolean', default: false },
    },
  });
  if (values.beside) return hashBeside();
  const directory = await temporaryDirectory('logins');
  const { program, target } = await startGateway(directory);
  const p99: Record<Condition, number[]> = { quiet: [], logins: [], beside: [] };
  try {
    for (let round = 0; round < Number(values.rounds); round++) {
      for (const condition of CONDITIONS) {
        const prefix = `r${round}${condition}`;
        const plan: PacedPlan = {
          kind: 'paced',
          ...target,
          prefix,
          topicRoot: `bench/${prefix}`,
          publishers: 10,
          qos: 1,
          payloadBytes: 64,
          ratePerS: Number(values.rate),
          warmUpMs: 500,
          durationMs: Number(values.seconds) * 1000,
        };
        const { p50Us, p99Us } = await measure(condition, plan);
        p99[condition].push(p99Us);
        process.stderr.write(
          `round ${round + 1}, ${condition}: p50 ${Math.round(p50Us)} us, p99 ${Math.round(p99Us)} us\n`,
        );
      }
    }
  } finally {
    await program.end();
    await removeDirectory(directory);
  }
  const row = (condition: Condition): string => {
    const of = ratio(p99[condition], p99.quiet).toFixed(2);
    return `${condition.padEnd(7)} p99 ${Math.round(median(p99[condition]))} us, ${of} x quiet, spread ${Math.round(spread(p99[condition]) * 100)} %`;
  };
  process.stdout.write(`${CONDITIONS.map(row).join('\n')}\n`);
  process.stdout.write(`${availableParallelism()} processors, load ${loadavg()[0]?.toFixed(1)}\n`);
}

await main();
