import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { after, before, describe, it, type TestContext } from 'node:test';
import type { Packet } from '../../src/mqtt/packet.ts';
import { PacketType, type ProtocolVersion, type QoS } from '../../src/mqtt/wire.ts';
import { makeCa, makeCertificate } from '../kit/certificates.ts';
import { eventsLike, untilEvent } from '../kit/event-log.ts';
import { eventually } from '../kit/eventually.ts';
import { type RunningGateway, sallyport, startGateway } from '../kit/gateway.ts';
import { type RunningMosquitto, startMosquitto } from '../kit/mosquitto.ts';
import { publish } from '../kit/packets.ts';
import { freePort, HOST, removeDirectory, temporaryDirectory } from '../kit/process.ts';
import { RawClient } from '../kit/raw-client.ts';
import { polite, StubBroker, type StubConnection } from '../kit/stub-broker.ts';

const withoutMosquitto = spawnSync('mosquitto', ['-h']).error === undefined ? false : 'mosquitto is not installed';

const USERS = { ann: 'hers', bob: 'his' };
const ACL = ['user ann', 'topic readwrite #', 'user bob', 'topic readwrite #'];
const VERSIONS = { 3: 'MQTT 3.1', 4: 'MQTT 3.1.1', 5: 'MQTT 5' } as const;

let named = 0;

async function client(
  t: TestContext,
  gateway: RunningGateway,
  version: ProtocolVersion,
  init: Parameters<RawClient['connect']>[0] = {},
): Promise<RawClient> {
  const one = await RawClient.open({ transport: 'tcp', host: HOST, port: gateway.ports.get('tcp')! }, version);
  t.after(() => one.drop());
  await one.connect({ clientId: `c${named++}`, username: 'ann', password: 'hers', ...init });
  return one;
}

