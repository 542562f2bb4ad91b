import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { collectMosquitto } from '../../src/assurance/audit/brokers/mosquitto/facts.ts';
import { mosquitto } from '../../src/assurance/audit/checks/mosquitto/mosquitto.ts';
import type { Outcome } from '../../src/assurance/audit/model/outcome.ts';
import { placedTarget } from '../../src/assurance/audit/model/target.ts';
import { fixtureContext } from '../kit/audited-system.ts';
import { eventually } from '../kit/eventually.ts';
import { withoutMosquittoClients } from '../kit/mosquitto-clients.ts';
import { inNetworkOf, inOwnNetwork, withoutNetworks } from '../kit/network-namespace.ts';
import { passwordFile } from '../kit/passwords.ts';
import { removeDirectory, runToEnd, temporaryDirectory } from '../kit/process.ts';

const installed = spawnSync('mosquitto', ['-h'], { encoding: 'utf8' });
const without =
  installed.error !== undefined ? 'mosquitto is not installed' : withoutMosquittoClients || withoutNetworks;
const VERSION = /version (\d+\.\d+\.\d+)/.exec(installed.stdout ?? '')?.[1] ?? 'unknown';

/** A real Mosquitto in a network of its own, where 1883 is free whatever else runs. */
async function startAlone(
  t: TestContext,
  lines: readonly string[],
  acl: readonly string[] = [],
): Promise<{ pid: number; directory: string; text: string }> {
  const directory = await temporaryDirectory('audit-mosquitto');
  const file = path.join(directory, 'mosquitto.conf');
  const text = `${['user root', ...lines].join('\n').replaceAll('DIR', directory)}\n`;
  await writeFile(file, text);
  await writeFile(path.join(directory, 'passwd'), passwordFile({ ann: 'p' }), { mode: 0o644 });
  await writeFile(path.join(directory, 'acl'), `${acl.join('\n')}\n`);
  const [command, args] = inOwnNetwork('mosquitto', '-c', file);
  const child = spawn(command, args, { stdio: 'ignore' });
  const closed = once(child, 'close');
  t.after(async () => {
    child.kill();
    await closed;
    await removeDirectory(directory);
  });
  return { pid: child.pid!, directory, text };
}

/** As a client without a name sees it, from within that network. */
async function anonymousGetsIn(pid: number, port: number, host = '127.0.0.1'): Promise<boolean | 'nobody listens'> {
  for (let attempt = 0; ; attempt++) {
    const [command, args] = inNetworkOf(
      pid,
      'mosquitto_pub',
      '-h',
      host,
      '-p',
      String(port),
      '-t',
      'x',
      '-m',
      'x',
      '-q',
      '1',
    );
    const { code, err } = await runToEnd(command, args);
    if (code === 0) return true;
    if (/not authori[sz]ed/i.test(err)) return false;
    if (attempt >= 40) return 'nobody listens';
    await sleep(50);
  }
}

async function outcomesOf(id: string, text: string, files: Readonly<Record<string, string>> = {}): Promise<Outcome[]> {
  const context = fixtureContext({ files: { '/m.conf': text, ...files } });
  const facts = await collectMosquitto(placedTarget('mosquitto', '/m.conf', { version: VERSION }), context);
  return [mosquitto.checks.find((check) => check.id === id)!.evaluate(facts)].flat() as Outcome[];
}

/** Lines, and the ports that are looked at. */
const CONFIGURATIONS: readonly (readonly [says: string, lines: readonly string[]])[] = [
  ['nothing at all', ['']],
  ['no listener, and anonymous clients refused', ['allow_anonymous false']],
  ['a listener, and nothing said of anonymous clients', ['listener 1884']],
  ['a listener that lets them in', ['listener 1884', 'allow_anonymous true']],
  ['a port of the old kind', ['port 1884']],
  ['one for all of two listeners', ['listener 1884', 'allow_anonymous true', 'listener 1885']],
  ['one each', ['per_listener_settings true', 'listener 1884', 'allow_anonymous true', 'listener 1885']],
  ['a password file', ['listener 1884', 'password_file DIR/passwd']],
  ['an accidental listener', ['max_connections 9', 'listener 1884', 'allow_anonymous true']],
  ['settings that open none', ['per_listener_settings true', 'allow_anonymous true', 'listener 1884']],
];

for (const [says, lines] of CONFIGURATIONS) {
  test(`what the audit says of anonymous access is what Mosquitto does: ${says}`, { skip: without }, async (t) => {
    const { pid, text } = await startAlone(t, lines);
    const outcomes = await outcomesOf('M01', text);
    assert.ok(outcomes.length > 0);
    for (const { port, status } of outcomes) {
      assert.equal(await anonymousGetsIn(pid, port!), status === 'fail', `port ${port}: the audit says ${status}`);
    }
  });
}

