import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { after, before, describe, it } from 'node:test';
import type { Packet } from '../../src/mqtt/packet.ts';
import { PacketType, type ProtocolVersion, type QoS } from '../../src/mqtt/wire.ts';
import { type RunningGateway, startGateway } from '../kit/gateway.ts';
import { type RunningMosquitto, startMosquitto } from '../kit/mosquitto.ts';
import { ack, publish, type SubscriptionInit, subscribe, unsubscribe } from '../kit/packets.ts';
import { HOST } from '../kit/process.ts';
import { type RecordedClient, Stage } from '../kit/transcript.ts';

// The same scripts, direct to a Mosquitto and through the gateway to another one: what the clients saw must be the same, byte
// for byte. These differences are allowed, and no others:
// - CONNACK of MQTT 5: the ceilings that the gateway enforces (Receive Maximum, Maximum Packet Size, Topic Alias Maximum, Server
//   Keep Alive) and the value of an assigned client identifier; test/kit/transcript.ts leaves them out.
// - DISCONNECT of MQTT 5 before the end of a connection: where the broker only hangs up, the gateway says so (0x89), and where the
//   client broke the protocol, why; what comes before the end must be the same all the same.

const withoutMosquitto = spawnSync('mosquitto', ['-h']).error === undefined ? false : 'mosquitto is not installed';

type Script = (stage: Stage, version: ProtocolVersion) => Promise<void>;

const QOS = [0, 1, 2] as const;
let packetId = 0;

function sub(filters: (string | SubscriptionInit)[], properties = {}): Packet {
  const list = filters.map((one) => (typeof one === 'string' ? { filter: one, qos: 2 as QoS } : one));
  return subscribe(++packetId, list, properties);
}

function pub(topic: string, payload: string | Uint8Array, qos: QoS, init: object = {}): Packet {
  return publish(topic, payload, { qos, packetId: qos === 0 ? 0 : ++packetId, ...init });
}

const SESSION = { cleanStart: false, properties: { sessionExpiryIntervalS: 300 } };