describe('before a Mosquitto', { skip: withoutMosquitto, concurrency: 8 }, () => {
  let directory: string;
  let mosquitto: RunningMosquitto;
  let gateway: RunningGateway;
  const ports = { mqtts: 0, wss: 0 };
  let pin: string;

  before(async () => {
    directory = await temporaryDirectory('upstream');
    const ca = await makeCa();
    const server = await makeCertificate(ca, { commonName: 'broker', use: 'server' });
    const own = await makeCertificate(ca, { commonName: 'gateway', use: 'client' });
    pin = server.fingerprint;
    const files: [string, string][] = [
      ['ca.pem', ca.certificatePem],
      ['broker.pem', server.certificatePem],
      ['broker.key', server.keyPem],
      ['own.pem', own.certificatePem],
      ['own.key', own.keyPem],
    ];
    for (const [name, text] of files) await writeFile(path.join(directory, name), text);
    ports.mqtts = await freePort();
    ports.wss = await freePort();
    const at = (name: string): string => path.join(directory, name);
    const tls = [`cafile ${at('ca.pem')}`, `certfile ${at('broker.pem')}`, `keyfile ${at('broker.key')}`];
    mosquitto = await startMosquitto({
      config: [
        `listener ${ports.mqtts} ${HOST}`,
        ...tls,
        'require_certificate true',
        `listener ${ports.wss} ${HOST}`,
        'protocol websockets',
        ...tls,
      ],
    });
    const tlsOf = { ca: 'ca.pem', certificate: 'own.pem', key: 'own.key', pinSha256: [pin] };
    gateway = await startGateway({
      directory,
      users: USERS,
      acl: ACL,
      listeners: [{ name: 'tcp', type: 'tcp' }],
      config: {
        upstream: 'mqtt',
        upstreams: [
          { name: 'mqtt', targets: [{ url: `mqtt://${HOST}:${mosquitto.port}` }] },
          { name: 'mqtts', targets: [{ url: `mqtts://${HOST}:${ports.mqtts}`, tls: tlsOf }] },
          { name: 'ws', targets: [{ url: `ws://${HOST}:${mosquitto.wsPort}/mqtt` }] },
          { name: 'wss', targets: [{ url: `wss://${HOST}:${ports.wss}/mqtt`, tls: { ca: 'ca.pem' } }] },
          {
            name: 'wrong-pin',
            targets: [{ url: `mqtts://${HOST}:${ports.mqtts}`, tls: { ...tlsOf, pinSha256: ['00'.repeat(32)] } }],
          },
          { name: 'no-certificate', targets: [{ url: `mqtts://${HOST}:${ports.mqtts}`, tls: { ca: 'ca.pem' } }] },
          { name: 'no-ca', targets: [{ url: `wss://${HOST}:${ports.wss}/mqtt` }] },
        ],
        routes: ['mqtts', 'ws', 'wss', 'wrong-pin', 'no-certificate', 'no-ca'].map((upstream) => ({
          clientIdPrefix: `${upstream}:`,
          upstream,
        })),
      },
    });
  });
  after(async () => {
    await gateway?.stop();
    await mosquitto?.stop();
    await removeDirectory(directory);
  });

  for (const scheme of ['mqtt', 'mqtts', 'ws', 'wss'] as const) {
    for (const [level, name] of Object.entries(VERSIONS)) {
      const version = Number(level) as ProtocolVersion;
      const base = `${scheme}/${version}`;
      const id = (): string => `${scheme}:c${named++}`;

      it(`${name} over ${scheme}: messages of every QoS and size arrive`, async (t) => {
        const sub = await client(t, gateway, version, { clientId: id() });
        const pub = await client(t, gateway, version, { clientId: id() });
        await sub.subscribe(`${base}/qos/#`, 2);
        for (const qos of [0, 1, 2] as QoS[]) {
          for (const payload of ['', 'x', 'y'.repeat(70_000)]) {
            await pub.publish(`${base}/qos/${qos}`, payload, { qos });
            await sub.receive(`${base}/qos/${qos}`, payload, { qos });
          }
        }
        await pub.disconnect();
      });

      it(`${name} over ${scheme}: retained messages and Wills are the broker's`, async (t) => {
        const pub = await client(t, gateway, version, { clientId: id() });
        await pub.publish(`${base}/kept`, 'retained', { qos: 1, retain: true });
        const sub = await client(t, gateway, version, { clientId: id() });
        await sub.subscribe(`${base}/kept`, 1);
        await sub.receive(`${base}/kept`, 'retained', { retain: true });
        await sub.subscribe(`${base}/will`);
        const will = { topic: `${base}/will`, payload: 'gone' };
        const leaves = await client(t, gateway, version, { clientId: id(), will });
        await leaves.disconnect();
        const breaks = await client(t, gateway, version, { clientId: id(), will: { ...will, payload: 'lost' } });
        breaks.drop();
        await sub.receive(`${base}/will`, 'lost');
      });

      it(`${name} over ${scheme}: a session waits for its client`, async (t) => {
        const clientId = id();
        const kept = { clientId, cleanStart: false, properties: { sessionExpiryIntervalS: 60 } };
        const first = await client(t, gateway, version, kept);
        await first.subscribe(`${base}/session`, 1);
        await first.disconnect();
        const pub = await client(t, gateway, version, { clientId: id() });
        await pub.publish(`${base}/session`, 'waiting', { qos: 1 });
        const second = await client(t, gateway, version, kept);
        if (version > 3) assert.equal(second.connack?.sessionPresent, true);
        await second.receive(`${base}/session`, 'waiting', { qos: 1 });
      });
    }
  }

  it('shared subscriptions share', async (t) => {
    const workers = [await client(t, gateway, 5), await client(t, gateway, 5)];
    for (const worker of workers) await worker.subscribe('$share/group/work', 1);
    const pub = await client(t, gateway, 5);
    for (let i = 0; i < 10; i++) await pub.publish('work', `${i}`, { qos: 1 });
    for (const worker of workers) {
      for (let i = 0; i < 5; i++) await worker.acknowledge(await worker.take(PacketType.Publish));
      await worker.expectNothing();
    }
  });

  for (const [upstream, says] of [
    ['wrong-pin', /none of those that are pinned/],
    ['no-ca', /unknown authority; name its CA/],
  ] as const) {
    it(`a broker that cannot be trusted (${upstream}) is not used, and the log says why`, async (t) => {
      const one = await RawClient.open({ transport: 'tcp', host: HOST, port: gateway.ports.get('tcp')! }, 5);
      t.after(() => one.drop());
      await assert.rejects(
        one.connect({ clientId: `${upstream}:c`, username: 'ann', password: 'hers' }),
        /CONNACK.*"reasonCode":136/,
      );
      await untilEvent(gateway.program, 'upstream.down', { upstream, says });
    });
  }

  it('a broker that wants a certificate is down for a gateway without one', async () => {
    await untilEvent(gateway.program, 'upstream.down', { upstream: 'no-certificate' });
  });

  it("one user cannot take over another's client identifier", async (t) => {
    const ann = await client(t, gateway, 5, { clientId: 'pump' });
    const thief = await RawClient.open({ transport: 'tcp', host: HOST, port: gateway.ports.get('tcp')! }, 5);
    t.after(() => thief.drop());
    await assert.rejects(
      thief.connect({ clientId: 'pump', username: 'bob', password: 'his' }),
      /CONNACK.*"reasonCode":133/,
    );
    await ann.expectNothing();
  });
});