/** Before the first listener; the audit has to know which of them open 1883. */
const STRAY: readonly string[][] = [
  ['max_connections 9'],
  ['use_username_as_clientid true'],
  ['tls_version tlsv1.2'],
  ['per_listener_settings true', 'allow_anonymous true'],
  ['per_listener_settings true', 'password_file DIR/passwd'],
  ['per_listener_settings true', 'acl_file DIR/passwd'],
];

for (const lines of STRAY) {
  test(`an accidental listener is there where the audit says so: ${lines.at(-1)}`, { skip: without }, async (t) => {
    const { pid, text } = await startAlone(t, [...lines, 'listener 1884']);
    await until1884(pid);
    const isSaid = (await outcomesOf('M02', text)).some(({ status, port }) => status === 'fail' && port === 1883);
    assert.equal(isOpen(pid, 1883), isSaid);
  });
}

function isOpen(pid: number, port: number): boolean {
  const [command, args] = inNetworkOf(pid, 'ss', '-Htln', `sport = :${port}`);
  return spawnSync(command, args, { encoding: 'utf8' }).stdout !== '';
}

async function until1884(pid: number): Promise<void> {
  await eventually('1884 is open', () => isOpen(pid, 1884));
}

interface Running {
  readonly pid: number;
  readonly directory: string;
}

const within = (pid: number, ...command: string[]) => {
  const [program, args] = inNetworkOf(pid, ...command);
  return runToEnd(program, args);
};

/** Whether the broker takes the publish: at QoS 1, so that it has said so. */
async function publishes(pid: number, topic: string, ...more: string[]): Promise<boolean> {
  const args = ['-h', '127.0.0.1', '-p', '1884', '-t', topic, '-q', '1', ...more];
  return (await within(pid, 'mosquitto_pub', ...args)).code === 0;
}

/** What comes to a subscriber of the filter while `act` is done; only the first message. */
async function hears(pid: number, filter: string, act: () => Promise<unknown>, ...more: string[]): Promise<string> {
  const args = ['-h', '127.0.0.1', '-p', '1884', '-t', filter, '-C', '1', '-W', '3', '-d', ...more];
  const [program, all] = inNetworkOf(pid, 'stdbuf', '-oL', 'mosquitto_sub', ...args);
  const subscriber = spawn(program, all, { stdio: ['ignore', 'pipe', 'ignore'] });
  let said = '';
  subscriber.stdout.setEncoding('utf8').on('data', (text: string) => (said += text));
  const closed = once(subscriber, 'close');
  await eventually('it has subscribed', () => /SUBACK/.test(said) || subscriber.exitCode !== null);
  await act();
  await closed;
  return said;
}

const RECEIVED = /received PUBLISH/;

/** The first bytes of what comes back for these; the connection is kept open for as long as that takes. */
async function answerTo(pid: number, ...packets: readonly string[]): Promise<string> {
  const script = `
    const socket = require('node:net').connect(1884, '127.0.0.1');
    const end = () => { console.log(said); process.exit(0); };
    let said = '';
    socket.on('data', (chunk) => { said += chunk.toString('hex'); end(); }).on('close', end).on('error', end);
    for (const packet of process.argv.slice(1)) socket.write(Buffer.from(packet, 'hex'));
  `;
  return (await within(pid, process.execPath, '-e', script, ...packets)).out.trim();
}

const CONNECT_WITHOUT_ID = '100c00044d5154540402003c0000';
const CONNECT_V5_LONGEST_KEEP_ALIVE = '100e00044d5154540502ffff0000017a';
const ACCEPTED = /^20020000/;
const KEEP_ALIVE_TAKEN_DOWN = /^20.*13003c/;
const OPEN = ['listener 1884', 'allow_anonymous true'];

