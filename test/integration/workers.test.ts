import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { connect as connectTls } from 'node:tls';
import type { IClientOptions } from 'mqtt';
import { eventsLike, untilEvent } from '../kit/event-log.ts';
import { eventually } from '../kit/eventually.ts';
import { sallyport } from '../kit/gateway.ts';
import { MqttJsClient } from '../kit/mqttjs.ts';
import { HOST } from '../kit/process.ts';
import { PASSWORD, type SecuredGateway, startSecuredGateway, USERNAME } from '../kit/secured-gateway.ts';

const WORKERS = 3;

function start(workers: number): Promise<SecuredGateway> {
  return startSecuredGateway({
    transports: ['tcp', 'tls'],
    users: { [USERNAME]: PASSWORD },
    acl: ['pattern readwrite #'],
    config: { workers, broker: { persistence: 'memory' } },
  });
}

function client(secured: SecuredGateway, clientId: string, options: IClientOptions = {}): Promise<MqttJsClient> {
  const login = secured.login('tcp');
  return MqttJsClient.connect({ ...login, options: { ...login.options, clientId, ...options } });
}

/** Process identifiers by slot, as the log tells: the last one that was started in each. */
function workers({ gateway }: SecuredGateway): Map<number, number> {
  const started = eventsLike(gateway.program, 'worker.started');
  return new Map(started.map((event) => [Number(event['slot']), Number(event['pid'])]));
}

/** The slot of the worker that serves a client. */
function workerOf({ gateway }: SecuredGateway, clientId: string): number {
  const connected = eventsLike(gateway.program, 'client.connected', { clientId });
  return Number(/^w(\d+)-/.exec(String(connected.at(-1)?.['connectionId']))?.[1]);
}

function endAll(clients: readonly MqttJsClient[]): Promise<unknown> {
  return Promise.all(clients.map((one) => one.end()));
}