const scripts: Record<string, Script> = {
  'messages of every QoS, to others and to oneself': async (stage, version) => {
    const a = await stage.connect('a', version);
    const b = await stage.connect('b', version);
    await stage.send(
      a,
      sub([
        { filter: 'x/0', qos: 0 },
        { filter: 'x/+', qos: 1 },
      ]),
    );
    await stage.send(b, sub(['x/#']));
    for (const qos of QOS) {
      await stage.send(a, pub('x/0', 'payload', qos));
      await stage.send(b, pub('x/1', '', qos));
      await stage.send(b, pub('x/€/𝄞', Buffer.alloc(100_000, qos), qos));
    }
    await stage.send(a, ...QOS.map((qos) => pub('x/many', 'at once', qos)));
    await stage.disconnect(a);
    await stage.disconnect(b);
  },
  'handshakes that are repeated, reordered and unknown': async (stage, version) => {
    const a = await stage.connect('a', version);
    const b = await stage.connect('b', version);
    await stage.send(a, sub(['x']));
    a.acknowledges = false;
    b.acknowledges = false;
    for (let i = 0; i < 3; i++) await stage.send(b, pub('x', `${i}`, 2));
    const ids = b.packets.flatMap((packet) => (packet.type === PacketType.Pubrec ? [packet.packetId] : []));
    for (const id of ids) await stage.send(b, ack(PacketType.Pubrel, id));
    await stage.send(b, ack(PacketType.Pubrel, 999));
    const deliveries = a.packets.filter((packet) => packet.type === PacketType.Publish);
    for (const delivery of deliveries.toReversed()) await stage.send(a, ack(PacketType.Pubrec, delivery.packetId));
    for (const delivery of deliveries) await stage.send(a, ack(PacketType.Pubcomp, delivery.packetId));
    await stage.send(a, ack(PacketType.Puback, 777));
  },
  'retained messages': async (stage, version) => {
    const a = await stage.connect('a', version);
    for (const qos of QOS) await stage.send(a, pub(`kept/${qos}`, `value ${qos}`, qos, { retain: true }));
    await stage.send(a, pub('kept/1', 'newer', 1, { retain: true }));
    await stage.send(a, pub('kept/2', '', 1, { retain: true }));
    const b = await stage.connect('b', version);
    await stage.send(b, sub(['kept/0']));
    await stage.send(
      b,
      sub([
        { filter: 'kept/1', qos: 1 },
        { filter: 'kept/2', qos: 0 },
      ]),
    );
    await stage.send(b, sub(['kept/0']));
    await stage.send(a, pub('kept/0', 'live', 0, { retain: true }));
  },
  'Wills, published and discarded': async (stage, version) => {
    const a = await stage.connect('a', version);
    await stage.send(a, sub(['will/#']));
    for (const qos of QOS) {
      const will = { topic: `will/${qos}`, payload: 'last words', qos, retain: qos === 1 };
      await stage.disconnect(await stage.connect('leaves', version, { will }));
      await stage.drop(await stage.connect('breaks', version, { will }));
    }
    const late = await stage.connect('late', version);
    await stage.send(late, sub(['will/1']));
  },
  'sessions that wait': async (stage, version) => {
    const a = await stage.connect('a', version, SESSION);
    await stage.send(a, sub(['s/#', { filter: 't', qos: 1 }]));
    await stage.disconnect(a);
    const b = await stage.connect('b', version);
    for (const qos of QOS) await stage.send(b, pub('s/1', `while away ${qos}`, qos));
    const back = await stage.connect('a', version, SESSION);
    await stage.send(back, unsubscribe(++packetId, ['t']));
    back.acknowledges = false;
    for (const qos of QOS) await stage.send(b, pub('s/2', `unacknowledged ${qos}`, qos));
    await stage.drop(back);
    await stage.send(b, pub('s/3', 'one more', 1));
    const again = await stage.connect('a', version, SESSION);
    await stage.disconnect(again);
    const clean = await stage.connect('a', version);
    await stage.send(b, pub('s/4', 'for nobody', 1));
    await stage.disconnect(clean);
  },
  'subscriptions that are changed, given up, unknown and overlapping': async (stage, version) => {
    const a = await stage.connect('a', version);
    const b = await stage.connect('b', version);
    await stage.send(a, sub(['o/#', 'o/+', 'o/x', '+/x', '/', '//', 'o/+/+/#']));
    for (const topic of ['o', 'o/x', 'o/y', 'o/y/z/w', '/', '//']) await stage.send(b, pub(topic, topic, 1));
    await stage.send(a, sub([{ filter: 'o/#', qos: 0 }]));
    await stage.send(b, pub('o/x', 'lower now', 2));
    await stage.send(a, unsubscribe(++packetId, ['o/+', 'never/there', '+/x']));
    await stage.send(b, pub('o/x', 'fewer now', 1));
  },
  'one identifier, two connections': async (stage, version) => {
    const first = await stage.connect('same', version, SESSION);
    await stage.send(first, sub(['t']));
    const second = await stage.connect('same', version, SESSION);
    await first.until(() => first.ended, 'the end of the older connection');
    await stage.send(second, pub('t', 'to the newer one', 1));
  },
  'an empty client identifier': async (stage, version) => {
    if (version === 3) return;
    await stage.connect('', version);
    await stage.connect('', version);
  },
};

