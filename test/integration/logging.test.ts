import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { chmod, readFile, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { after, before, describe, it, type TestContext } from 'node:test';
import { eventsLike, type LoggedEvent, loggedEvents, untilEvent } from '../kit/event-log.ts';
import { eventually } from '../kit/eventually.ts';
import type { RunningGateway } from '../kit/gateway.ts';
import { MqttJsClient, type MqttJsInit } from '../kit/mqttjs.ts';
import { connect as connectPacket, publish as publishPacket } from '../kit/packets.ts';
import { HOST, removeDirectory, runToEnd, temporaryDirectory } from '../kit/process.ts';
import { RawClient } from '../kit/raw-client.ts';
import { PASSWORD, type SecuredGateway, startSecuredGateway, USERNAME } from '../kit/secured-gateway.ts';

const OWN = `devices/${USERNAME}/x`;
/** What a terminal, a pager, a log shipper or a reader of lines could take for something else. */
const HOSTILE = [
  'a\nb',
  'a\r\nb',
  '{"level":"info","event":"gateway.stopped"}',
  '"},{"event":"x',
  '\\u0000\\',
  'a\u001b[2J\u001b]0;title\u0007b',
  'a\u0085b\u009bc\u007fd',
  'a\u2028b\u2029c',
  'a\u202eb\u2066c\ufeffd',
  '%s %d ${x} $(x) `x`',
  "'; DROP TABLE log; --",
];

describe('the log at its default level', () => {
  let secured: SecuredGateway;
  let gateway: RunningGateway;
  before(async () => {
    // Hostile names shall reach the log, and not be refused by the codec before.
    secured = await startSecuredGateway({ config: { limits: { rejectControlCharacters: false } } });
    gateway = secured.gateway;
  });
  after(() => secured?.stop());

  const connect = async (
    t: TestContext,
    options: MqttJsInit['options'] = {},
    version: 4 | 5 = 5,
  ): Promise<MqttJsClient> => {
    const login = secured.login('tls');
    const client = await MqttJsClient.connect({ ...login, version, options: { ...login.options, ...options } });
    t.after(() => client.client.end(true));
    return client;
  };
  const raw = (): Promise<RawClient> =>
    RawClient.open({ transport: 'tcp', host: HOST, port: gateway.ports.get('tcp')! }, 4);
  const facts = ({ level, address, port, username, clientId, listener, reason, by, says }: LoggedEvent): unknown => ({
    level,
    address,
    port: typeof port,
    username,
    clientId,
    listener,
    reason,
    by: typeof by,
    says: typeof says,
  });

  it('shows a failed login with address, user, client, listener, reason and who decided', async (t) => {
    for (const [clientId, username] of [
      ['guesser', USERNAME],
      ['stranger', 'nobody'],
    ] as const) {
      await assert.rejects(connect(t, { clientId, username, password: 'wrong' }));
      const failed = await untilEvent(gateway.program, 'authentication.failed', { clientId });
      assert.deepEqual(facts(failed), {
        level: 'warn',
        address: HOST,
        port: 'number',
        username,
        clientId,
        listener: 'tls',
        reason: 0x86,
        by: 'string',
        says: 'string',
      });
      assert.match(failed.msg, new RegExp(`Failed login of client "${clientId}" \\(user "${username}"\\) from 127`));
    }
  });

  it('shows a denied publish with address, user and topic, whatever the version hears of it', async (t) => {
    for (const [version, action] of [
      [5, 'refused'],
      [4, 'disconnected'],
    ] as const) {
      const topic = `devices/other/${version}`;
      const client = await connect(t, { clientId: `denied-${version}` }, version);
      client.client.publish(topic, 'x', { qos: 1 }, () => undefined);
      const denied = await untilEvent(gateway.program, 'publish.refused', { topic });
      assert.deepEqual(facts(denied), {
        level: 'warn',
        address: HOST,
        port: 'number',
        username: USERNAME,
        clientId: `denied-${version}`,
        listener: 'tls',
        reason: 0x87,
        by: 'string',
        says: 'string',
      });
      assert.deepEqual([denied['qos'], denied['retain'], denied['action']], [1, false, action]);
    }
  });

  it('shows a denied subscription and a refused Will', async (t) => {
    const client = await connect(t, { clientId: 'curious' });
    await assert.rejects(client.subscribe('#'), /Not authorized/);
    await untilEvent(gateway.program, 'subscribe.refused', { clientId: 'curious', filter: '#', username: USERNAME });
    const will = { topic: 'devices/other/will', payload: Buffer.from('x'), qos: 0, retain: false } as const;
    await assert.rejects(connect(t, { clientId: 'mortal', will }), { code: 0x87 });
    await untilEvent(gateway.program, 'will.refused', { clientId: 'mortal', topic: will.topic, username: USERNAME });
  });

  it('says nothing of packets that are accepted', async (t) => {
    const client = await connect(t, { clientId: 'busy' });
    await client.subscribe(OWN, { qos: 2 });
    // Of its own alone: others may leave just now.
    const told = (): number => loggedEvents(gateway.program).filter(({ clientId }) => clientId === 'busy').length;
    await untilEvent(gateway.program, 'client.connected', { clientId: 'busy' });
    const before = told();
    // Below the Receive Maximum, which MQTT.js does not count.
    for (let batch = 0; batch < 10; batch++) {
      const numbers = Array.from({ length: 100 }, (_, number) => number);
      await Promise.all(numbers.map((number) => client.publish(OWN, `${number}`, { qos: (number % 3) as 0 | 1 | 2 })));
    }
    await client.received(1000);
    await client.unsubscribe(OWN);
    // A line that is sure to come, behind all that could have come before it.
    await client.end();
    await untilEvent(gateway.program, 'connection.closed', { clientId: 'busy' });
    assert.equal(told(), before + 1);
  });

  it('is not filled by a client that is refused all the time, and says how much it left out', async () => {
    const client = await RawClient.open({ transport: 'tcp', host: HOST, port: gateway.ports.get('tcp')! }, 5);
    await client.connect({ clientId: 'stubborn', username: USERNAME, password: PASSWORD });
    const count = 2000;
    for (let number = 0; number < count; number++) client.send(publishPacket('devices/other/x', 'x'));
    await client.settled();
    await client.disconnect();
    const closed = await untilEvent(gateway.program, 'connection.closed', { clientId: 'stubborn' });
    const told = eventsLike(gateway.program, 'publish.refused', { clientId: 'stubborn' });
    assert.ok(told.length < count / 10, `${told.length} lines`);
    const suppressed = [...told, closed].map((event) => Number(event['suppressed'] ?? 0));
    assert.equal(told.length + suppressed.reduce((sum, some) => sum + some, 0), count);
  });

  it('keeps hostile client identifiers, user names, topics and filters in one JSON line each, without a control character', async () => {
    for (const [number, text] of HOSTILE.entries()) {
      const clientId = `${number} ${text}`;
      const stranger = await raw();
      stranger.send(connectPacket(4, { clientId, username: text, password: 'x' }));
      await stranger.expectGone();
      await gateway.program.until(`log ${clientId}`, () =>
        loggedEvents(gateway.program).find((e) => e['clientId'] === clientId),
      );
      const client = await raw();
      await client.connect({ clientId: `hostile ${number}`, username: USERNAME, password: PASSWORD });
      assert.equal(await client.subscribe(`other/${text}`), 0x80);
      client.send(publishPacket(`other/${text}`, 'x', { qos: 1, packetId: 1 }));
      await client.expectGone();
      await untilEvent(gateway.program, 'subscribe.refused', { filter: `other/${text}` });
      await untilEvent(gateway.program, 'publish.refused', { topic: `other/${text}` });
    }
    for (const line of gateway.program.stdout.split('\n').slice(0, -1)) {
      const { level, time, event, msg } = JSON.parse(line) as Record<string, unknown>;
      for (const field of [level, time, event, msg]) assert.equal(typeof field, 'string', line);
      assert.doesNotMatch(line, /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]/);
    }
    assert.deepEqual(eventsLike(gateway.program, 'gateway.stopped'), []);
  });

  it('cuts a topic of 60 KB', async () => {
    await gateway.rewrite({ config: { limits: { topicLengthMax: 65_535 } } });
    assert.equal((await gateway.reload()).code, 0);
    const client = await raw();
    await client.connect({ clientId: 'verbose', username: USERNAME, password: PASSWORD });
    client.send(publishPacket(`other/${'x'.repeat(60_000)}`, 'x', { qos: 1, packetId: 1 }));
    await client.expectGone();
    const denied = await untilEvent(gateway.program, 'publish.refused', { clientId: 'verbose' });
    assert.ok(JSON.stringify(denied).length < 4000);
  });

  it('holds no password and no key', () => {
    for (const secret of [PASSWORD, 'wrong', secured.server.keyPem.split('\n')[1]!]) {
      assert.ok(!gateway.program.output.includes(`"${secret}"`));
    }
    assert.ok(!gateway.program.output.includes(PASSWORD));
  });
});

