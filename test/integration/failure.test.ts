import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, it, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Reason } from '../../src/mqtt/reason.ts';
import { PacketType, type ProtocolVersion } from '../../src/mqtt/wire.ts';
import { isAlive } from '../kit/alive.ts';
import { eventsLike, untilEvent } from '../kit/event-log.ts';
import { eventually } from '../kit/eventually.ts';
import { type RunningGateway, startGateway } from '../kit/gateway.ts';
import { type RunningMosquitto, startMosquitto } from '../kit/mosquitto.ts';
import { MqttJsClient, type MqttJsInit } from '../kit/mqttjs.ts';
import { HOST, removeAtExit, temporaryDirectory } from '../kit/process.ts';
import { RawClient } from '../kit/raw-client.ts';
import { repeated, SteadyLoad } from '../kit/steady-load.ts';
import { Testimony } from '../kit/witness.ts';

const withoutMosquitto = spawnSync('mosquitto', ['-h']).error === undefined ? false : 'mosquitto is not installed';

const ANN = { username: 'ann', password: 'a password of the tests' };
const BOB = { username: 'bob', password: 'another of the tests' };
const WORKERS = 2;
/** Everything waits for whoever is away: what is lost here shall be lost by the failure. */
const UNLIMITED = ['max_queued_messages 0', 'max_inflight_messages 20'];

interface Scene {
  readonly mosquitto: RunningMosquitto;
  /** What Mosquitto and the gateway said to each other. */
  readonly testimony: Testimony;
  readonly start: () => Promise<RunningGateway>;
  gateway: RunningGateway;
}

async function start(config: Readonly<Record<string, unknown>>): Promise<RunningGateway> {
  const directory = await temporaryDirectory('failure');
  const gateway = await startGateway({
    directory,
    listeners: [{ name: 'tcp', type: 'tcp' }],
    users: { [ANN.username]: ANN.password, [BOB.username]: BOB.password },
    acl: ['pattern readwrite #'],
    config,
  });
  removeAtExit(directory);
  return gateway;
}

/** Mosquitto with persistence, somebody who listens in, and the gateway. */
async function stage(t: TestContext, workers: number): Promise<Scene> {
  const mosquitto = await startMosquitto({ persistence: true, config: UNLIMITED });
  t.after(() => mosquitto.stop());
  const testimony = new Testimony();
  const witness = await testimony.stand(mosquitto.port);
  t.after(() => witness.stop());
  const target = { url: `mqtt://${HOST}:${witness.port}` };
  const gateway = await start({
    workers,
    upstream: 'mosquitto',
    upstreams: [{ name: 'mosquitto', targets: [target], healthCheck: { interval: '200ms' } }],
  });
  const scene = { mosquitto, testimony, start: () => gateway.restart(), gateway };
  t.after(() => scene.gateway.program.end());
  return scene;
}

/** A session that lasts, of a client that comes back by itself, whatever it is told. */
function login(gateway: RunningGateway, version: ProtocolVersion, options: MqttJsInit['options'] = {}): MqttJsInit {
  const session = version === 5 ? { properties: { sessionExpiryInterval: 3600 } } : {};
  const returns = { reconnectPeriod: 50, reconnectOnConnackError: true, connectTimeout: 5000 };
  return {
    port: gateway.ports.get('tcp')!,
    version,
    options: { ...ANN, ...returns, clean: false, ...session, ...options },
  };
}

async function subscriber(t: TestContext, gateway: RunningGateway, version: ProtocolVersion, clientId: string) {
  const client = await MqttJsClient.connect(login(gateway, version, { clientId }));
  t.after(() => client.client.end(true));
  await client.subscribe('load/#', { qos: 2 });
  return client;
}

async function loadOn(t: TestContext, gateway: RunningGateway): Promise<SteadyLoad> {
  const load = await SteadyLoad.start({
    publishers: {
      'v4-a': login(gateway, 4),
      'v4-b': login(gateway, 4),
      'v5-a': login(gateway, 5),
      'v5-b': login(gateway, 5),
    },
    topic: 'load',
    qos: [1, 2],
    pauseMs: 5,
  });
  t.after(() => load.kill());
  return load;
}

async function finish(load: SteadyLoad): Promise<void> {
  await load.more(100);
  await load.stop();
  // MQTT.js gives up what it had not sent yet when a connection is lost before it is up again in full.
  assert.deepEqual(
    load.failures.filter((failure) => !failure.endsWith('Connection closed')),
    [],
  );
}