describe('a gateway of several workers with the embedded broker', { concurrency: false }, () => {
  let secured: SecuredGateway;
  const connect = (clientId: string, options?: IClientOptions): Promise<MqttJsClient> =>
    client(secured, clientId, options);
  before(async () => {
    secured = await start(WORKERS);
  });
  after(() => secured.stop());

  it('serves clients on all of them, which hear each other', async () => {
    const subscribers = await Promise.all(Array.from({ length: 6 }, (_, i) => connect(`s${i}`)));
    for (const subscriber of subscribers) await subscriber.subscribe('all/#', { qos: 1 });
    const publisher = await connect('publisher');
    await publisher.publish('all/1', 'hello', { qos: 2 });
    for (const subscriber of subscribers) assert.equal((await subscriber.received(1))[0]!.payload, 'hello');
    await untilEvent(secured.gateway.program, 'client.connected', { clientId: 'publisher' });
    const slots = new Set(Array.from({ length: 6 }, (_, i) => workerOf(secured, `s${i}`)));
    assert.equal(slots.size, WORKERS, 'connections are dealt out to every worker');
    await endAll([...subscribers, publisher]);
  });

  it('hands a session over from one worker to another, and tells the one that had it', async () => {
    const lasting: IClientOptions = { clean: false, properties: { sessionExpiryInterval: 60 } };
    const first = await connect('moving', lasting);
    await first.subscribe('moving/#', { qos: 1 });
    const second = await connect('moving', lasting);
    await first.closed();
    assert.deepEqual(first.disconnectReasons, [0x8e]);
    assert.equal(second.sessionPresent, true);
    await second.publish('moving/1', 'kept', { qos: 1 });
    await second.received(1);
    await second.end();
  });

  it('resumes TLS sessions whichever worker the client comes back to', async () => {
    const port = secured.gateway.ports.get('tls')!;
    const where = {
      host: HOST,
      port,
      ca: secured.ca.certificatePem,
      servername: 'localhost',
      maxVersion: 'TLSv1.2',
    } as const;
    const session = await new Promise<Buffer>((resolve, reject) => {
      const socket = connectTls(where);
      socket.once('session', (ticket: Buffer) => {
        resolve(ticket);
        socket.destroy();
      });
      socket.once('error', reject);
    });
    for (let i = 0; i < 2 * WORKERS; i++) {
      const isReused = await new Promise<boolean>((resolve, reject) => {
        const socket = connectTls({ ...where, session }, () => {
          resolve(socket.isSessionReused());
          socket.destroy();
        });
        socket.once('error', reject);
      });
      assert.equal(isReused, true);
    }
  });

  it('loses only the connections of a worker that is killed, and starts it again', async () => {
    const clients = new Map<string, MqttJsClient>();
    for (let i = 0; i < 2 * WORKERS; i++) clients.set(`k${i}`, await connect(`k${i}`));
    await untilEvent(secured.gateway.program, 'client.connected', { clientId: `k${2 * WORKERS - 1}` });
    const [[slot, pid]] = [...workers(secured)] as [[number, number]];
    const hit = [...clients].filter(([clientId]) => workerOf(secured, clientId) === slot);
    const spared = [...clients].filter(([clientId]) => workerOf(secured, clientId) !== slot);
    assert.ok(hit.length > 0 && spared.length > 0, 'the clients are on different workers');
    process.kill(pid, 'SIGKILL');
    await Promise.all(hit.map(([, one]) => one.closed()));
    for (const [clientId, one] of spared) {
      await one.subscribe(`spared/${clientId}`, { qos: 1 });
      await one.publish(`spared/${clientId}`, 'still here', { qos: 1 });
      await one.received(1);
    }
    await untilEvent(secured.gateway.program, 'worker.exited', { slot, pid, code: 'SIGKILL' });
    await eventually('the worker is started again', () => workers(secured).get(slot) !== pid);
    const back = await connect(hit[0]![0]);
    await endAll([...spared.map(([, one]) => one), back]);
  });

  it('refuses no connection while every worker is replaced', async () => {
    const before = new Set(workers(secured).values());
    let isDone = false;
    let connections = 0;
    const knocking = (async () => {
      while (!isDone) {
        const one = await connect(`knock-${connections++}`);
        // A worker that leaves may end it first.
        await one.end().catch(() => undefined);
      }
    })();
    const outcome = await sallyport(['restart', '--data', secured.gateway.directory]);
    isDone = true;
    await knocking;
    assert.equal(outcome.code, 0, outcome.err);
    const now = [...workers(secured).values()];
    assert.equal(now.length, WORKERS);
    assert.deepEqual(
      now.filter((pid) => before.has(pid)),
      [],
    );
    assert.ok(connections > 1);
  });

  it('puts a new ACL into force on the clients of every worker, and refuses a broken one whole', async () => {
    const { gateway } = secured;
    const clients: MqttJsClient[] = [];
    for (let i = 0; i < WORKERS; i++) clients.push(await connect(`acl${i}`));
    for (const one of clients) await one.subscribe('secret/#');
    await gateway.rewrite({ acl: ['pattern readwrite #', 'pattern deny secret/#', 'nonsense here'] });
    const refused = await gateway.reload();
    assert.equal(refused.code, 2);
    assert.match(refused.err, /acl:3:/);
    assert.equal(eventsLike(gateway.program, 'subscription.revoked').length, 0);
    await gateway.rewrite({ acl: ['pattern readwrite #', 'pattern deny secret/#'] });
    assert.equal((await gateway.reload()).code, 0);
    await untilEvent(gateway.program, 'subscription.revoked', {}, WORKERS - 1);
    await endAll(clients);
  });

  it('ends all of it on SIGTERM, and tells MQTT 5 clients why', async () => {
    const last = await connect('last');
    const pids = [...workers(secured).values()];
    await secured.gateway.program.end();
    await last.closed();
    assert.deepEqual(last.disconnectReasons, [0x8b]);
    for (const pid of pids) assert.equal(existsSync(`/proc/${pid}`), false);
  });
});

it('a gateway of one process has no workers to replace, and says so', async () => {
  const secured = await start(1);
  try {
    const outcome = await sallyport(['restart', '--data', secured.gateway.directory]);
    assert.equal(outcome.code, 2);
    assert.match(outcome.err, /no workers to replace/);
  } finally {
    await secured.stop();
  }
});
