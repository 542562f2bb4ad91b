import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { createServer } from 'node:tls';
import { makeCa, makeCertificate } from '../kit/certificates.ts';
import { untilEvent } from '../kit/event-log.ts';
import { eventually } from '../kit/eventually.ts';
import { startGateway } from '../kit/gateway.ts';
import { MqttJsClient } from '../kit/mqttjs.ts';
import { freePort, HOST, Program, removeAtExit, temporaryDirectory } from '../kit/process.ts';

const withoutRsyslog = spawnSync('rsyslogd', ['-v']).error === undefined ? false : 'rsyslogd is not installed';

interface Received {
  readonly host: string;
  readonly program: string;
  readonly severity: string;
  readonly facility: string;
  readonly name: string;
  readonly message: string;
}

/** A real rsyslog that writes what it has understood of each message as a line of JSON. */
async function startRsyslog(directory: string, port: number, input: readonly string[]): Promise<Program> {
  const config = [
    `global(workDirectory="${directory}" maxMessageSize="64k" variables.caseSensitive="on")`,
    ...input,
    'template(name="parts" type="list" option.jsonf="on") {',
    ...[
      'hostname:host',
      'programname:program',
      'syslogseverity-text:severity',
      'syslogfacility-text:facility',
      'msgid:name',
      'msg:message',
    ].map((pair) => {
      const [property, name] = pair.split(':');
      return `  property(outname="${name}" name="${property}" format="jsonf")`;
    }),
    '}',
    `action(type="omfile" file="${directory}/received" template="parts" asyncWriting="off" flushOnTXEnd="on")`,
    '',
  ];
  const file = path.join(directory, 'rsyslog.conf');
  await writeFile(file, config.join('\n'));
  return Program.start('rsyslogd', ['-n', '-f', file, '-i', path.join(directory, 'pid')], port === 0 ? [] : [port]);
}

async function received(directory: string): Promise<Received[]> {
  const file = path.join(directory, 'received');
  if (!existsSync(file)) return [];
  const lines = (await readFile(file, 'utf8')).split('\n').slice(0, -1);
  return lines.map((line) => JSON.parse(line) as Received);
}

async function scene(
  t: TestContext,
  collector: (port: number, directory: string) => Promise<{ input: string[]; entry: object; isTcp: boolean }>,
) {
  const directory = await temporaryDirectory('syslog');
  removeAtExit(directory);
  const port = await freePort();
  const { input, entry, isTcp } = await collector(port, directory);
  const rsyslog = await startRsyslog(directory, isTcp ? port : 0, input);
  t.after(() => rsyslog.end());
  const gateway = await startGateway({
    listeners: [{ name: 'tcp', type: 'tcp' }],
    users: { ann: 'a password of the tests' },
    config: { syslog: [entry] },
  });
  t.after(() => gateway.stop());
  const clientId = 'pump "7" \u00fc';
  const options = { username: 'ann', password: 'wrong', clientId };
  const tryToLogIn = async (): Promise<void> => {
    await assert.rejects(MqttJsClient.connect({ port: gateway.ports.get('tcp')!, version: 5, options }));
  };
  return { directory, gateway, tryToLogIn, clientId };
}

test('a failed login reaches rsyslog over TCP as one message whose parts it understands', {
  skip: withoutRsyslog,
}, async (t) => {
  const { directory, tryToLogIn, clientId } = await scene(t, async (port) => ({
    input: ['module(load="imtcp")', `input(type="imtcp" port="${port}" address="${HOST}")`],
    entry: { url: `tcp://${HOST}:${port}`, facility: 'authpriv' },
    isTcp: true,
  }));
  await tryToLogIn();
  await eventually('it has come', async () =>
    (await received(directory)).some(({ name }) => name === 'authentication.failed'),
  );
  const message = (await received(directory)).find(({ name }) => name === 'authentication.failed')!;
  assert.equal(message.program, 'sallyport');
  assert.equal(message.severity, 'warning');
  assert.equal(message.facility, 'authpriv');
  const content = JSON.parse(message.message) as Record<string, unknown>;
  assert.equal(content['clientId'], clientId);
  assert.equal(content['username'], 'ann');
  assert.equal(content['event'], 'authentication.failed');
});