/** The gateway acknowledges nothing by itself. */
function acknowledgedByTheBroker(load: SteadyLoad, { testimony }: Scene): void {
  for (const [name, own] of load.acknowledged) {
    const given = testimony.acknowledged.get(name)!;
    assert.deepEqual(
      own.filter(({ payload }) => !given.has(payload)),
      [],
    );
  }
}

function pids(gateway: RunningGateway): Map<number, number> {
  const started = eventsLike(gateway.program, 'worker.started');
  return new Map(started.map((event) => [Number(event['slot']), Number(event['pid'])]));
}

/** The slot of the worker that a client was at last. */
function slotOf(gateway: RunningGateway, clientId: string): number {
  const connected = eventsLike(gateway.program, 'client.connected', { clientId });
  return Number(/^w(\d+)-/.exec(String(connected.at(-1)?.['connectionId']))?.[1]);
}

describe('before a Mosquitto', { skip: withoutMosquitto, concurrency: false }, () => {
  it('workers that are killed under load lose nothing that was acknowledged, and no QoS 2 message comes twice', async (t) => {
    const scene = await stage(t, WORKERS);
    const { gateway } = scene;
    const subscribers = [await subscriber(t, gateway, 4, 'sub-4'), await subscriber(t, gateway, 5, 'sub-5')];
    const load = await loadOn(t, gateway);
    for (let slot = 1; slot <= WORKERS; slot++) {
      await load.more(150);
      const pid = pids(gateway).get(slot)!;
      const before = load.count;
      process.kill(pid, 'SIGKILL');
      await untilEvent(gateway.program, 'worker.exited', { slot, pid, code: 'SIGKILL' });
      await eventually('it is started again', () => pids(gateway).get(slot) !== pid);
      await eventually('the load goes on', () => load.count > before + 50);
    }
    assert.ok(load.connectionsLost > 0);
    await finish(load);
    acknowledgedByTheBroker(load, scene);
    for (const one of subscribers) {
      await load.arrived(one);
      assert.deepEqual(repeated(one, 2), []);
    }
  });

  it('a gateway that is killed under load, with its workers, loses nothing that was acknowledged', async (t) => {
    const scene = await stage(t, WORKERS);
    const subscribers = [
      await subscriber(t, scene.gateway, 4, 'sub-4'),
      await subscriber(t, scene.gateway, 5, 'sub-5'),
    ];
    const load = await loadOn(t, scene.gateway);
    await load.more(200);
    const workers = [...pids(scene.gateway).values()];
    await scene.gateway.program.end('SIGKILL');
    await eventually('its workers end with it', () => workers.every((pid) => !isAlive(pid)));
    scene.gateway = await scene.start();
    await finish(load);
    acknowledgedByTheBroker(load, scene);
    for (const one of subscribers) {
      await load.arrived(one);
      assert.deepEqual(repeated(one, 2), []);
    }
  });

  it('a Mosquitto that is restarted under load loses nothing that was acknowledged, and clients hear that it went', async (t) => {
    const scene = await stage(t, 1);
    const { gateway, mosquitto } = scene;
    const subscribers = [await subscriber(t, gateway, 4, 'sub-4'), await subscriber(t, gateway, 5, 'sub-5')];
    const load = await loadOn(t, gateway);
    await load.more(200);
    await mosquitto.program.end('SIGTERM');
    await mosquitto.restart();
    await finish(load);
    acknowledgedByTheBroker(load, scene);
    for (const one of subscribers) await load.arrived(one);
    for (const name of ['v5-a', 'v5-b'])
      assert.deepEqual(load.clients.get(name)!.disconnectReasons, [Reason.ServerBusy]);
    assert.deepEqual(subscribers[1]!.disconnectReasons, [Reason.ServerBusy]);
    // Those that came while it was away are closed by it too, and had never been connected.
    await eventually('six that were connected have been closed by it', () => {
      const connected = new Set(
        eventsLike(gateway.program, 'client.connected').map(({ connectionId }) => connectionId),
      );
      const ended = eventsLike(gateway.program, 'connection.closed', { by: 'upstream' });
      return ended.filter(({ connectionId }) => connected.has(connectionId)).length === 6;
    });
  });

  it('a Mosquitto that is killed under load has acknowledged itself whatever its clients were told', async (t) => {
    const scene = await stage(t, 1);
    const { gateway, mosquitto, testimony } = scene;
    const subscribers = [await subscriber(t, gateway, 4, 'sub-4'), await subscriber(t, gateway, 5, 'sub-5')];
    const load = await loadOn(t, gateway);
    await load.more(200);
    await mosquitto.program.end('SIGKILL');
    const before = load.count;
    for (const one of subscribers) await one.closed();
    await mosquitto.restart();
    // It has lost its sessions, since it saves them every half hour or when it ends in order.
    await eventually('the load goes on', () => load.count > before + 100);
    await finish(load);
    acknowledgedByTheBroker(load, scene);
    for (const one of subscribers) {
      const clientId = one.client.options.clientId!;
      const got = new Set(one.messages.map(({ payload }) => payload));
      const withheld = [...testimony.delivered.get(clientId)!].filter((payload) => !got.has(payload));
      assert.deepEqual(withheld, [], `what Mosquitto sent ${clientId} and it did not get`);
    }
  });

  it("a client identifier is its owner's on every worker, also when the owner's worker has died", async (t) => {
    const { gateway } = await stage(t, WORKERS);
    const options = { clientId: 'owned', reconnectPeriod: 0 };
    const victim = await MqttJsClient.connect(login(gateway, 5, options));
    await victim.subscribe('owned/#', { qos: 1 });
    const thief = async (version: ProtocolVersion): Promise<void> => {
      const attempt = { ...login(gateway, version, { ...options, ...BOB }) };
      const code = version === 5 ? Reason.ClientIdentifierNotValid : 2;
      await assert.rejects(MqttJsClient.connect(attempt), { code });
    };
    const slots = (): Set<string> =>
      new Set(
        eventsLike(gateway.program, 'connect.refused', { clientId: 'owned' }).map(
          ({ connectionId }) => String(connectionId).split('-')[0]!,
        ),
      );
    while (slots().size < WORKERS) await thief(slots().size % 2 === 0 ? 5 : 4);
    await victim.publish('owned/1', 'undisturbed', { qos: 1 });
    assert.equal((await victim.received(1))[0]!.payload, 'undisturbed');
    assert.deepEqual(victim.disconnectReasons, []);

    process.kill(pids(gateway).get(slotOf(gateway, 'owned'))!, 'SIGKILL');
    await victim.closed();
    await untilEvent(gateway.program, 'worker.exited');
    await thief(5);
    const again = await MqttJsClient.connect(login(gateway, 5, options));
    t.after(() => again.client.end(true));
    assert.equal(again.sessionPresent, true);
  });
});