describe('two Mosquittos', { skip: withoutMosquitto }, () => {
  it('one killed under load: its clients hear it, come back on the other, and nothing unacknowledged was acknowledged', async (t) => {
    const [a, b] = await Promise.all([startMosquitto(), startMosquitto()]);
    t.after(() => Promise.all([a.stop(), b.stop()]));
    const gateway = await startGateway({
      users: USERS,
      acl: ACL,
      listeners: [{ name: 'tcp', type: 'tcp' }],
      config: {
        upstream: 'pair',
        upstreams: [
          {
            name: 'pair',
            balance: 'round-robin',
            targets: [a, b].map(({ port }) => ({ url: `mqtt://${HOST}:${port}` })),
            healthCheck: { interval: '200ms' },
          },
        ],
      },
    });
    t.after(() => gateway.stop());
    await untilEvent(gateway.program, 'upstream.up', {}, 1);

    // Both brokers tell what they were given, past the gateway.
    const witnesses = await Promise.all(
      [a, b].map(async ({ port }) => {
        const witness = await RawClient.open({ transport: 'tcp', host: HOST, port }, 4);
        t.after(() => witness.drop());
        await witness.connect({ clientId: 'witness' });
        await witness.subscribe('load/#', 1);
        return witness;
      }),
    );
    const seen = new Set<string>();
    const watch = async (witness: RawClient): Promise<void> => {
      for (;;) {
        const packet = await witness.next().catch(() => 'closed' as const);
        if (packet === 'closed') return;
        if (packet.type !== PacketType.Publish) continue;
        seen.add(Buffer.from(packet.payload).toString());
        await witness.acknowledge(packet);
      }
    };
    const watching = witnesses.map(watch);

    const acknowledged = new Set<string>();
    let stop = false;
    /** Publishes one after the other, for as long as the connection lasts, and then on a new one. */
    const load = async (version: ProtocolVersion, index: number): Promise<(Packet | 'closed')[]> => {
      const endings: (Packet | 'closed')[] = [];
      let one = await client(t, gateway, version, { clientId: `load-${version}-${index}` });
      for (let i = 0; !stop; i++) {
        const payload = `${version}-${index}-${i}`;
        const packetId = one.nextPacketId();
        one.send(publish('load/x', payload, { qos: 1, packetId }));
        const answer = await one.next();
        if (answer !== 'closed' && answer.type === PacketType.Puback) {
          assert.equal(answer.packetId, packetId);
          acknowledged.add(payload);
          continue;
        }
        endings.push(answer);
        one = await client(t, gateway, version, { clientId: `load-${version}-${index}` });
      }
      return endings;
    };
    const loads = ([3, 4, 5] as ProtocolVersion[]).flatMap((version) => [0, 1, 2, 3].map((i) => load(version, i)));
    await eventually('a load on both', () => acknowledged.size > 500);
    await a.program.end('SIGKILL');
    const killedAt = acknowledged.size;
    await eventually('the load to go on', () => acknowledged.size > killedAt + 500);
    stop = true;
    const endings = await Promise.all(loads);
    // Round robin gave half of the clients of each version to the one that died.
    assert.deepEqual(
      endings.map((all) => all.length).reduce((sum, count) => sum + count, 0),
      6,
    );
    for (const ending of endings.slice(0, 8).flat()) assert.equal(ending, 'closed');
    for (const ending of endings.slice(8).flat()) {
      assert.ok(ending !== 'closed' && ending.type === PacketType.Disconnect);
      assert.equal(ending.reasonCode, 0x89);
    }
    await untilEvent(gateway.program, 'upstream.down');
    // The one that lives has told all that it was given; what the dead one told before it died is all that it can tell.
    await eventually('the witness to have all', () => {
      const missing = [...acknowledged].filter((payload) => !seen.has(payload));
      return missing.length <= 12;
    });
    for (const witness of witnesses) witness.drop();
    await Promise.all(watching);
    assert.equal(eventsLike(gateway.program, 'packet.faulted').length, 0);
  });

  it('are drained, ejected and returned by command', async (t) => {
    const [a, b] = await Promise.all([startMosquitto(), startMosquitto()]);
    t.after(() => Promise.all([a.stop(), b.stop()]));
    const [urlA, urlB] = [a, b].map(({ port }) => `mqtt://${HOST}:${port}`) as [string, string];
    const gateway = await startGateway({
      users: USERS,
      acl: ACL,
      listeners: [{ name: 'tcp', type: 'tcp' }],
      config: { upstream: 'pair', upstreams: [{ name: 'pair', targets: [{ url: urlA }, { url: urlB }] }] },
    });
    t.after(() => gateway.stop());
    await untilEvent(gateway.program, 'upstream.up', {}, 1);
    const at = ['--data', gateway.directory];
    const listed = async (): Promise<[string, number][]> => {
      const { out } = await sallyport(['upstream', 'list', '--json', ...at]);
      const { result } = JSON.parse(out) as { result: { target: string; state: string; connections: number }[] };
      return result.map(({ state, connections }) => [state, connections]);
    };
    assert.equal((await sallyport(['upstream', 'drain', 'pair', urlA, ...at])).code, 0);
    const one = await client(t, gateway, 5);
    assert.deepEqual(await listed(), [
      ['draining', 0],
      ['up', 1],
    ]);
    assert.equal((await sallyport(['upstream', 'eject', 'pair', urlB, ...at])).code, 0);
    await one.expectDisconnect(0x89);
    assert.equal((await sallyport(['upstream', 'return', 'pair', urlA, ...at])).code, 0);
    await client(t, gateway, 5);
    assert.deepEqual(await listed(), [
      ['up', 1],
      ['ejected', 0],
    ]);
    const { out } = await sallyport(['upstream', 'list', ...at]);
    assert.match(
      out,
      /^upstream +target +state +connections +MQTT\npair +mqtt:\S+ +up +1 +5\npair +mqtt:\S+ +ejected +0 +5/,
    );
    const wrong = await sallyport(['upstream', 'drain', 'pair', 'mqtt://nowhere', ...at]);
    assert.deepEqual([wrong.code, /There is no target mqtt:\/\/nowhere/.test(wrong.err)], [2, true]);
  });

  it('take turns after a reload, and clients stay where they are', async (t) => {
    const [a, b] = await Promise.all([startMosquitto(), startMosquitto()]);
    t.after(() => Promise.all([a.stop(), b.stop()]));
    const config = (port: number): object => ({ upstream: `mqtt://${HOST}:${port}` });
    const gateway = await startGateway({
      users: USERS,
      acl: ACL,
      listeners: [{ name: 'tcp', type: 'tcp' }],
      config: config(a.port) as Record<string, unknown>,
    });
    t.after(() => gateway.stop());
    const old = await client(t, gateway, 4);
    await old.subscribe('news');
    await gateway.rewrite({ config: config(b.port) as Record<string, unknown> });
    assert.equal((await gateway.reload()).code, 0);
    const fresh = await client(t, gateway, 4);
    await fresh.publish('news', 'from the new one');
    await old.expectNothing();
    await gateway.rewrite({ config: { upstream: 'nowhere' } });
    assert.equal((await gateway.reload()).code, 2);
    const after = await client(t, gateway, 4);
    await after.subscribe('news');
    await fresh.publish('news', 'still there');
    await after.receive('news', 'still there');
  });
});

