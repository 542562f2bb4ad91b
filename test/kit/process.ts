/** Starts programs that listen on loopback ports, and ends them: for tests that speak to a whole program. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

export const HOST = '127.0.0.1';
const START_DEADLINE_MS = 30_000;
const STOP_DEADLINE_MS = 15_000;
/** How much of what the program says is kept, for the message of a failure. */
const OUTPUT_KEPT_CHARACTERS = 1 << 20;

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, HOST);
  await once(server, 'listening');
  const { port } = server.address() as net.AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
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

export class Program {
  readonly child: ChildProcess;
  readonly #command: string;
  #output = '';

  private constructor(command: string, args: readonly string[]) {
    this.#command = command;
    this.child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream?.on('data', (chunk: Buffer) => {
        this.#output = (this.#output + chunk.toString()).slice(-OUTPUT_KEPT_CHARACTERS);
      });
    }
    this.child.on('error', (error) => {
      this.#output += error.message;
    });
  }

  /** Runs the command until it accepts connections on all of the ports. */
  static async start(command: string, args: readonly string[], ports: readonly number[]): Promise<Program> {
    const program = new Program(command, args);
    const deadline = Date.now() + START_DEADLINE_MS;
    for (const port of ports) {
      while (!(await accepts(port))) {
        if (program.hasEnded || Date.now() > deadline) await program.#failToStart();
        await sleep(20);
      }
    }
    return program;
  }

  /** The last of what it wrote, both streams together. */
  get output(): string {
    return this.#output;
  }

  get hasEnded(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null || this.child.pid === undefined;
  }

  async #failToStart(): Promise<never> {
    const what = this.hasEnded ? 'ended' : 'did not listen in time';
    await this.end('SIGKILL');
    assert.fail(`${this.#command} ${what}:\n${this.#output}`);
  }

  /** Sends the signal and waits for the exit; one that does not heed it is killed. */
  async end(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    if (this.hasEnded) return;
    const exited = once(this.child, 'exit');
    this.child.kill(signal);
    const late = setTimeout(() => this.child.kill('SIGKILL'), STOP_DEADLINE_MS);
    await exited;
    clearTimeout(late);
  }
}

export function removeDirectory(directory: string): Promise<void> {
  return rm(directory, { recursive: true, force: true });
}
