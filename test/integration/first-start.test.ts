import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { eventsLike, untilEvent } from '../kit/event-log.ts';
import { eventually } from '../kit/eventually.ts';
import { COMMAND } from '../kit/gateway.ts';
import { withoutMosquittoClients } from '../kit/mosquitto-clients.ts';
import { inNetworkOf, inOwnNetwork, withoutNetworks } from '../kit/network-namespace.ts';
import { type Finished, Program, removeDirectory, runToEnd, temporaryDirectory } from '../kit/process.ts';

const PACKAGES = fileURLToPath(new URL('../../node_modules', import.meta.url));
const LISTEN_STATE = '0A';

/** Every file below it, by its path from there. */
function filesBelow(directory: string): string[] {
  const entries = readdirSync(directory, { withFileTypes: true, recursive: true });
  const files = entries.filter((entry) => entry.isFile());
  return files.map((entry) => path.relative(directory, path.join(entry.parentPath, entry.name))).sort();
}

/** What the gateway writes as it runs: the keys that sign the journal are not of it. */
const RECORD = /^((broker|bans)\.sqlite.*|operators\.db.*|lock|pid|journal\/(?!signing\.).*)$/;

/** What stays as it is between two runs. */
function settingsBelow(directory: string): Record<string, string> {
  const kept = filesBelow(directory).filter((file) => !RECORD.test(file));
  return Object.fromEntries(kept.map((file) => [file, readFileSync(path.join(directory, file), 'utf8')]));
}

/** Ports that a process' network listens on, as the kernel tells. */
function listeningPorts(pid: number): number[] {
  const rows = ['tcp', 'tcp6'].flatMap((table) =>
    readFileSync(`/proc/${pid}/net/${table}`, 'utf8').split('\n').slice(1),
  );
  const fields = rows.map((row) => row.trim().split(/\s+/)).filter(([, , , state]) => state === LISTEN_STATE);
  return fields.map(([, local]) => Number.parseInt(local!.split(':')[1]!, 16)).sort((a, b) => a - b);
}

const skip = withoutNetworks || withoutMosquittoClients;