describe('a broker that misbehaves', { skip: withoutMosquitto }, () => {
  let mosquitto: RunningMosquitto;
  before(async () => {
    mosquitto = await startMosquitto();
  });
  after(() => mosquitto?.stop());

  const flood = Buffer.concat(
    Array.from({ length: 200 }, () => Buffer.from([0x30, 0x05, 0x00, 0x01, 0x66, 0x78, 0x78])),
  );
  const misdeeds: Record<string, (packet: Packet, connection: StubConnection) => void> = {
    'sends malformed packets': (packet, connection) => {
      polite(packet, connection);
      if (packet.type === PacketType.Subscribe) connection.send(Uint8Array.of(0x90, 0x80, 0x80, 0x80, 0x80, 0x01));
    },
    'announces a packet of 256 MB': (packet, connection) => {
      polite(packet, connection);
      if (packet.type === PacketType.Subscribe) connection.send(Uint8Array.of(0x30, 0xff, 0xff, 0xff, 0x7f, 0x00));
    },
    'hangs up': (packet, connection) => {
      polite(packet, connection);
      if (packet.type === PacketType.Subscribe) connection.socket.destroy();
    },
  };

  async function gatewayBefore(t: TestContext, stub: StubBroker): Promise<RunningGateway> {
    const gateway = await startGateway({
      users: USERS,
      acl: ACL,
      listeners: [{ name: 'tcp', type: 'tcp' }],
      config: {
        upstream: `mqtt://${HOST}:${mosquitto.port}`,
        upstreams: [{ name: 'bad', targets: [{ url: stub.url }] }],
        routes: [{ user: 'bob', upstream: 'bad' }],
      },
    });
    t.after(() => gateway.stop());
    return gateway;
  }

  const BOB = { username: 'bob', password: 'his' };

  for (const [what, onPacket] of Object.entries(misdeeds)) {
    it(`and ${what} loses its own client, and nobody else`, async (t) => {
      const stub = await StubBroker.listen(onPacket);
      t.after(() => stub.close());
      const gateway = await gatewayBefore(t, stub);
      const good = await client(t, gateway, 5);
      await good.subscribe('good');
      const victim = await client(t, gateway, 5, BOB);
      victim.send({
        type: PacketType.Subscribe,
        packetId: 1,
        subscriptions: [{ filter: 'x', qos: 0, noLocal: false, retainAsPublished: false, retainHandling: 0 }],
        properties: {},
      });
      await victim.expectDisconnect(0x89);
      await good.publish('good', 'all is well');
      await good.receive('good', 'all is well');
    });
  }

  it('and floods is slowed down to what its client reads, while others are served', async (t) => {
    let written = 0;
    const stub = await StubBroker.listen((packet, connection) => {
      polite(packet, connection);
      if (packet.type !== PacketType.Publish) return;
      const pour = (): void => {
        while (!connection.socket.destroyed && connection.socket.write(flood)) written += flood.length;
        written += flood.length;
      };
      connection.socket.on('drain', pour);
      pour();
    });
    t.after(() => stub.close());
    const gateway = await gatewayBefore(t, stub);
    const good = await client(t, gateway, 4);
    await good.subscribe('good', 1);
    const victim = await client(t, gateway, 4, { ...BOB, clientId: 'victim' });
    victim.send(publish('start', ''));
    victim.stopReading();
    let before = -1;
    await eventually('the flood to stand', async () => {
      const stands = written > 0 && written === before;
      before = written;
      await new Promise((resolve) => setTimeout(resolve, 300));
      return stands;
    });
    assert.ok(written < 64 * 1024 * 1024, `${written} bytes were taken`);
    for (let i = 0; i < 20; i++) {
      await good.publish('good', `${i}`, { qos: 1 });
      await good.receive('good', `${i}`);
    }
  });

  it('and stalls does not hold up anybody else', async (t) => {
    const stub = await StubBroker.listen((packet, connection) => {
      polite(packet, connection);
      if (packet.type === PacketType.Publish) connection.socket.pause();
    });
    t.after(() => stub.close());
    const gateway = await gatewayBefore(t, stub);
    const good = await client(t, gateway, 4);
    await good.subscribe('good', 1);
    const victim = await client(t, gateway, 4, BOB);
    for (let i = 0; i < 2000; i++) victim.send(publish('x', Buffer.alloc(10_000)));
    for (let i = 0; i < 20; i++) {
      await good.publish('good', `${i}`, { qos: 1 });
      await good.receive('good', `${i}`);
    }
  });
});