describe('a log file', () => {
  let directory: string;
  let destination: string;
  let secured: SecuredGateway;
  before(async () => {
    directory = await temporaryDirectory('log');
    // As logrotate wants it: for nobody else to write.
    await chmod(directory, 0o700);
    destination = path.join(directory, 'events.log');
    secured = await startSecuredGateway({ transports: ['tcp'], config: { log: { destination } } });
  });
  after(async () => {
    await secured?.stop();
    await removeDirectory(directory);
  });
  const has = (file: string, text: string) => () => existsSync(file) && readFileSync(file, 'utf8').includes(text);
  /** Once the log has been taken away and the gateway told: what comes then is in the new file, and not in the old one. */
  const goesOn = async (rotated: string, clientId: string): Promise<void> => {
    await eventually('the new file is written', has(destination, 'config.reloaded'));
    const login = secured.login('tcp');
    const client = await MqttJsClient.connect({ ...login, options: { ...login.options, clientId } });
    await client.end();
    await eventually('what comes then is in it', has(destination, 'connection.closed'));
    assert.ok(has(destination, clientId)());
    assert.ok(!has(rotated, clientId)());
    assert.equal(secured.gateway.program.stdout, '');
  };

  it('is opened anew on SIGHUP, so that rotating it loses no line', async () => {
    await eventually('it is started', has(destination, 'gateway.started'));
    await rename(destination, `${destination}.moved`);
    secured.gateway.program.child.kill('SIGHUP');
    await goesOn(`${destination}.moved`, 'first');
  });

  it('is rotated by logrotate as docs/siem.md shows', {
    skip: spawnSync('logrotate', ['--version']).error && 'logrotate is not installed',
  }, async () => {
    const page = await readFile(new URL('../../docs/siem.md', import.meta.url), 'utf8');
    const block = /^ {4}\/var\/log\/sallyport\/events\.log \{\n(?: {8}.*\n)+ {4}\}\n/m.exec(page)?.[0] ?? '';
    const told = `kill -HUP ${secured.gateway.program.child.pid}`;
    const text = block.replace('/var/log/sallyport/events.log', destination).replace(/systemctl kill .*/, told);
    assert.ok(text.includes(told));
    const file = path.join(directory, 'logrotate.conf');
    await writeFile(file, text, { mode: 0o600 });
    const state = path.join(directory, 'logrotate.state');
    for (const [i, clientId] of ['second', 'third'].entries()) {
      const rotated = await runToEnd('logrotate', ['--force', '--state', state, file]);
      assert.equal(rotated.code, 0, rotated.err);
      await goesOn(`${destination}.1`, clientId);
      assert.ok(has(`${destination}.1`, ['first', 'second'][i]!)());
    }
    assert.ok(existsSync(`${destination}.2.gz`), 'the one before is compressed, and the gateway does not write to it');
  });
});
