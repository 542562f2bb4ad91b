import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { ProtocolVersion } from '../../src/mqtt/wire.ts';
import type { RunningGateway } from '../kit/gateway.ts';
import {
  type MosquittoLogin,
  MosquittoSub,
  type MosquittoVersion,
  mosquittoPub,
  mosquittoSubscribe,
  withoutMosquittoClients,
} from '../kit/mosquitto-clients.ts';
import { MqttJsClient } from '../kit/mqttjs.ts';
import {
  PASSWORD,
  type SecuredGateway,
  startSecuredGateway,
  type TransportName,
  USERNAME,
} from '../kit/secured-gateway.ts';

const VERSIONS: readonly [name: string, version: ProtocolVersion, mosquitto: MosquittoVersion][] = [
  ['MQTT 3.1', 3, 'mqttv31'],
  ['MQTT 3.1.1', 4, 'mqttv311'],
  ['MQTT 5', 5, 'mqttv5'],
];
const JS_TRANSPORTS: readonly TransportName[] = ['tcp', 'mtls', 'wss'];

/** Three while it is away and the gateway runs, two more after the restart. */
const BEFORE = ['q1-a', 'q2-a', 'q1-b'];
const AFTER = ['q2-b', 'q1-c'];

const qosOf = (payload: string): 1 | 2 => (payload.startsWith('q1') ? 1 : 2);

/** Clients hand a QoS 2 message over when its handshake is through, and so later: order holds within a QoS. */
function byQos(messages: readonly { payload: string; qos: number }[]): unknown[] {
  return messages.toSorted((a, b) => a.qos - b.qos).map(({ payload, qos }) => [payload, qos]);
}
const EXPECTED = byQos([...BEFORE, ...AFTER].map((payload) => ({ payload, qos: qosOf(payload) })));

describe('a session that outlives the gateway', () => {
  let secured: SecuredGateway;
  let gateway: RunningGateway;
  let publisher: MqttJsClient;

  const mosquitto = (version: MosquittoVersion): MosquittoLogin => ({
    port: gateway.ports.get('tls')!,
    version,
    username: USERNAME,
    password: PASSWORD,
    tls: { ca: secured.files.ca },
  });
  const mosquittoSession = (version: MosquittoVersion): string[] => [
    ...['-q', '2', '-c', '-i', `sub-${version}`],
    ...(version === 'mqttv5' ? ['-x', '3600'] : []),
  ];
  const mosquittoTopic = (version: MosquittoVersion): string => `devices/${USERNAME}/mosquitto/${version}`;

  const jsTopic = (transport: TransportName, version: ProtocolVersion): string =>
    `devices/${USERNAME}/js/${transport}/${version}`;
  const jsConnect = (transport: TransportName, version: ProtocolVersion): Promise<MqttJsClient> => {
    const login = secured.login(transport);
    const options = {
      ...login.options,
      clientId: `${transport}-${version}`,
      clean: false,
      ...(version === 5 ? { properties: { sessionExpiryInterval: 3600 } } : {}),
    };
    return MqttJsClient.connect({ ...login, version, options });
  };
  const jsCases = JS_TRANSPORTS.flatMap((transport) =>
    VERSIONS.map(([name, version]) => ({ name, version, transport, topic: jsTopic(transport, version) })),
  );

  const publishAll = async (payloads: readonly string[]): Promise<void> => {
    publisher = await MqttJsClient.connect(secured.login('tcp'));
    const topics = [...jsCases.map(({ topic }) => topic), ...VERSIONS.map(([, , version]) => mosquittoTopic(version))];
    for (const payload of payloads) {
      await Promise.all(topics.map((topic) => publisher.publish(topic, payload, { qos: qosOf(payload) })));
    }
    await publisher.end();
  };

  before(async () => {
    secured = await startSecuredGateway();
    gateway = secured.gateway;
    for (const { transport, version, topic } of jsCases) {
      const client = await jsConnect(transport, version);
      assert.equal(client.sessionPresent, false);
      await client.subscribe(topic, { qos: 2 });
      await client.end();
    }
    if (withoutMosquittoClients === false) {
      for (const [, , version] of VERSIONS) {
        const { code, err } = await mosquittoSubscribe(
          mosquitto(version),
          mosquittoTopic(version),
          mosquittoSession(version),
        );
        assert.equal(code, 0, err);
      }
    }
    const retainer = await MqttJsClient.connect(secured.login('tcp'));
    await retainer.publish(`devices/${USERNAME}/kept/1`, 'one', { qos: 1, retain: true });
    await retainer.publish(`devices/${USERNAME}/kept/2`, 'two', { qos: 2, retain: true });
    await retainer.publish(`devices/${USERNAME}/kept/2`, '', { qos: 1, retain: true });
    await retainer.end();
    await publishAll(BEFORE);
    await gateway.program.end();
    assert.equal(gateway.program.child.exitCode, 0);
    await secured.restart();
    gateway = secured.gateway;
    await publishAll(AFTER);
  });
  after(() => secured?.stop());

  for (const { name, transport, version, topic } of jsCases) {
    it(`MQTT.js, ${name} over ${transport}: all that came meanwhile is delivered once, in order, with its QoS`, async (t) => {
      const client = await jsConnect(transport, version);
      t.after(() => client.client.end(true));
      // MQTT 3.1 has no such flag.
      if (version !== 3) assert.equal(client.sessionPresent, true);
      await client.received(EXPECTED.length);
      // The subscription is still there, and between the two nothing comes again.
      await client.publish(topic, 'last', { qos: 2 });
      await client.received(EXPECTED.length + 1);
      assert.deepEqual(byQos(client.messages), [...EXPECTED, ['last', 2]]);
    });
  }

  for (const [name, , version] of VERSIONS) {
    it(`mosquitto_sub, ${name}: all that came meanwhile is delivered`, { skip: withoutMosquittoClients }, async (t) => {
      const topic = mosquittoTopic(version);
      const sub = await MosquittoSub.start(t, mosquitto(version), topic, mosquittoSession(version));
      await sub.received(EXPECTED.length);
      await mosquittoPub(mosquitto(version), topic, ['-q', '2', '-m', 'last']);
      assert.deepEqual(byQos(await sub.received(EXPECTED.length + 1)), [...EXPECTED, ['last', 2]]);
    });
  }

  it('retained messages are there again, and one that was removed stays away', async (t) => {
    const client = await MqttJsClient.connect(secured.login('ws'));
    t.after(() => client.client.end(true));
    await client.subscribe(`devices/${USERNAME}/kept/#`, { qos: 1 });
    await client.publish(`devices/${USERNAME}/kept/3`, 'live', { qos: 1 });
    const messages = await client.received(2);
    assert.deepEqual(
      messages.map(({ payload, retain }) => [payload, retain]),
      [
        ['one', true],
        ['live', false],
      ],
    );
  });
});
