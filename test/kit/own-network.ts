/** A network of a test's own: a process waits in it so that programs can join it, and another one knocks and listens there. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { NftOutcome } from '../../src/app/firewall/nft.ts';
import { inNetworkOf, inOwnNetwork } from './network-namespace.ts';
import { type Finished, runToEnd } from './process.ts';

const PROBE = fileURLToPath(new URL('network-probe-process.ts', import.meta.url));

/** `answered` with bytes, `open` where none came for a moment, `closed`, or `silent` where packets are dropped. */
export type Knock = 'answered' | 'open' | 'closed' | 'silent';

export interface KnockInit {
  readonly from: string;
  readonly to: string;
  readonly port: number;
  /** What is said when the connection is made. */
  readonly says?: Uint8Array;
}

export class OwnNetwork {
  readonly #holder: ChildProcess;
  #probe: ChildProcess | undefined;
  readonly #answers = new Map<number, (answer: Knock) => void>();
  #lastId = 0;

  constructor() {
    const [command, args] = inOwnNetwork('sh', '-c', 'echo up; exec cat');
    this.#holder = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  }

  async up(): Promise<void> {
    await once(this.#holder.stdout!, 'data');
    this.#probe = this.start(process.execPath, PROBE);
    createInterface({ input: this.#probe.stdout! }).on('line', (line) => {
      const { id, answer } = JSON.parse(line) as { id: number; answer: Knock };
      this.#answers.get(id)?.(answer);
      this.#answers.delete(id);
    });
  }

  /** A cable between this network and another, with an end and an address in each; further addresses are given by `address`. */
  async link(other: OwnNetwork, name: string): Promise<void> {
    const peer = String(other.#holder.pid!);
    await this.#must('ip', 'link', 'add', name, 'type', 'veth', 'peer', 'name', name, 'netns', peer);
    for (const each of [this, other]) await each.#must('ip', 'link', 'set', name, 'up');
  }

  async address(name: string, ...addresses: string[]): Promise<void> {
    for (const address of addresses) {
      // Without duplicate address detection: nothing is known of the address for seconds otherwise.
      const options = address.includes(':') ? ['nodad'] : [];
      await this.#must('ip', 'address', 'add', address, 'dev', name, ...options);
    }
  }

  run(command: string, ...args: string[]): Promise<Finished> {
    return runToEnd(...this.#within(command, args));
  }

  /** What it writes to its standard error is not heard. */
  start(command: string, ...args: string[]): ChildProcess {
    return spawn(...this.#within(command, args), { stdio: ['pipe', 'pipe', 'ignore'] });
  }

  #within(command: string, args: string[]): [string, string[]] {
    return inNetworkOf(this.#holder.pid!, command, ...args);
  }

  async #must(command: string, ...args: string[]): Promise<void> {
    const { code, err } = await this.run(command, ...args);
    if (code !== 0) throw new Error(`${command} ${args.join(' ')}: ${err}`);
  }

  /** `nft` in this network, as the program runs it. */
  readonly nft = async (args: readonly string[], input = ''): Promise<NftOutcome> => {
    const { code, out, err } = await runToEnd(...this.#within('nft', [...args]), { input });
    return code === 0
      ? { ok: true, stdout: out }
      : { ok: false, says: err, isAbsent: /No such file or directory/.test(err) };
  };

  async ruleset(): Promise<string> {
    return (await this.run('nft', 'list', 'ruleset')).out;
  }

  #ask(question: object): Promise<Knock> {
    const id = ++this.#lastId;
    this.#probe!.stdin!.write(`${JSON.stringify({ id, ...question })}\n`);
    return new Promise((resolve) => this.#answers.set(id, resolve));
  }

  knock({ says, ...init }: KnockInit): Promise<Knock> {
    return this.#ask({ ...init, says: Buffer.from(says ?? []).toString('hex') });
  }

  /** Something listens there that sends a byte to whoever connects. */
  async listen(port: number): Promise<void> {
    await this.#ask({ listen: port });
  }

  async close(): Promise<void> {
    for (const child of [this.#probe, this.#holder]) {
      if (child === undefined) continue;
      const closed = once(child, 'close');
      child.stdin!.end();
      await closed;
    }
  }
}