describe('with the embedded broker', () => {
  it('a gateway that stood still for longer than a Keep Alive ends nobody who spoke meanwhile', async (t) => {
    const gateway = await start({ broker: { persistence: 'memory' } });
    t.after(() => gateway.program.end());
    const client = await RawClient.open({ transport: 'tcp', host: HOST, port: gateway.ports.get('tcp')! }, 5);
    t.after(() => client.drop());
    await client.connect({ clientId: 'patient', ...ANN, keepAliveS: 1 });
    gateway.program.child.kill('SIGSTOP');
    client.send({ type: PacketType.Pingreq });
    await sleep(2000);
    gateway.program.child.kill('SIGCONT');
    await client.expect(PacketType.Pingresp);
  });

  it('durable: a gateway of several workers that is killed under load loses nothing that was acknowledged', async (t) => {
    const broker = { persistence: 'durable', queuedMessagesMax: 1_000_000, queuedBytesMax: '1GiB' };
    let gateway = await start({ workers: WORKERS, broker });
    t.after(() => gateway.program.end('SIGKILL'));
    const subscribers = [await subscriber(t, gateway, 4, 'sub-4'), await subscriber(t, gateway, 5, 'sub-5')];
    const load = await loadOn(t, gateway);
    await load.more(200);
    await gateway.program.end('SIGKILL');
    gateway = await gateway.restart();
    await finish(load);
    for (const one of subscribers) {
      await load.arrived(one);
      assert.deepEqual(repeated(one, 2), []);
    }
  });

  it('workers that are killed under load lose nothing that was acknowledged', async (t) => {
    const gateway = await start({ workers: WORKERS, broker: { persistence: 'memory' } });
    t.after(() => gateway.program.end());
    const subscribers = [await subscriber(t, gateway, 4, 'sub-4'), await subscriber(t, gateway, 5, 'sub-5')];
    const load = await loadOn(t, gateway);
    for (let slot = 1; slot <= WORKERS; slot++) {
      await load.more(150);
      const before = load.count;
      process.kill(pids(gateway).get(slot)!, 'SIGKILL');
      await eventually('the load goes on', () => load.count > before + 50);
    }
    await finish(load);
    for (const one of subscribers) {
      await load.arrived(one);
      assert.deepEqual(repeated(one, 2), []);
    }
  });
});
