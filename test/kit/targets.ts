/** Starts the brokers that the conformance suite speaks to, each as a process of its own on ports of its own. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Endpoint } from './raw-client.ts';

const HOST = '127.0.0.1';
const START_DEADLINE_MS = 30_000;
const STOP_DEADLINE_MS = 10_000;

export const USERNAME = 'conformance';
export const PASSWORD = 'a password of the tests';

export const TARGET_NAMES = ['gateway', 'mosquitto'] as const;
export type TargetName = (typeof TARGET_NAMES)[number];

export interface Target {
  readonly name: TargetName;
  readonly tcp: Endpoint;
  /** `url` speaks MQTT over WebSocket. */
  readonly ws: Endpoint & { transport: 'ws' };
  stop(): Promise<void>;
}

/** A line of a password file in the cheapest scheme there is, so that a thousand connections cost no second. */
function passwordLine(username: string, password: string): string {
  const salt = Buffer.from('0123456789ab');
  const hash = createHash('sha512').update(password).update(salt).digest('base64');
  return `${username}:$6$${salt.toString('base64')}$${hash}\n`;
}

async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, HOST);
  await once(server, 'listening');
  const { port } = server.address() as net.AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
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

/** Runs the command until all ports accept connections. */
async function run(command: string, args: string[], ports: number[]): Promise<ChildProcess> {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      output = (output + chunk.toString()).slice(-8192);
    });
  }
  child.on('error', (error) => {
    output += error.message;
  });
  const deadline = Date.now() + START_DEADLINE_MS;
  for (const port of ports) {
    while (!(await accepts(port))) {
      const gone = child.exitCode !== null || child.pid === undefined;
      if (gone || Date.now() > deadline) {
        child.kill('SIGKILL');
        assert.fail(`${command} ${gone ? 'ended' : 'did not listen in time'}:\n${output}`);
      }
      await sleep(20);
    }
  }
  return child;
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  const late = setTimeout(() => child.kill('SIGKILL'), STOP_DEADLINE_MS);
  await exited;
  clearTimeout(late);
}

function targetOf(name: TargetName, child: ChildProcess, dir: string, port: number, wsUrl: string): Target {
  return {
    name,
    tcp: { transport: 'tcp', host: HOST, port },
    ws: { transport: 'ws', url: wsUrl },
    stop: async () => {
      await end(child);
      await rm(dir, { recursive: true, force: true });
    },
  };
}

async function startMosquitto(): Promise<Target> {
  const dir = await mkdtemp(path.join(tmpdir(), 'conformance-mosquitto-'));
  const [port, wsPort] = [await freePort(), await freePort()];
  const passwords = path.join(dir, 'passwords');
  const config = path.join(dir, 'mosquitto.conf');
  await writeFile(passwords, passwordLine(USERNAME, PASSWORD));
  await writeFile(
    config,
    [
      'user root',
      'allow_anonymous false',
      `password_file ${passwords}`,
      'sys_interval 1',
      'set_tcp_nodelay true',
      `listener ${port} ${HOST}`,
      `listener ${wsPort} ${HOST}`,
      'protocol websockets',
      '',
    ].join('\n'),
  );
  const child = await run('mosquitto', ['-c', config], [port, wsPort]);
  return targetOf('mosquitto', child, dir, port, `ws://${HOST}:${wsPort}/mqtt`);
}

/**
 * The gateway with its embedded broker, as its own command starts it. Its limits are wide, because the suite asks what the
 * specification allows, not what an operator would.
 */
async function startGateway(): Promise<Target> {
  const dir = await mkdtemp(path.join(tmpdir(), 'conformance-gateway-'));
  const [port, wsPort] = [await freePort(), await freePort()];
  await writeFile(path.join(dir, 'users'), passwordLine(USERNAME, PASSWORD), { mode: 0o600 });
  const acl = ['#', '$SYS/#', '$conformance/#'].map((filter) => `topic readwrite ${filter}\n`).join('');
  await writeFile(path.join(dir, 'acl'), `user ${USERNAME}\n${acl}`);
  const listener = { address: HOST, connectionsMax: 10_000 };
  const config = {
    listeners: [
      { name: 'tcp', type: 'tcp', port, ...listener },
      { name: 'ws', type: 'ws', port: wsPort, ...listener },
    ],
    limits: {
      keepAliveMax: '65535s',
      packetSizeMax: '1MiB',
      topicLengthMax: 65_535,
      topicDepthMax: 256,
      filtersPerSubscribeMax: 10_000,
      topicAliasMax: 100,
      userPropertiesMax: 10_000,
      clientIdLengthMax: 65_535,
      rejectControlCharacters: false,
    },
    broker: { sessionExpiryMax: 'never', sysInterval: '1s' },
    shutdown: { drainTimeout: '1s' },
  };
  await writeFile(path.join(dir, 'sallyport.yaml'), JSON.stringify(config));
  const program = fileURLToPath(new URL('../../bin/sallyport.mjs', import.meta.url));
  const child = await run(process.execPath, [program, 'start', '--data', dir], [port, wsPort]);
  return targetOf('gateway', child, dir, port, `ws://${HOST}:${wsPort}/mqtt`);
}

export function startTarget(name: TargetName): Promise<Target> {
  return name === 'mosquitto' ? startMosquitto() : startGateway();
}
