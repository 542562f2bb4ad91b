import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { connect as connectSocket, type Socket } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { encodePacket } from '../../src/mqtt/encode.ts';
import { PacketType } from '../../src/mqtt/wire.ts';
import { eventsLike, untilEvent } from '../kit/event-log.ts';
import { eventually } from '../kit/eventually.ts';
import { type RunningGateway, sallyport, startGateway } from '../kit/gateway.ts';
import { startMosquitto } from '../kit/mosquitto.ts';
import { MqttJsClient } from '../kit/mqttjs.ts';
import { connect, publish } from '../kit/packets.ts';
import { HOST } from '../kit/process.ts';
import { RawClient } from '../kit/raw-client.ts';

const USERS = { pump: 'a password of the tests', ann: 'another password of the tests' };
const STRETCH_MS = 2000;
/** Within what the subscriber listens to. */
const MARK = 'flood/mark';
const MESSAGES_PER_WRITE = 50;

type User = keyof typeof USERS;

interface Rate {
  readonly perSecond: number;
  readonly burst: number;
}

function start(config: Record<string, unknown> = {}): Promise<RunningGateway> {
  return startGateway({
    listeners: [{ name: 'open', type: 'tcp' }],
    users: USERS,
    acl: ['pattern readwrite #'],
    config: { broker: { persistence: 'memory', queuedMessagesMax: 100_000 }, ...config },
  });
}

function mqttJs(gateway: RunningGateway, user: User, clientId: string): Promise<MqttJsClient> {
  const options = { username: user, password: USERS[user], clientId };
  return MqttJsClient.connect({ port: gateway.ports.get('open')!, options });
}

function raw(gateway: RunningGateway): Promise<RawClient> {
  return RawClient.open({ transport: 'tcp', host: HOST, port: gateway.ports.get('open')! }, 5);
}

async function limits(gateway: RunningGateway, ...words: string[]): Promise<unknown> {
  const { code, out, err } = await sallyport(['limits', ...words, '--data', gateway.directory, '--json']);
  assert.equal(code, 0, out + err);
  return (JSON.parse(out) as { result: unknown }).result;
}

/** Publishes QoS 0 as fast as TCP takes it, and reads nothing but its CONNACK, until it is stopped. */
class Flood {
  readonly #socket: Socket;
  readonly #chunk: Buffer;