const scripts5: Record<string, Script> = {
  'properties of all kinds': async (stage, version) => {
    const a = await stage.connect('a', version, {
      properties: { requestProblemInformation: true, userProperties: [['k', 'v']] },
    });
    await stage.send(a, sub(['p/#'], { subscriptionIdentifiers: [7], userProperties: [['x', 'y']] }));
    await stage.send(a, sub(['p/+'], { subscriptionIdentifiers: [268_435_455] }));
    const b = await stage.connect('b', version);
    const properties = {
      payloadFormatIndicator: 1 as const,
      messageExpiryIntervalS: 100_000,
      contentType: 'text/plain',
      responseTopic: 'answers/here',
      correlationData: Uint8Array.of(0, 1, 2, 255),
      userProperties: [
        ['a', '1'],
        ['a', '2'],
        ['', ''],
        ['b', '€'],
      ] as [string, string][],
    };
    for (const qos of QOS) await stage.send(b, pub('p/x', 'all of them', qos, { properties, retain: qos === 1 }));
    const late = await stage.connect('late', version);
    await stage.send(late, sub(['p/x'], { subscriptionIdentifiers: [1] }));
    for (const qos of QOS) await stage.send(b, pub('nobody/listens', '', qos));
  },
  'topic aliases': async (stage, version) => {
    const a = await stage.connect('a', version, { properties: { topicAliasMaximum: 10 } });
    await stage.send(a, sub(['al/#']));
    const b = await stage.connect('b', version);
    for (const [topic, topicAlias] of [
      ['al/1', 1],
      ['', 1],
      ['al/2', 2],
      ['', 1],
      ['al/3', 1],
      ['', 1],
      ['', 2],
      ['al/10', 10],
    ] as const) {
      await stage.send(b, pub(topic, `${topicAlias}`, 1, { properties: { topicAlias } }));
    }
  },
  'subscription options': async (stage, version) => {
    const a = await stage.connect('a', version);
    await stage.send(a, pub('opt/kept', 'old', 1, { retain: true }));
    for (const retainHandling of [0, 1, 2] as const) {
      for (const retainAsPublished of [false, true]) {
        await stage.send(
          a,
          sub([{ filter: 'opt/#', qos: 1, retainHandling, retainAsPublished, noLocal: retainAsPublished }]),
        );
        await stage.send(a, pub('opt/kept', 'new', 1, { retain: true }));
        const b = await stage.connect('b', version);
        await stage.send(b, pub('opt/kept', 'from another', 1, { retain: true }));
        await stage.disconnect(b);
      }
    }
  },
  'shared subscriptions': async (stage, version) => {
    const workers = [];
    for (const name of ['w0', 'w1', 'w2']) {
      const worker = await stage.connect(name, version, SESSION);
      await stage.send(worker, sub([{ filter: '$share/g/job/#', qos: 1 }, '$share/h/job/+']));
      workers.push(worker);
    }
    const b = await stage.connect('b', version);
    for (let i = 0; i < 12; i++) await stage.send(b, pub(`job/${i % 3}`, `${i}`, QOS[i % 3]!));
    await stage.send(workers[0]!, unsubscribe(++packetId, ['$share/g/job/#', '$share/none/job/#']));
    for (let i = 0; i < 6; i++) await stage.send(b, pub('job/0', `again ${i}`, 1));
  },
  'endings with a reason, and Wills with properties': async (stage, version) => {
    const a = await stage.connect('a', version);
    await stage.send(a, sub(['w/#']));
    const will = {
      topic: 'w/1',
      payload: 'x',
      qos: 1 as const,
      properties: { contentType: 'x', userProperties: [['a', 'b']] as [string, string][], responseTopic: 'r' },
    };
    await stage.disconnect(await stage.connect('b', version, { will }), 0x04);
    await stage.disconnect(await stage.connect('b', version, { will }), 0x00);
    await stage.drop(await stage.connect('b', version, { will, ...SESSION }));
  },
  'acknowledgements with reason codes': async (stage, version) => {
    const a = await stage.connect('a', version);
    const b = await stage.connect('b', version);
    await stage.send(a, sub(['r']));
    a.acknowledges = false;
    for (let i = 0; i < 3; i++) await stage.send(b, pub('r', `${i}`, 2));
    const [first, second, third] = a.packets.flatMap((packet) =>
      packet.type === PacketType.Publish ? [packet.packetId] : [],
    );
    await stage.send(a, ack(PacketType.Pubrec, first!, 0x97, { reasonString: 'too much' }));
    await stage.send(a, ack(PacketType.Pubrec, second!, 0x00, { userProperties: [['k', 'v']] }));
    await stage.send(a, ack(PacketType.Pubcomp, second!, 0x92));
    await stage.send(a, ack(PacketType.Pubrec, third!, 0x80));
    await stage.send(b, ack(PacketType.Pubrel, 4242, 0x92));
  },
  'a window of two, and packets that are too large': async (stage, version) => {
    const a = await stage.connect('a', version, { properties: { receiveMaximum: 2, maximumPacketSizeBytes: 200 } });
    await stage.send(a, sub(['q']));
    a.acknowledges = false;
    const b = await stage.connect('b', version);
    for (let i = 0; i < 4; i++) await stage.send(b, pub('q', `${i}`, 1));
    await stage.send(b, pub('q', 'x'.repeat(500), 1));
    for (let i = 0; i < 2; i++) {
      const deliveries = a.packets.filter((packet) => packet.type === PacketType.Publish);
      await stage.send(a, ack(PacketType.Puback, deliveries[i]!.packetId));
    }
  },
};

