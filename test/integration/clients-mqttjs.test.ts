import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, it, type TestContext } from 'node:test';
import type { ProtocolVersion } from '../../src/mqtt/wire.ts';
import { untilEvent } from '../kit/event-log.ts';
import { eventually } from '../kit/eventually.ts';
import { MqttJsClient, type MqttJsInit } from '../kit/mqttjs.ts';
import {
  type SecuredGateway,
  startSecuredGateway,
  TRANSPORTS,
  type TransportName,
  USERNAME,
} from '../kit/secured-gateway.ts';

const VERSIONS: readonly [name: string, version: ProtocolVersion][] = [
  ['MQTT 3.1', 3],
  ['MQTT 3.1.1', 4],
  ['MQTT 5', 5],
];

describe('MQTT.js', { concurrency: 4 }, () => {
  let secured: SecuredGateway;
  before(async () => {
    secured = await startSecuredGateway();
  });
  after(() => secured.stop());

  async function connect(
    t: TestContext,
    transport: TransportName,
    version: ProtocolVersion,
    options: MqttJsInit['options'] = {},
  ): Promise<MqttJsClient> {
    const login = secured.login(transport);
    const client = await MqttJsClient.connect({ ...login, version, options: { ...login.options, ...options } });
    t.after(() => client.client.end(true));
    return client;
  }

  for (const transport of Object.keys(TRANSPORTS) as TransportName[]) {
    for (const [versionName, version] of VERSIONS) {
      const base = `devices/${USERNAME}/${transport}/${version}`;
      const where = `${versionName} over ${transport}`;

      it(`${where}: a message comes with the QoS it was sent with, in order`, async (t) => {
        const client = await connect(t, transport, version);
        await client.subscribe(`${base}/qos/#`, { qos: 2 });
        for (const qos of [0, 1, 2] as const) await client.publish(`${base}/qos/${qos}`, `m${qos}`, { qos });
        const messages = await client.received(3);
        assert.deepEqual(
          messages.map(({ topic, payload, qos }) => [topic, payload, qos]),
          [0, 1, 2].map((qos) => [`${base}/qos/${qos}`, `m${qos}`, qos]),
        );
      });

      it(`${where}: who comes later gets the retained message`, async (t) => {
        const client = await connect(t, transport, version);
        await client.publish(`${base}/retained`, 'kept', { qos: 1, retain: true });
        const late = await connect(t, transport, version);
        await late.subscribe(`${base}/retained`, { qos: 1 });
        const [message] = await late.received(1);
        assert.equal(message?.payload, 'kept');
        assert.equal(message.retain, true);
      });

      it(`${where}: a client whose network fails leaves its Will`, async (t) => {
        const watcher = await connect(t, transport, version);
        await watcher.subscribe(`${base}/will`, { qos: 1 });
        const will = { topic: `${base}/will`, payload: Buffer.from('will'), qos: 1, retain: false } as const;
        const polite = await connect(t, transport, version, { will: { ...will, payload: Buffer.from('unwanted') } });
        await polite.end();
        const mortal = await connect(t, transport, version, { will });
        mortal.kill();
        const [message] = await watcher.received(1);
        assert.equal(message?.payload, 'will');
      });
    }

    it(`MQTT 5 over ${transport}: a Will waits for its delay, and does not come when its client is back in time`, async (t) => {
      const topic = `devices/${USERNAME}/${transport}/delayed`;
      const watcher = await connect(t, transport, 5);
      await watcher.subscribe(topic, { qos: 1 });
      const mortalOptions = (name: string): NonNullable<MqttJsInit['options']> => ({
        clientId: `${name}-${randomUUID()}`,
        clean: false,
        properties: { sessionExpiryInterval: 60 },
        will: { topic, payload: Buffer.from(name), qos: 1, retain: false, properties: { willDelayInterval: 2 } },
      });
      const [gone, back] = [mortalOptions('gone'), mortalOptions('back')];
      for (const options of [back, gone]) {
        (await connect(t, transport, 5, options)).kill();
        await untilEvent(secured.gateway.program, 'connection.closed', { clientId: options.clientId });
      }
      const { will: _will, ...withoutWill } = back;
      const returned = await connect(t, transport, 5, withoutWill);
      assert.equal(returned.sessionPresent, true);
      await watcher.publish(topic, 'meanwhile', { qos: 1 });
      const messages = await watcher.received(2);
      assert.deepEqual(
        messages.map(({ payload }) => payload),
        ['meanwhile', 'gone'],
      );
    });

    it(`MQTT 5 over ${transport}: a shared subscription gives each message to one of its members`, async (t) => {
      const topic = `devices/${USERNAME}/${transport}/shared`;
      const members = [await connect(t, transport, 5), await connect(t, transport, 5)];
      for (const member of members) await member.subscribe(`$share/group/${topic}`, { qos: 2 });
      const publisher = await connect(t, transport, 5);
      const payloads = Array.from({ length: 30 }, (_, number) => `m${number}`.padStart(4));
      await Promise.all(
        payloads.map((payload, number) => publisher.publish(topic, payload, { qos: (number % 3) as 0 | 1 | 2 })),
      );
      const got = (): string[] => members.flatMap(({ messages }) => messages.map(({ payload }) => payload));
      await eventually('the members got all of them', () => got().length >= payloads.length);
      assert.deepEqual(got().toSorted(), payloads.toSorted());
      for (const member of members) assert.ok(member.messages.length > 0, 'each member gets some');
    });
  }

  it('a client without a certificate, or with one of another authority, does not pass the mutual TLS listener', async () => {
    const { tls, ...login } = secured.login('mtls');
    await assert.rejects(MqttJsClient.connect({ ...login, tls: { ca: tls!.ca! } }));
    await untilEvent(secured.gateway.program, 'connection.rejected', { listener: 'mtls', says: /no certificate/ });
  });

  it('the name in a certificate is the user, and a client that names another one is refused', async (t) => {
    const client = await connect(t, 'mtls', 5, { username: USERNAME });
    assert.deepEqual(await client.subscribe(`devices/${USERNAME}/#`), [0]);
    await assert.rejects(connect(t, 'mtls', 5, { username: 'somebody-else', password: 'x' }), { code: 0x86 });
  });
});