describe('the first start of all', { skip }, () => {
  let here: string;
  let data: string;
  let gateway: Program;
  let pid: number;
  let password: string;
  /** The lines that it printed to be pasted, by their first words. */
  const printed = new Map<string, string>();
  let settings: Record<string, string>;

  const start = async (): Promise<void> => {
    const [command, args] = inOwnNetwork(process.execPath, COMMAND, 'start', '--data', 'my data');
    gateway = await Program.start(command, args, [], { cwd: here });
    pid = gateway.child.pid!;
    await untilEvent(gateway, 'gateway.started');
  };
  /** A line as somebody pastes it, into a shell in the directory where it was printed. */
  const paste = (line: string): Promise<Finished> => {
    const [command, args] = inNetworkOf(pid, 'sh', '-c', line);
    return runToEnd(command, args, { cwd: here });
  };
  const line = (start: string): string => printed.get(start) ?? assert.fail(`no line for ${start}:\n${gateway.output}`);

  before(async () => {
    here = await temporaryDirectory('first start');
    data = path.join(here, 'my data');
    // As in a clone, where npx finds MQTT.js.
    symlinkSync(PACKAGES, path.join(here, 'node_modules'));
    await start();
    await gateway.until('print its last line', () => (/passwd add/.test(gateway.output) ? true : undefined));
    for (const [, text = '', words = ''] of gateway.output.matchAll(/^ {2}((mosquitto_\w+|npx mqtt \w+) .*)$/gm)) {
      printed.set(words, text);
    }
    password = /^ {2}password {2}(\S+)$/m.exec(gateway.output)?.[1] ?? assert.fail(gateway.output);
    settings = settingsBelow(data);
  });
  after(async () => {
    await gateway?.end();
    await removeDirectory(here);
  });

  for (const [subscribe, publish] of [
    ['mosquitto_sub', 'mosquitto_pub'],
    ['npx mqtt sub', 'npx mqtt pub'],
    ['npx mqtt sub', 'mosquitto_pub'],
  ] as const) {
    it(`what the printed ${publish} line sends, the printed ${subscribe} line shows`, async (t) => {
      const [command, args] = inNetworkOf(pid, 'sh', '-c', `exec ${line(subscribe)}`);
      const subscriber = await Program.start(command, args, [], { cwd: here, isGroup: true });
      t.after(() => subscriber.end('SIGKILL'));
      await eventually(`${subscribe} shows the message`, async () => {
        const { code, err } = await paste(line(publish));
        assert.equal(code, 0, err);
        return /Hello/.test(subscriber.stdout);
      });
      assert.match(subscriber.stdout, /devices\/device1\/hello.*Hello/);
    });
  }

  it('it listens on 8883 and 8084 with TLS, and on nothing else', async () => {
    assert.deepEqual(listeningPorts(pid), [8084, 8883]);
    for (const port of [8084, 8883]) {
      const { code } = await paste(`mosquitto_pub -h localhost -p ${port} -u device1 -P x -t x -m x`);
      assert.notEqual(code, 0);
      await untilEvent(gateway, 'connection.rejected', { says: /an unencrypted MQTT CONNECT, where TLS is spoken/ });
    }
  });

  it('nobody comes in without a name or with a wrong password', async () => {
    const anonymous = line('mosquitto_pub').replace(/ -u \S+ -P \S+/, '');
    assert.notEqual((await paste(anonymous)).code, 0);
    await untilEvent(gateway, 'authentication.failed', { listener: 'mqtts', says: /./ });
    const guessed = line('mosquitto_pub').replace(password, password.toLowerCase());
    assert.match((await paste(guessed)).err, /not authori[sz]ed|bad user name/i);
    await untilEvent(gateway, 'authentication.failed', { username: 'device1' });
  });

  it('a client that does not know the private CA does not trust the gateway', async () => {
    const { code, err } = await paste(
      line('mosquitto_pub').replace(/--cafile \S+|--cafile '[^']*'/, '--capath /etc/ssl/certs'),
    );
    assert.notEqual(code, 0, err);
  });

  it('the user publishes and subscribes below its own name, and nowhere else', async () => {
    for (const topic of ['devices/device2/hello', 'devices/device1x/hello', 'hello', 'devices/hello']) {
      await paste(line('mosquitto_pub').replace('devices/device1/hello', topic));
      await untilEvent(gateway, 'publish.refused', { topic, username: 'device1' });
    }
    for (const filter of ['#', 'devices/#', 'devices/+/hello', 'devices/device2/#', '$SYS/#', '$share/g/devices/#']) {
      const { err } = await paste(line('mosquitto_sub').replace('devices/device1/hello', filter));
      assert.match(err, /denied/);
      await untilEvent(gateway, 'subscribe.refused', { filter, username: 'device1' });
    }
    assert.match((await paste(`${line('mosquitto_sub').replace('/hello', '/#')} -E`)).err, /^$/);
  });

  it('directories are 0700, certificates and the key that verifies the journal are public, and every other file is 0600', () => {
    const mode = (file: string): string => (statSync(path.join(data, file)).mode & 0o777).toString(8);
    for (const directory of ['.', 'ca', 'certs', 'journal']) assert.equal(mode(directory), '700', directory);
    for (const file of filesBelow(data)) assert.equal(mode(file), /\.(crt|pub)$/.test(file) ? '644' : '600', file);
  });

  it('the password is in no file and in no line of the log', () => {
    for (const file of filesBelow(data)) assert.ok(!readFileSync(path.join(data, file)).includes(password), file);
    assert.ok(!gateway.stdout.includes(password));
    assert.equal(gateway.output.split('\n').filter((text) => /^ {2}password /.test(text)).length, 1);
  });

  it('a second start makes nothing anew, prints no password, and takes the same lines', async () => {
    const [before] = eventsLike(gateway, 'certificate.loaded');
    await gateway.end();
    assert.equal(gateway.child.exitCode, 0);
    await start();
    const shown = await untilEvent(gateway, 'certificate.loaded');
    assert.equal(shown['fingerprint'], before!['fingerprint']);
    assert.equal((await paste(line('mosquitto_pub'))).code, 0);
    assert.deepEqual(settingsBelow(data), settings);
    assert.equal(gateway.output, gateway.stdout, 'nothing is printed for people');
  });

  it('a port is changed where the configuration names it, and nowhere else', async () => {
    await gateway.end();
    const config = path.join(data, 'sallyport.yaml');
    writeFileSync(config, readFileSync(config, 'utf8').replace('port: 8883', 'port: 18883'));
    await start();
    assert.deepEqual(listeningPorts(pid), [8084, 18883]);
    const { code, err } = await paste(line('mosquitto_pub').replace('-p 8883', '-p 18883'));
    assert.equal(code, 0, err);
  });
});