/** What ends a connection: only that it ends is compared. */
const endings: Record<string, (version: ProtocolVersion) => (Packet | Uint8Array)[]> = {
  'a second CONNECT': (version) => [
    {
      type: PacketType.Connect,
      protocolVersion: version,
      bridge: false,
      cleanStart: true,
      keepAliveS: 1,
      clientId: 'again',
      properties: {},
    },
  ],
  'a topic with a wildcard': () => [publish('a/#', 'x')],
  'packet identifier 0': () => [Uint8Array.of(0x32, 0x05, 0x00, 0x01, 0x61, 0x00, 0x00)],
  'QoS 3': () => [Uint8Array.of(0x36, 0x05, 0x00, 0x01, 0x61, 0x00, 0x01)],
  'a Remaining Length of five bytes': () => [Uint8Array.of(0x30, 0x80, 0x80, 0x80, 0x80, 0x01)],
  'a packet of type 0': () => [Uint8Array.of(0x00, 0x00)],
};

/** The same numbers in every run, so that a failure can be looked at again. */
function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return (state >>> 8) % below;
  };
}

/** A hundred steps of three clients that do what comes to mind. */
function wandering(seed: number): Script {
  return async (stage, version) => {
    const next = random(seed);
    const one = <Kind>(list: readonly Kind[]): Kind => list[next(list.length)]!;
    const names = ['x', 'y', 'z'];
    const topics = ['a', 'a/b', 'a/b/c', 'b', '/a', 'b/c'];
    const filters = [
      '#',
      'a/#',
      '+/b',
      '+',
      'a/+/c',
      '/a',
      'b/c',
      ...(version === 5 ? ['$share/s/a/#', '$share/s/+'] : []),
    ];
    const clients = new Map<string, RecordedClient>();
    for (let step = 0; step < 100; step++) {
      const name = one(names);
      const client = clients.get(name);
      if (client === undefined) {
        const init = next(2) === 0 ? SESSION : { will: { topic: one(topics), payload: name, qos: one(QOS) } };
        clients.set(name, await stage.connect(name, version, init));
        continue;
      }
      const what = next(10);
      if (what < 5) await stage.send(client, pub(one(topics), `${step}`, one(QOS), { retain: next(4) === 0 }));
      else if (what < 7)
        await stage.send(
          client,
          sub([
            { filter: one(filters), qos: one(QOS) },
            { filter: one(filters), qos: one(QOS) },
          ]),
        );
      else if (what === 7) await stage.send(client, unsubscribe(++packetId, [one(filters)]));
      else {
        clients.delete(name);
        await (what === 8 ? stage.disconnect(client) : stage.drop(client));
      }
    }
  };
}

