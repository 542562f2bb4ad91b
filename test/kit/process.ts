/** Starts programs that listen on loopback ports, and ends them: for tests that speak to a whole program. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterPatience, Patience } from './patience.ts';
import { claimPort } from './port-claims.ts';

export const HOST = '127.0.0.1';
/** All are generous, because machines that run tests are busy. */
const START_DEADLINE_MS = 60_000;
const STOP_DEADLINE_MS = 30_000;
const UNTIL_DEADLINE_MS = 30_000;
const RUN_DEADLINE_MS = 90_000;
/** How much of what the program says is kept. */
const OUTPUT_KEPT_CHARACTERS = 1 << 20;
/** How much of it the message of a failure shows. */
const OUTPUT_SHOWN_CHARACTERS = 4000;

/** Below the ports that systems give to outgoing connections, of which tests have thousands. */
const PORT_MIN = 20_000;
const PORT_MAX = 32_000;
const givenOut = new Set<number>();

async function isFree(port: number): Promise<boolean> {
  const server = net.createServer().listen(port, HOST);
  try {
    await once(server, 'listening');
    return true;
  } catch {
    return false;
  } finally {
    server.close();
  }
}

/** A port that was free a moment ago, never the same twice, and nobody else's among the tests. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(PORT_MIN, PORT_MAX);
    if (givenOut.has(port)) continue;
    givenOut.add(port);
    if (claimPort(port) && (await isFree(port))) return port;
  }
}

/** A directory of its own under the system's temporary one. */
export function temporaryDirectory(name: string): Promise<string> {
  return mkdtemp(path.join(tmpdir(), `sallyport-${name}-`));
}

async function accepts(port: number): Promise<boolean> {
  const socket = net.connect(port, HOST);
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

export interface ProgramOptions {
  readonly cwd?: string;
  /** Added to this process's own; `undefined` takes a variable away. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** For a program that starts others: signals reach them too. */
  readonly isGroup?: boolean;
  /** Until it listens. */
  readonly startDeadlineMs?: number;
}

/** Whole lines, since a half one is nothing that a log says. */
function lastLines(text: string): string {
  return text.length <= OUTPUT_KEPT_CHARACTERS
    ? text
    : text.slice(text.indexOf('\n', text.length - OUTPUT_KEPT_CHARACTERS) + 1);
}

export class Program {
  readonly child: ChildProcess;
  readonly #command: string;
  /** Told of everything that it says, and of its end. */
  readonly #listeners = new Set<() => void>();
  readonly #isGroup: boolean;
  #stdout = '';
  #output = '';

  private constructor(command: string, args: readonly string[], options: ProgramOptions) {
    const { cwd, env, isGroup = false } = options;
    this.#command = command;
    this.#isGroup = isGroup;
    this.child = spawn(command, args, {
      detached: isGroup,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...env },
      ...(cwd === undefined ? {} : { cwd }),
    });
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        if (stream === this.child.stdout) this.#stdout = lastLines(this.#stdout + text);
        this.#output = (this.#output + text).slice(-OUTPUT_KEPT_CHARACTERS);
        this.#tell();
      });
    }
    this.child.on('error', (error) => {
      this.#output += error.message;
    });
    this.child.on('close', () => this.#tell());
  }

  #tell(): void {
    for (const look of this.#listeners) look();
  }

  /** Runs the command until it accepts connections on all of the ports. */
  static async start(
    command: string,
    args: readonly string[],
    ports: readonly number[],
    options: ProgramOptions = {},
  ): Promise<Program> {
    const program = new Program(command, args, options);
    using patience = new Patience(options.startDeadlineMs ?? START_DEADLINE_MS);
    for (const port of ports) {
      while (!(await accepts(port))) {
        if (program.hasEnded || patience.isOver) await program.#failToStart();
        await sleep(20);
      }
    }
    return program;
  }

  /** The last of what it wrote, both streams together. */
  get output(): string {
    return this.#output;
  }

  /** The last of what it wrote to its standard output. */
  get stdout(): string {
    return this.#stdout;
  }

  /** Looks again whenever it says something, until `look` finds what the test waits for. */
  async until<T>(what: string, look: () => T | undefined): Promise<T> {
    const found = look();
    if (found !== undefined) return found;
    return new Promise((resolve, reject) => {
      const settle = (finish: () => void): void => {
        callOff();
        this.#listeners.delete(again);
        finish();
      };
      const fail = (why: string) =>
        reject(new Error(`${this.#command} ${why} ${what}:\n${this.#output.slice(-OUTPUT_SHOWN_CHARACTERS)}`));
      const again = (): void => {
        const now = look();
        if (now !== undefined) settle(() => resolve(now));
        else if (this.hasEnded && this.child.stdout?.closed) settle(() => fail('ended without'));
      };
      const callOff = afterPatience(UNTIL_DEADLINE_MS, () => settle(() => fail('did not come in time to')));
      this.#listeners.add(again);
    });
  }

  get hasEnded(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null || this.child.pid === undefined;
  }

  async #failToStart(): Promise<never> {
    const what = this.hasEnded ? 'ended' : 'did not listen in time';
    await this.end('SIGKILL');
    assert.fail(`${this.#command} ${what}:\n${this.#output}`);
  }

  #kill(signal: NodeJS.Signals): void {
    if (this.#isGroup) process.kill(-this.child.pid!, signal);
    else this.child.kill(signal);
  }

  /** Sends the signal and waits for the exit; one that does not heed it is killed. */
  async end(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    if (this.hasEnded) return;
    const exited = once(this.child, 'exit');
    this.#kill(signal);
    const callOff = afterPatience(STOP_DEADLINE_MS, () => this.#kill('SIGKILL'));
    await exited;
    callOff();
  }
}

export interface Finished {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** Runs the command to its end, or kills it when that takes too long. */
export async function runToEnd(
  command: string,
  args: readonly string[],
  options: ProgramOptions & { readonly input?: string } = {},
): Promise<Finished> {
  const { cwd, env, input = '' } = options;
  const child = spawn(command, args, { env: { ...process.env, ...env }, ...(cwd === undefined ? {} : { cwd }) });
  let [out, err] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text));
  child.stdin.on('error', () => undefined);
  child.stdin.end(input);
  const callOff = afterPatience(RUN_DEADLINE_MS, () => child.kill('SIGKILL'));
  const [code] = (await once(child, 'close')) as [number | null];
  callOff();
  return { code, out, err };
}

export function removeDirectory(directory: string): Promise<void> {
  return rm(directory, { recursive: true, force: true });
}

const leftToExit: string[] = [];

/**
 * For directories of programs that are ended by a hook: hooks run in the order in which they were made, and one that is made before the program
 * is started would remove what that still writes.
 */
export function removeAtExit(directory: string): void {
  if (leftToExit.length === 0) {
    process.once('exit', () => {
      for (const left of leftToExit) rmSync(left, { recursive: true, force: true });
    });
  }
  leftToExit.push(directory);
}
