import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { collectMosquitto } from '../../src/assurance/audit/brokers/mosquitto/facts.ts';
import { mosquitto } from '../../src/assurance/audit/checks/mosquitto/mosquitto.ts';
import type { Outcome } from '../../src/assurance/audit/model/outcome.ts';
import { placedTarget } from '../../src/assurance/audit/model/target.ts';
import { fixtureContext } from '../kit/audited-system.ts';
import { eventually } from '../kit/eventually.ts';
import { withoutMosquittoClients } from '../kit/mosquitto-clients.ts';
import { inNetworkOf, inOwnNetwork, withoutNetworks } from '../kit/network-namespace.ts';
import { removeDirectory, runToEnd, temporaryDirectory } from '../kit/process.ts';

const installed = spawnSync('mosquitto', ['-h'], { encoding: 'utf8' });
const without =
  installed.error !== undefined ? 'mosquitto is not installed' : withoutMosquittoClients || withoutNetworks;
const VERSION = /version (\d+\.\d+\.\d+)/.exec(installed.stdout ?? '')?.[1] ?? 'unknown';

/** A real Mosquitto in a network of its own, where 1883 is free whatever else runs. */
async function startAlone(
  t: TestContext,
  lines: readonly string[],
): Promise<{ pid: number; file: string; text: string }> {
  const directory = await temporaryDirectory('audit-mosquitto');
  const file = path.join(directory, 'mosquitto.conf');
  const text = `${['user root', ...lines].join('\n').replaceAll('DIR', directory)}\n`;
  await writeFile(file, text);
  await writeFile(path.join(directory, 'passwd'), 'ann:$7$101$c2FsdA==$aGFzaA==\n', { mode: 0o644 });
  const [command, args] = inOwnNetwork('mosquitto', '-c', file);
  const child = spawn(command, args, { stdio: 'ignore' });
  const closed = once(child, 'close');
  t.after(async () => {
    child.kill();
    await closed;
    await removeDirectory(directory);
  });
  return { pid: child.pid!, file, text };
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

async function outcomesOf(id: string, text: string): Promise<Outcome[]> {
  const context = fixtureContext({ files: { '/m.conf': text } });
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