/** What the audit calls weak, and what can be seen of it from outside. */
const WEAKNESSES: readonly {
  readonly check: string;
  readonly reason?: string;
  readonly lines: readonly (readonly string[])[];
  readonly acl?: readonly string[];
  readonly isSeen: (running: Running) => Promise<boolean>;
}[] = [
  {
    // A publisher is told that all is well.
    check: 'M16',
    reason: 'dropped-in-silence',
    lines: [
      [...OPEN, 'message_size_limit 100'],
      [...OPEN, 'message_size_limit 100', 'max_packet_size 100'],
    ],
    isSeen: async ({ pid }) => {
      let isAcknowledged = false;
      const heard = await hears(pid, 'x', async () => {
        isAcknowledged = await publishes(pid, 'x', '-m', 'y'.repeat(200));
      });
      return isAcknowledged && !RECEIVED.test(heard);
    },
  },
  {
    check: 'M15',
    lines: [OPEN, [...OPEN, 'max_packet_size 1000000']],
    isSeen: async ({ pid, directory }) => {
      const file = path.join(directory, 'large');
      await writeFile(file, Buffer.alloc(2_000_000, 0x78));
      return publishes(pid, 'x', '-f', file);
    },
  },
  {
    check: 'M20',
    lines: [OPEN, [...OPEN, 'max_keepalive 60']],
    isSeen: async ({ pid }) => !KEEP_ALIVE_TAKEN_DOWN.test(await answerTo(pid, CONNECT_V5_LONGEST_KEEP_ALIVE)),
  },
  {
    check: 'M21',
    lines: [OPEN, [...OPEN, 'allow_zero_length_clientid false']],
    isSeen: async ({ pid }) => ACCEPTED.test(await answerTo(pid, CONNECT_WITHOUT_ID)),
  },
  {
    check: 'M04',
    lines: [OPEN, [...OPEN, 'acl_file DIR/acl']],
    acl: ['topic readwrite open/#'],
    isSeen: async ({ pid }) => RECEIVED.test(await hears(pid, 'secret/#', () => publishes(pid, 'secret/x', '-m', 'y'))),
  },
  {
    check: 'M06',
    lines: [
      [...OPEN, 'acl_file DIR/acl'],
      ['listener 1884', 'allow_anonymous true', 'use_username_as_clientid true', 'acl_file DIR/acl'],
    ],
    acl: ['topic write devices/#', 'pattern read devices/%c/#'],
    isSeen: async ({ pid }) => {
      const act = () => publishes(pid, 'devices/victim/x', '-m', 'y');
      return RECEIVED.test(await hears(pid, 'devices/victim/#', act, '-i', 'victim'));
    },
  },
  {
    check: 'M23',
    lines: [OPEN, [...OPEN, 'acl_file DIR/acl']],
    acl: ['topic readwrite open/#'],
    isSeen: async ({ pid }) => RECEIVED.test(await hears(pid, '$SYS/broker/version', async () => undefined)),
  },
  {
    check: 'M22',
    // Of publishers without a name it does not know whom to ask for.
    lines: [
      [...OPEN, 'password_file DIR/passwd', 'acl_file DIR/acl'],
      [...OPEN, 'password_file DIR/passwd', 'acl_file DIR/acl', 'check_retain_source true'],
    ],
    acl: ['topic read a/#', 'user ann', 'topic write a/#'],
    isSeen: async ({ pid, directory }) => {
      const asAnn = ['-u', 'ann', '-P', 'p', '-m', 'y'];
      assert.ok(await publishes(pid, 'a/x', '-r', ...asAnn));
      // Ann may not write there any more.
      await writeFile(path.join(directory, 'acl'), 'topic read a/#\n');
      process.kill(pid, 'SIGHUP');
      await eventually('the ACL is read again', async () => {
        const heard = await hears(pid, 'a/y', () => publishes(pid, 'a/y', ...asAnn), '-W', '1');
        return !RECEIVED.test(heard);
      });
      return RECEIVED.test(await hears(pid, 'a/x', async () => undefined));
    },
  },
];

describe('what the audit calls weak is what Mosquitto does, and what it does not call weak it does not', {
  skip: without,
  concurrency: 4,
}, () => {
  for (const { check, reason, lines, acl = [], isSeen } of WEAKNESSES) {
    for (const configuration of lines) {
      test(`${check}: ${configuration.join(', ')}`, async (t) => {
        const { pid, directory, text } = await startAlone(t, configuration, acl);
        await until1884(pid);
        const files = { [path.join(directory, 'acl')]: `${acl.join('\n')}\n` };
        const failures = (await outcomesOf(check, text, files)).filter(({ status }) => status === 'fail');
        if (reason !== undefined)
          for (const failure of failures) assert.equal(failure.status === 'fail' && failure.reason, reason);
        assert.equal(await isSeen({ pid, directory }), failures.length > 0, 'it is seen where the audit says so');
      });
    }
  }

  test('a publish that is not allowed is acknowledged all the same, so that only a witness can tell', async (t) => {
    const { pid } = await startAlone(t, [...OPEN, 'acl_file DIR/acl'], ['topic read secret/#']);
    await until1884(pid);
    let isAcknowledged = false;
    const heard = await hears(pid, 'secret/#', async () => {
      isAcknowledged = await publishes(pid, 'secret/x', '-m', 'y');
    });
    assert.deepEqual([isAcknowledged, RECEIVED.test(heard)], [true, false]);
  });
});
