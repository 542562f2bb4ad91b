/** Debian's mosquitto_pub and mosquitto_sub as tests use them: as a person at a shell would, and read by their output. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import type { TestContext } from 'node:test';
import type { QoS } from '../../src/mqtt/wire.ts';
import { type Finished, HOST, Program, runToEnd } from './process.ts';

/** For tests that need them: why they are skipped, or false. */
export const withoutMosquittoClients: string | false =
  spawnSync('mosquitto_sub', ['--help']).error === undefined ? false : 'the mosquitto clients are not installed';

export const MOSQUITTO_VERSIONS = { 'MQTT 3.1': 'mqttv31', 'MQTT 3.1.1': 'mqttv311', 'MQTT 5': 'mqttv5' } as const;
export type MosquittoVersion = (typeof MOSQUITTO_VERSIONS)[keyof typeof MOSQUITTO_VERSIONS];

export interface MosquittoLogin {
  readonly port: number;
  readonly version: MosquittoVersion;
  readonly username?: string;
  readonly password?: string;
  /** Files; the host name becomes `localhost`, which is what certificates of tests are made for. */
  readonly tls?: { readonly ca: string; readonly cert?: string; readonly key?: string };
}

function loginArguments({ port, version, username, password, tls }: MosquittoLogin): string[] {
  return [
    ...['-h', tls === undefined ? HOST : 'localhost', '-p', String(port), '-V', version],
    ...(username === undefined ? [] : ['-u', username]),
    ...(password === undefined ? [] : ['-P', password]),
    ...(tls === undefined ? [] : ['--cafile', tls.ca]),
    ...(tls?.cert === undefined ? [] : ['--cert', tls.cert]),
    ...(tls?.key === undefined ? [] : ['--key', tls.key]),
  ];
}

/** Publishes and ends, with whatever further options; resolves also when it failed. */
export function mosquittoPub(login: MosquittoLogin, topic: string, args: readonly string[]): Promise<Finished> {
  return runToEnd('mosquitto_pub', [...loginArguments(login), '-t', topic, ...args]);
}

/** Subscribes, and leaves as soon as that was acknowledged; the session is what the options make of it. */
export function mosquittoSubscribe(login: MosquittoLogin, filter: string, args: readonly string[]): Promise<Finished> {
  return runToEnd('mosquitto_sub', [...loginArguments(login), '-t', filter, '-E', ...args]);
}

export interface MosquittoMessage {
  readonly topic: string;
  readonly payload: string;
  readonly qos: QoS;
  readonly retain: boolean;
}

export class MosquittoSub {
  readonly program: Program;

  private constructor(program: Program) {
    this.program = program;
  }

  /** Resolves once the subscription was acknowledged. It lives no longer than the test. */
  static async start(
    t: TestContext,
    login: MosquittoLogin,
    filter: string,
    args: readonly string[] = [],
  ): Promise<MosquittoSub> {
    const options = ['-t', filter, '-d', '-F', '%j', ...args];
    // It writes through a buffer where it sees no terminal.
    const command = ['-oL', 'mosquitto_sub', ...loginArguments(login), ...options];
    const sub = new MosquittoSub(await Program.start('stdbuf', command, []));
    t.after(() => sub.kill());
    await sub.program.until('be subscribed', () => (/received SUBACK/.test(sub.program.stdout) ? true : undefined));
    return sub;
  }

  get messages(): MosquittoMessage[] {
    const lines = this.program.stdout.split('\n').slice(0, -1);
    return lines
      .filter((line) => line.startsWith('{'))
      .map((line) => {
        const { topic, payload, qos, retain } = JSON.parse(line) as Record<string, unknown>;
        return { topic: String(topic), payload: String(payload), qos: Number(qos) as QoS, retain: retain === 1 };
      });
  }

  /** As soon as there are so many; more are an error. */
  async received(count: number): Promise<MosquittoMessage[]> {
    await this.program.until(`receive ${count} messages`, () => (this.messages.length >= count ? true : undefined));
    assert.equal(this.messages.length, count);
    return this.messages;
  }

  /** It ends by itself, as with `-C`, and says DISCONNECT. */
  async ended(): Promise<void> {
    if (!this.program.hasEnded) await once(this.program.child, 'exit');
  }

  /** It vanishes: no DISCONNECT. */
  async kill(): Promise<void> {
    await this.program.end('SIGKILL');
  }
}
