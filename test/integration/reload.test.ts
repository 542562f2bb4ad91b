import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { after, before, describe, it, type TestContext } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { makeCertificate } from '../kit/certificates.ts';
import { eventsLike, untilEvent } from '../kit/event-log.ts';
import type { RunningGateway } from '../kit/gateway.ts';
import { MqttJsClient, type MqttJsInit } from '../kit/mqttjs.ts';
import { freePort, HOST } from '../kit/process.ts';
import {
  PASSWORD,
  type SecuredGateway,
  startSecuredGateway,
  type TransportName,
  USERNAME,
} from '../kit/secured-gateway.ts';
import { SteadyLoad } from '../kit/steady-load.ts';

const NOT_AUTHORIZED = 0x87;
const ADMINISTRATIVE_ACTION = 0x98;
const ACL = ['pattern readwrite devices/%u/#'];
const USERS = { [USERNAME]: PASSWORD };
const LOAD_TOPIC = `devices/${USERNAME}/load`;

describe('a reload', () => {
  let secured: SecuredGateway;
  let gateway: RunningGateway;
  /** Runs through every test of this file: at the end nothing may be lost, and nobody disconnected. */
  let load: SteadyLoad;
  let subscriber: MqttJsClient;

  const as = (transport: TransportName, username: string, password: string): MqttJsInit => ({
    ...secured.login(transport),
    options: { username, password },
  });
  const connect = async (t: TestContext, init: MqttJsInit): Promise<MqttJsClient> => {
    const client = await MqttJsClient.connect(init);
    t.after(() => client.client.end(true));
    return client;
  };
  const reloaded = async (): Promise<void> => {
    const { code, out, err } = await gateway.reload();
    assert.equal(code, 0, err);
    assert.match(out, /^Reloaded \(generation \d+\)/);
  };

  before(async () => {
    secured = await startSecuredGateway({ users: USERS, acl: ACL });
    gateway = secured.gateway;
    subscriber = await MqttJsClient.connect(secured.login('tls'));
    await subscriber.subscribe(`${LOAD_TOPIC}/#`, { qos: 1 });
    load = await SteadyLoad.start({
      publishers: {
        tcp: { ...secured.login('tcp'), version: 4 },
        tls: secured.login('tls'),
        mtls: secured.login('mtls'),
        wss: { ...secured.login('wss'), version: 4 },
      },
      topic: LOAD_TOPIC,
      windowMax: 1,
    });
  });
  after(async () => {
    load?.kill();
    subscriber?.client.end(true);
    await secured?.stop();
  });

  it('by SIGHUP or by command goes unnoticed by those who publish and receive', async () => {
    for (let round = 1; round <= 3; round++) {
      await load.more(50);
      const count = eventsLike(gateway.program, 'config.reloaded').length;
      gateway.program.child.kill('SIGHUP');
      await untilEvent(gateway.program, 'config.reloaded', {}, count);
      await load.more(50);
      await reloaded();
    }
    await load.more(50);
  });

  it('shows a new server certificate to new connections, while the old ones live on', async () => {
    const shown = async (port: number): Promise<string> => {
      const socket = connectTls({ host: HOST, port, ca: secured.ca.certificatePem, servername: 'localhost' });
      await once(socket, 'secureConnect');
      const fingerprint = socket.getPeerX509Certificate()!.fingerprint256.replaceAll(':', '').toLowerCase();
      socket.destroy();
      return fingerprint;
    };
    const secure = (['tls', 'mtls', 'wss'] as const).map((name) => gateway.ports.get(name)!);
    for (const port of secure) assert.equal(await shown(port), secured.server.fingerprint);
    const renewed = await makeCertificate(secured.ca, { commonName: 'renewed', use: 'server' });
    await writeFile(secured.files.serverCert, renewed.certificatePem);
    await writeFile(secured.files.serverKey, renewed.keyPem);
    await reloaded();
    for (const port of secure) assert.equal(await shown(port), renewed.fingerprint);
    await untilEvent(gateway.program, 'certificate.loaded', { listener: 'wss', fingerprint: renewed.fingerprint });
    await load.more(50);
  });

  it('disconnects a user who is no longer in the password file, and lets a new one in', async (t) => {
    await gateway.rewrite({ users: { ...USERS, leaving: 'a' } });
    await reloaded();
    const leaving = await connect(t, as('wss', 'leaving', 'a'));
    const old = await connect(t, { ...as('tls', 'leaving', 'a'), version: 4 });
    await gateway.rewrite({ users: { ...USERS, coming: 'b' } });
    await reloaded();
    await leaving.closed();
    assert.deepEqual(leaving.disconnectReasons, [NOT_AUTHORIZED]);
    await old.closed();
    await assert.rejects(connect(t, as('tls', 'leaving', 'a')), { code: 0x86 });
    await connect(t, as('tls', 'coming', 'b'));
  });

  it('disconnects a user whose password was changed', async (t) => {
    await gateway.rewrite({ users: { ...USERS, changing: 'old' } });
    await reloaded();
    const client = await connect(t, as('tls', 'changing', 'old'));
    await gateway.rewrite({ users: { ...USERS, changing: 'new' } });
    await reloaded();
    await client.closed();
    assert.deepEqual(client.disconnectReasons, [NOT_AUTHORIZED]);
    await connect(t, as('tls', 'changing', 'new'));
  });

  it('takes a grant from live subscriptions and publishers, and gives it back', async (t) => {
    const topic = 'shared/news';
    const grant = ['user reader', `topic read ${topic}`, 'user writer', `topic write ${topic}`];
    await gateway.rewrite({ users: { ...USERS, reader: 'r', writer: 'w' }, acl: [...ACL, ...grant] });
    await reloaded();
    const reader = await connect(t, as('tls', 'reader', 'r'));
    const writer = await connect(t, as('wss', 'writer', 'w'));
    assert.deepEqual(await reader.subscribe(['devices/reader/own', topic], { qos: 1 }), [1, 1]);
    await writer.publish(topic, 'first', { qos: 1 });
    await reader.received(1);

    await gateway.rewrite({ acl: [...ACL, 'user writer', `topic write ${topic}`] });
    await reloaded();
    await untilEvent(gateway.program, 'subscription.revoked', { username: 'reader', filter: topic });
    await writer.publish(topic, 'unseen', { qos: 1 });
    await reader.publish('devices/reader/own', 'seen', { qos: 1 });
    assert.deepEqual(
      (await reader.received(2)).map(({ payload }) => payload),
      ['first', 'seen'],
    );

    await gateway.rewrite({ acl: ACL });
    await reloaded();
    await assert.rejects(writer.publish(topic, 'refused', { qos: 1 }), { code: NOT_AUTHORIZED });
    await assert.rejects(writer.publish(topic, 'refused', { qos: 2 }), { code: NOT_AUTHORIZED });

    await gateway.rewrite({ acl: [...ACL, ...grant] });
    await reloaded();
    await reader.subscribe(topic, { qos: 1 });
    await writer.publish(topic, 'last', { qos: 1 });
    assert.equal((await reader.received(3))[2]!.payload, 'last');
  });

  it('ends a client whose Will it no longer allows, and does not publish that', async (t) => {
    await gateway.rewrite({
      users: { ...USERS, mortal: 'm' },
      acl: [...ACL, 'user mortal', `topic write ${LOAD_TOPIC}/will`],
    });
    await reloaded();
    const login = as('tls', 'mortal', 'm');
    const will = { topic: `${LOAD_TOPIC}/will`, payload: Buffer.from('will'), qos: 1, retain: false } as const;
    const client = await connect(t, { ...login, options: { ...login.options, will } });
    await gateway.rewrite({ users: { ...USERS, mortal: 'm' }, acl: ACL });
    await reloaded();
    await client.closed();
    assert.deepEqual(client.disconnectReasons, [NOT_AUTHORIZED]);
    await load.more(50);
    assert.ok(!subscriber.messages.some(({ payload }) => payload === 'will'));
  });

  it('opens a new listener and closes one that is gone, with its connections and no others', async (t) => {
    const { listeners } = gateway.files;
    const port = await freePort();
    await gateway.rewrite({ listeners: [...listeners, { name: 'extra', type: 'tcp', port }] });
    await reloaded();
    const v5 = await connect(t, { ...secured.login('tcp'), port });
    const v4 = await connect(t, { ...secured.login('tcp'), port, version: 4 });
    await v5.publish(`devices/${USERNAME}/x`, 'x', { qos: 1 });
    await gateway.rewrite({ listeners });
    await reloaded();
    await v5.closed();
    await v4.closed();
    assert.deepEqual(v5.disconnectReasons, [ADMINISTRATIVE_ACTION]);
    await assert.rejects(connect(t, { ...secured.login('tcp'), port }), { code: 'ECONNREFUSED' });
    await untilEvent(gateway.program, 'listener.closed', { listener: 'extra' });
  });

  it('puts new limits on connections that are open', async (t) => {
    const client = await connect(t, secured.login('tls'));
    await client.publish(`devices/${USERNAME}/x`, 'x'.repeat(1000), { qos: 1 });
    await gateway.rewrite({ config: { limits: { packetSizeMax: 512 } } });
    await reloaded();
    await load.more(20);
    client.client.publish(`devices/${USERNAME}/x`, 'x'.repeat(1000), { qos: 1 }, () => undefined);
    await client.closed();
    assert.deepEqual(client.disconnectReasons, [0x95]);
    await gateway.rewrite({ config: {} });
    await reloaded();
  });

  it('has lost nothing of what was acknowledged all the while, and dropped no connection', async () => {
    await load.stop();
    assert.deepEqual(load.failures, []);
    assert.equal(load.connectionsLost, 0);
    assert.deepEqual(subscriber.disconnectReasons, []);
    await load.arrived(subscriber);
    assert.equal(subscriber.messages.length, load.count);
  });
});
