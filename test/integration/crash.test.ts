import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import fc from 'fast-check';
import type { ProtocolVersion } from '../../src/mqtt/wire.ts';
import { eventually } from '../kit/eventually.ts';
import { type RunningGateway, startGateway } from '../kit/gateway.ts';
import { MqttJsClient, type MqttJsInit } from '../kit/mqttjs.ts';
import { removeDirectory, temporaryDirectory } from '../kit/process.ts';
import { repeated, SteadyLoad } from '../kit/steady-load.ts';

const USER = { username: 'crash', password: 'a password of the tests' };
const COMMIT_INTERVAL_MS = 200;
/** For a machine whose disk and cores are busy with other tests. */
const SLACK_MS = 1300;

/** A gateway that dies and is started again on the same port; it ends with the test. */
interface Mortal {
  readonly port: number;
  kill(): Promise<void>;
  restart(): Promise<void>;
}

async function start(t: TestContext, broker: Readonly<Record<string, unknown>>): Promise<Mortal> {
  const directory = await temporaryDirectory('crash');
  let gateway: RunningGateway = await startGateway({
    directory,
    listeners: [{ name: 'tcp', type: 'tcp' }],
    users: { [USER.username]: USER.password },
    acl: [`user ${USER.username}`, 'topic readwrite #'],
    // Room for everything: what is lost here shall be lost by the crash.
    config: { broker: { queuedMessagesMax: 1_000_000, queuedBytesMax: '1GiB', ...broker } },
  });
  const kill = (): Promise<void> => gateway.program.end('SIGKILL');
  t.after(async () => {
    await kill();
    await removeDirectory(directory);
  });
  return {
    port: gateway.ports.get('tcp')!,
    kill,
    restart: async () => {
      gateway = await gateway.restart();
    },
  };
}

function login({ port }: Mortal, version: ProtocolVersion, options: MqttJsInit['options'] = {}): MqttJsInit {
  const session = version === 5 ? { properties: { sessionExpiryInterval: 3600 } } : {};
  return {
    port,
    version,
    options: { ...USER, clean: false, ...session, ...options },
  };
}

async function subscriber(gateway: Mortal, clientId: string, options: MqttJsInit['options'] = {}) {
  const client = await MqttJsClient.connect(login(gateway, 5, { clientId, ...options }));
  await client.subscribe('load/#', { qos: 2 });
  return client;
}

/** Comes back by itself, as clients in the field do. */
const RETURNS = { reconnectPeriod: 50, connectTimeout: 5000 };

describe('a gateway that is killed under load', () => {
  for (const seed of [1, 20261121]) {
    it(`durable: every message that was acknowledged is delivered, those of QoS 2 once (seed ${seed})`, async (t) => {
      const kills = fc.sample(fc.integer({ min: 50, max: 600 }), { seed, numRuns: 3 });
      const gateway = await start(t, { persistence: 'durable' });
      const connected = await subscriber(gateway, 'connected', RETURNS);
      const away = await subscriber(gateway, 'away');
      await away.end();
      const load = await SteadyLoad.start({
        publishers: {
          'v4-a': login(gateway, 4, RETURNS),
          'v5-a': login(gateway, 5, RETURNS),
          'v5-b': login(gateway, 5, RETURNS),
        },
        topic: 'load',
        qos: [1, 2],
      });
      t.after(() => {
        load.kill();
        connected.client.end(true);
      });
      for (const acknowledgements of kills) {
        await load.more(acknowledgements);
        await gateway.kill();
        await gateway.restart();
      }
      await load.more(100);
      await load.stop();
      // MQTT.js gives up what it had not sent yet when a connection is lost before it is up again in full.
      assert.deepEqual(
        load.failures.filter((failure) => !failure.endsWith('Connection closed')),
        [],
      );
      await load.arrived(connected);
      assert.deepEqual(repeated(connected, 2), []);
      const returned = await subscriber(gateway, 'away');
      t.after(() => returned.client.end(true));
      assert.equal(returned.sessionPresent, true);
      await load.arrived(returned);
      assert.deepEqual(repeated(returned, 2), []);
    });
  }

  it('durable: a retained message that was acknowledged is there again, and never an older one', async (t) => {
    const gateway = await start(t, { persistence: 'durable' });
    const acknowledged = new Map<string, number>();
    const client = await MqttJsClient.connect(login(gateway, 5, { clientId: 'retainer' }));
    t.after(() => client.client.end(true));
    let isAlive = true;
    const retain = async (topic: string): Promise<void> => {
      for (let number = 1; isAlive; number++) {
        await client.publish(topic, `${number}`, { qos: number % 2 === 0 ? 1 : 2, retain: true });
        acknowledged.set(topic, number);
      }
    };
    const topics = Array.from({ length: 8 }, (_, index) => `kept/${index}`);
    void Promise.allSettled(topics.map(retain));
    await eventually('each was written often', () => topics.every((topic) => (acknowledged.get(topic) ?? 0) >= 20));
    await gateway.kill();
    isAlive = false;
    client.client.end(true);
    await gateway.restart();
    const reader = await MqttJsClient.connect(login(gateway, 4, { clientId: 'reader', clean: true }));
    t.after(() => reader.client.end(true));
    await reader.subscribe('kept/#', { qos: 1 });
    for (const { topic, payload, retain: isRetained } of await reader.received(topics.length)) {
      assert.equal(isRetained, true);
      assert.ok(Number(payload) >= acknowledged.get(topic)!, `${topic}: ${payload} after ${acknowledged.get(topic)}`);
    }
  });

  it('relaxed: what is lost was acknowledged within the commit interval, and is the end of what was sent', async (t) => {
    const gateway = await start(t, { persistence: 'relaxed', commitInterval: `${COMMIT_INTERVAL_MS}ms` });
    const away = await subscriber(gateway, 'away');
    await away.end();
    const load = await SteadyLoad.start({
      publishers: { 'v4-a': login(gateway, 4), 'v5-a': login(gateway, 5), 'v5-b': login(gateway, 5) },
      topic: 'load',
      windowMax: 1,
    });
    t.after(() => load.kill());
    const firstAtMs = Date.now();
    await eventually(
      'the load has run for some intervals',
      () => Date.now() - firstAtMs > 2 * (COMMIT_INTERVAL_MS + SLACK_MS),
    );
    const killedAtMs = Date.now();
    await gateway.kill();
    load.kill();
    await gateway.restart();
    const returned = await subscriber(gateway, 'away');
    t.after(() => returned.client.end(true));
    assert.equal(returned.sessionPresent, true);
    await returned.publish('load/end', 'end', { qos: 1 });
    await eventually('the queue is empty', () => returned.messages.some(({ payload }) => payload === 'end'));
    const got = new Set(returned.messages.map(({ payload }) => payload));
    for (const [publisher, acknowledged] of load.acknowledged) {
      const firstLost = acknowledged.findIndex(({ payload }) => !got.has(payload));
      if (firstLost < 0) continue;
      const tail = acknowledged.slice(firstLost);
      const islands = tail.filter(({ payload }) => got.has(payload));
      assert.deepEqual(islands, [], `${publisher}: behind the first lost message everything is lost`);
      const agoMs = killedAtMs - tail[0]!.atMs;
      assert.ok(agoMs <= COMMIT_INTERVAL_MS + SLACK_MS, `${publisher}: lost what was acknowledged ${agoMs} ms before`);
    }
    t.diagnostic(`${load.count} acknowledged, ${load.all.filter(({ payload }) => !got.has(payload)).length} lost`);
  });
});