/** A DISCONNECT right before the end is left out. */
function withoutLastWords(seen: string[]): string[] {
  return seen.filter((packet, i) => !(packet.startsWith('e0') && seen[i + 1] === 'end'));
}

describe('what a client sees', { skip: withoutMosquitto }, () => {
  let direct: RunningMosquitto;
  let behind: RunningMosquitto;
  let gateway: RunningGateway;

  /** Packet identifiers begin anew, so that they are the same in each run. */
  async function run(script: Script, version: ProtocolVersion, port: number): Promise<string[][]> {
    packetId = 0;
    const stage = new Stage(port);
    try {
      await script(stage, version);
      return stage.transcript().map(withoutLastWords);
    } finally {
      stage.close();
    }
  }

  /** Takes away what the script has left: retained messages and sessions. */
  async function sweep(port: number): Promise<void> {
    const stage = new Stage(port);
    for (const name of ['a', 'b', 'same', 'w0', 'w1', 'w2', 'x', 'y', 'z']) {
      await stage.disconnect(await stage.connect(name, 4));
    }
    const broom = await stage.connect('broom', 4);
    await stage.send(broom, subscribe(1, [{ filter: '#' }]));
    for (const packet of [...broom.packets]) {
      if (packet.type === PacketType.Publish) await stage.send(broom, publish(packet.topic, '', { retain: true }));
    }
    stage.close();
  }

  async function compare(script: Script, version: ProtocolVersion): Promise<void> {
    const through = gateway.ports.get('tcp')!;
    const expected = await run(script, version, direct.port);
    assert.deepEqual(await run(script, version, through), expected);
    await Promise.all([sweep(direct.port), sweep(through)]);
  }

  before(async () => {
    [direct, behind] = await Promise.all([startMosquitto(), startMosquitto()]);
    gateway = await startGateway({
      acl: ['topic readwrite #', 'topic readwrite $SYS/#'],
      listeners: [{ name: 'tcp', type: 'tcp', anonymous: true }],
      config: {
        upstream: `mqtt://${HOST}:${behind.port}`,
        authorization: { subscribe: 'overlapping' },
        limits: {
          keepAliveMax: '65535s',
          packetSizeMax: '1MiB',
          topicLengthMax: 65_535,
          topicDepthMax: 256,
          filtersPerSubscribeMax: 10_000,
          inflightMax: 65_535,
          userPropertiesMax: 10_000,
          clientIdLengthMax: 1000,
          rejectControlCharacters: false,
        },
      },
    });
  });
  after(async () => {
    await gateway?.stop();
    await direct?.stop();
    await behind?.stop();
  });

  for (const version of [3, 4, 5] as const) {
    const name = { 3: 'MQTT 3.1', 4: 'MQTT 3.1.1', 5: 'MQTT 5' }[version];
    for (const [title, script] of Object.entries({ ...scripts, ...(version === 5 ? scripts5 : {}) })) {
      it(`${name}: ${title}: the same through the gateway`, () => compare(script, version));
    }
    for (const [title, packetsOf] of Object.entries(endings)) {
      it(`${name}: ${title} ends the connection, through the gateway as well`, async () => {
        const ends = async (port: number): Promise<string | undefined> => {
          const stage = new Stage(port);
          const client = await stage.connect('a', version);
          client.write(...packetsOf(version));
          await client.until(() => client.ended, 'the end');
          stage.close();
          return client.seen.at(-1);
        };
        assert.equal(await ends(direct.port), 'end');
        assert.equal(await ends(gateway.ports.get('tcp')!), 'end');
      });
    }
    for (const seed of [1, 2]) {
      it(`${name}: a hundred steps at random (seed ${seed}): the same through the gateway`, () =>
        compare(wandering(seed * 7919 + version), version));
    }
  }
});