test('rsyslog reads the content as JSON, field by field, whatever a client has called itself', {
  skip: withoutRsyslog,
}, async (t) => {
  const { directory, tryToLogIn, clientId } = await scene(t, async (port, folder) => ({
    input: [
      'module(load="imtcp")',
      'module(load="mmjsonparse")',
      `input(type="imtcp" port="${port}" address="${HOST}")`,
      'action(type="mmjsonparse" cookie="" container="$!sallyport")',
      'template(name="fields" type="string" string="%$!%\\n")',
      'set $.client = $!sallyport!clientId;',
      'template(name="client" type="string" string="%$.client%\\n")',
      'if $parsesuccess == "OK" and $!sallyport!event == "authentication.failed" then {',
      `  action(type="omfile" file="${folder}/fields" template="fields" asyncWriting="off" flushOnTXEnd="on")`,
      `  action(type="omfile" file="${folder}/client" template="client" asyncWriting="off" flushOnTXEnd="on")`,
      '}',
    ],
    entry: { url: `tcp://${HOST}:${port}` },
    isTcp: true,
  }));
  await tryToLogIn();
  const textOf = async (name: string): Promise<string> => {
    const file = path.join(directory, name);
    return existsSync(file) ? readFile(file, 'utf8') : '';
  };
  await eventually('it has come', async () => (await textOf('client')).endsWith('\n'));
  assert.equal(await textOf('client'), `${clientId}\n`);
  await eventually('the fields too', async () => (await textOf('fields')).endsWith('\n'));
  const { sallyport: fields = {} } = JSON.parse(await textOf('fields')) as Record<string, Record<string, unknown>>;
  const find = async () => (await received(directory)).find(({ name }) => name === 'authentication.failed');
  await eventually('and the whole', async () => (await find()) !== undefined);
  const whole = (await find())!;
  assert.deepEqual(fields, JSON.parse(whole.message));
  assert.equal(fields['username'], 'ann');
});

test('the same over UDP, as CEF', { skip: withoutRsyslog }, async (t) => {
  const { directory, tryToLogIn } = await scene(t, async (port) => ({
    input: ['module(load="imudp")', `input(type="imudp" port="${port}" address="${HOST}")`],
    entry: { url: `udp://${HOST}:${port}`, format: 'cef' },
    isTcp: false,
  }));
  await eventually('it has come', async () => {
    await tryToLogIn();
    return (await received(directory)).some(({ name }) => name === 'authentication.failed');
  });
  const message = (await received(directory)).find(({ name }) => name === 'authentication.failed')!;
  assert.match(
    message.message.trim(),
    /^CEF:0\|Sallyport\|Sallyport\|[^|]+\|authentication\.failed\|authentication failed\|6\|/,
  );
});

test('with TLS, the collector has to be who it is said to be', { skip: withoutRsyslog }, async (t) => {
  // rsyslog's own TLS is a package of its own; openssl stands for it here, because the point is whom the gateway trusts.
  const authority = await makeCa('collectors');
  const stranger = await makeCa('strangers');
  const heard: string[] = [];
  const leaf = await makeCertificate(authority, { commonName: 'siem', use: 'server', hosts: ['siem.example.org'] });
  const server = createServer({ key: leaf.keyPem, cert: leaf.certificatePem }, (socket) => {
    socket.on('data', (chunk: Buffer) => heard.push(chunk.toString()));
    socket.on('error', () => undefined);
  });
  const port = await freePort();
  await new Promise<void>((resolve) => server.listen(port, HOST, resolve));
  t.after(() => server.close());
  const directory = await temporaryDirectory('syslog-tls');
  removeAtExit(directory);
  await writeFile(path.join(directory, 'ca.pem'), authority.certificatePem);
  await writeFile(path.join(directory, 'other.pem'), stranger.certificatePem);
  const entry = (ca: string, serverName: string): object => ({
    url: `tls://${HOST}:${port}`,
    tls: { ca: path.join(directory, ca), serverName },
    level: 'info',
  });
  const gateway = await startGateway({
    listeners: [{ name: 'tcp', type: 'tcp' }],
    config: { syslog: [entry('other.pem', 'siem.example.org'), entry('ca.pem', 'other.example.org')] },
  });
  await untilEvent(gateway.program, 'collector.failed', { says: /self-signed certificate|unable to (verify|get)/ });
  await untilEvent(gateway.program, 'collector.failed', { says: /altnames|does not match/ });
  assert.deepEqual(heard, []);
  await gateway.program.end();
  await gateway.rewrite({ config: { syslog: [entry('ca.pem', 'siem.example.org')] } });
  const again = await gateway.restart();
  t.after(() => again.stop());
  await eventually('it has come', () => heard.join('').includes('gateway.started'));
});