  private constructor(socket: Socket, topic: string) {
    this.#socket = socket;
    const packet = publish(topic, Buffer.alloc(16));
    this.#chunk = Buffer.concat(Array.from({ length: MESSAGES_PER_WRITE }, () => encodePacket(packet, 5)));
    socket.on('drain', () => this.#write());
    socket.on('error', () => undefined);
    this.#write();
  }

  static async start(gateway: RunningGateway, topic: string, clientId: string): Promise<Flood> {
    const socket = connectSocket({ host: HOST, port: gateway.ports.get('open')! });
    socket.write(encodePacket(connect(5, { clientId, username: 'pump', password: USERS.pump }), 5));
    await once(socket, 'data');
    return new Flood(socket, topic);
  }

  #write(): void {
    while (!this.#socket.destroyed && this.#socket.write(this.#chunk));
  }

  stop(): void {
    this.#socket.destroy();
  }
}

/**
 * What arrives in any stretch of time is no more than the limit lets through, and in one at least it is no less: a machine that is busy with
 * others takes time from the gateway, which a bucket gives back for no more than its burst.
 */
async function arrivesAt(subscriber: MqttJsClient, { perSecond, burst }: Rate): Promise<void> {
  await eventually(`${perSecond} a second`, async () => {
    const askedAtMs = performance.now();
    let count = 0;
    const onMessage = (topic: string): void => {
      // Whatever was under way when the stretch began comes before this.
      count = topic === MARK ? 0 : count + 1;
    };
    const marked = new Promise<void>((resolve) => {
      subscriber.client.on('message', (topic) => topic === MARK && resolve());
    });
    subscriber.client.on('message', onMessage);
    await subscriber.publish(MARK, '');
    await marked;
    const beganAtMs = performance.now();
    await sleep(STRETCH_MS);
    const endedAtMs = performance.now();
    subscriber.client.off('message', onMessage);
    const most = burst + (perSecond * (endedAtMs - askedAtMs)) / 1000;
    assert.ok(count <= most + 1, `${count} of ${most}`);
    // A burst, and what a busy machine shifts over the edge of a stretch.
    return count >= (perSecond * 0.98 * (endedAtMs - beganAtMs)) / 1000 - 12;
  });
}

describe('a flood of publishes', { concurrency: false }, () => {
  let gateway: RunningGateway;
  let subscriber: MqttJsClient;
  before(async () => {
    gateway = await start({ limits: { user: { publish: { messagesPerSecond: '200 burst 20' } } } });
    subscriber = await mqttJs(gateway, 'ann', 'subscriber');
    await subscriber.subscribe('flood/#');
  });
  after(() => gateway.stop());

  it('of ten times the limit is delivered at the limit, changed while it goes on, and nobody is dropped', async () => {
    const flood = await Flood.start(gateway, 'flood/1', 'flooder');
    await untilEvent(gateway.program, 'limit.exceeded', { by: 'limit:user publish.messagesPerSecond' });
    const [told] = eventsLike(gateway.program, 'limit.exceeded');
    assert.equal(told?.['action'], 'delayed');
    assert.equal(told?.['value'], '200 burst 20');
    assert.match(String(told?.['source']), /sallyport\.yaml:\d+$/);

    await arrivesAt(subscriber, { perSecond: 200, burst: 20 });
    await limits(gateway, 'set', 'client:flooder', 'publish.messagesPerSecond=50 burst 5', '--for', '1h');
    await arrivesAt(subscriber, { perSecond: 50, burst: 5 });
    const shown = (await limits(gateway, 'show', 'client:flooder')) as {
      scope: string;
      limit: string;
      waiting?: number;
    }[];
    await limits(gateway, 'unset', 'client:flooder');
    const reload = { limits: { user: { publish: { messagesPerSecond: '400 burst 20' } } } };
    await gateway.rewrite({ config: { ...gateway.files.config, ...reload } });
    assert.equal((await gateway.reload()).code, 0);
    await arrivesAt(subscriber, { perSecond: 400, burst: 20 });
    flood.stop();

    assert.ok(shown.some(({ scope, limit }) => scope === 'client' && limit === 'publish.messagesPerSecond'));
    assert.ok(shown.some(({ waiting = 0 }) => waiting === 1));
    assert.deepEqual(eventsLike(gateway.program, 'connection.closed', { clientId: 'subscriber' }), []);
  });

  it('of QoS 1 loses nothing to shaping, either way', async () => {
    const [publisher, reader] = [await mqttJs(gateway, 'pump', 'shaped'), await mqttJs(gateway, 'ann', 'reader')];
    await reader.subscribe('shaped/#', { qos: 1 });
    await limits(gateway, 'set', 'client:shaped', 'publish.messagesPerSecond=200 burst 5');
    await limits(gateway, 'set', 'client:reader', 'deliver.messagesPerSecond=100 burst 5');
    const numbers = Array.from({ length: 150 }, (_, i) => String(i));
    await Promise.all(numbers.map((number) => publisher.publish('shaped/1', number, { qos: 1 })));
    const received = await reader.received(numbers.length);
    assert.deepEqual(
      received.map(({ payload }) => payload),
      numbers,
    );
    await untilEvent(gateway.program, 'limit.exceeded', { action: 'held', clientId: 'reader' });
    await Promise.all([publisher.end(), reader.end()]);
  });
});

describe('who connects too often', { concurrency: false }, () => {
  it('is closed before anything is read of it, and let in again in time', async (t) => {
    const gateway = await start({ limits: { address: { connects: '4/12s' } } });
    t.after(() => gateway.stop());
    const startedMs = performance.now();
    const outcomes = await Promise.all(
      Array.from({ length: 8 }, async (_, i) => {
        try {
          const client = await raw(gateway);
          await client.connect({ clientId: `c${i}`, username: 'pump', password: USERS.pump });
          return 'in';
        } catch {
          return 'out';
        }
      }),
    );
    const inside = outcomes.filter((outcome) => outcome === 'in').length;
    // One of the four may be whoever looked whether the gateway listens; and every three seconds there is room for another.
    const insideMax = 4 + Math.ceil((performance.now() - startedMs) / 3000);
    assert.ok(inside >= 3 && inside <= insideMax, `${inside} of 8`);
    const rejected = await untilEvent(gateway.program, 'connection.rejected', { by: 'limit:address connects' });
    assert.equal(rejected['reason'], 0x9f);
    await eventually('it is let in again', async () => {
      try {
        const client = await raw(gateway);
        await client.connect({ clientId: 'late', username: 'pump', password: USERS.pump });
        return true;
      } catch {
        return false;
      }
    });
  });

  it('with wrong passwords is refused before they are looked at, and does not lock out the user elsewhere known', async (t) => {
    const gateway = await start({ limits: { user: { authenticationFailures: '3/10m' } } });
    t.after(() => gateway.stop());
    const known = await mqttJs(gateway, 'pump', 'known');
    await known.end();
    await limits(gateway, 'set', 'address', 'authenticationFailures=5/10m');
    const codes: number[] = [];
    for (let i = 0; i < 6; i++) {
      const client = await raw(gateway);
      client.send(connect(5, { clientId: `guess${i}`, username: 'ann', password: `wrong ${i}` }));
      codes.push((await client.expect(PacketType.Connack)).reasonCode);
    }
    assert.deepEqual(codes, [0x86, 0x86, 0x86, 0x9f, 0x9f, 0x9f]);
    const back = await mqttJs(gateway, 'pump', 'known');
    await back.end();
    await untilEvent(gateway.program, 'client.connected', { clientId: 'known' }, 1);
    assert.equal(eventsLike(gateway.program, 'authentication.failed').length, 3);
  });
});

const withoutMosquitto = spawnSync('mosquitto', ['-h']).error === undefined ? false : 'mosquitto is not installed';

describe('subscriptions of a session that goes on', { concurrency: false }, () => {
  const LIMITS = { subscriptionsPerClientMax: 2 };
  /** Comes to its session, over and over, with another filter each time, and at last with one that it holds. */
  async function comeAgain(gateway: RunningGateway, version: 4 | 5, from = 0): Promise<number[]> {
    const codes: number[] = [];
    for (let i = from; i < 4; i++) {
      const client = await RawClient.open({ transport: 'tcp', host: HOST, port: gateway.ports.get('open')! }, version);
      const properties = version === 5 ? { sessionExpiryIntervalS: 600 } : {};
      const login = { username: 'pump', password: USERS.pump } as const;
      const connack = await client.connect({ clientId: `v${version}`, ...login, cleanStart: false, properties });
      assert.equal(connack.sessionPresent, i > 0);
      codes.push(await client.subscribe(`topic/${i}`));
      if (i === 3) codes.push(await client.subscribe('topic/0'));
      // Every other time the next connection takes the session over.
      if (i % 2 === 0) client.drop();
    }
    return codes;
  }

  it('count at the embedded broker, also after a restart', async (t) => {
    let gateway = await start({ limits: LIMITS, broker: { persistence: 'durable' } });
    t.after(() => gateway.stop());
    assert.deepEqual(await comeAgain(gateway, 4), [0, 0, 0x80, 0x80, 0]);
    assert.deepEqual(await comeAgain(gateway, 5), [0, 0, 0x97, 0x97, 0]);
    await gateway.program.end('SIGTERM');
    gateway = await gateway.restart();
    assert.deepEqual(await comeAgain(gateway, 5, 3), [0x97, 0]);
  });

  it('count before a Mosquitto, as far as this process has seen them', { skip: withoutMosquitto }, async (t) => {
    const mosquitto = await startMosquitto();
    t.after(() => mosquitto.stop());
    const upstream = `mqtt://${HOST}:${mosquitto.port}`;
    const gateway = await start({ limits: LIMITS, upstream });
    t.after(() => gateway.stop());
    assert.deepEqual(await comeAgain(gateway, 4), [0, 0, 0x80, 0x80, 0]);
    assert.deepEqual(await comeAgain(gateway, 5), [0, 0, 0x97, 0x97, 0]);
  });
});

describe('several workers', { concurrency: false }, () => {
  it('share out what connections share, and all hear of overrides', async (t) => {
    const gateway = await start({ workers: 2 });
    t.after(() => gateway.stop());
    const subscriber = await mqttJs(gateway, 'ann', 'subscriber');
    await subscriber.subscribe('flood/#');
    await limits(gateway, 'set', 'user:pump', 'publish.messagesPerSecond=200 burst 20', '--for', '1h');
    assert.equal(((await limits(gateway, 'list')) as unknown[]).length, 1);
    const startedAtMs = performance.now();
    const flood = await Flood.start(gateway, 'flood/1', 'flooder');
    t.after(() => flood.stop());
    await untilEvent(gateway.program, 'limit.exceeded', { by: 'limit:user publish.messagesPerSecond' });
    // One worker serves the only one who asks: it is given more than half, and never more than the whole.
    await eventually('the budget goes where it is asked for', async () => {
      const [before, beganAtMs] = [subscriber.messages.length, performance.now()];
      await sleep(1000);
      const [now, endedAtMs] = [subscriber.messages.length, performance.now()];
      // Counted from the first, since what other workers let through may have been under way for a while.
      const most = 30 + (200 * (endedAtMs - startedAtMs)) / 1000;
      assert.ok(now <= most, `${now} of ${most}`);
      return now - before > (160 * (endedAtMs - beganAtMs)) / 1000;
    });
    const shown = (await limits(gateway, 'show', 'user:pump')) as {
      limit: string;
      buckets?: { perSecond: number }[];
    }[];
    const row = shown.find(({ limit }) => limit === 'publish.messagesPerSecond');
    const whole = row?.buckets?.[0]?.perSecond ?? 0;
    assert.ok(whole > 195 && whole <= 200.01, `${whole} a second in all`);
  });
});
