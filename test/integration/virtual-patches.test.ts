/**
 * Every packet that is known to bring down brokers, sent from real sockets to a gateway before a real Mosquitto: a tap between the
 * two shows that its bytes never get there, while another client goes on as if nothing were.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { after, before, describe, it } from 'node:test';
import { decodePacket } from '../../src/mqtt/decode.ts';
import { Deframer, FrameStatus } from '../../src/mqtt/deframer.ts';
import { isFault } from '../../src/mqtt/fault.ts';
import type { Packet } from '../../src/mqtt/packet.ts';
import { PacketType, type ProtocolVersion } from '../../src/mqtt/wire.ts';
import { KILLERS } from '../kit/broker-killers.ts';
import { eventsLike, untilEvent } from '../kit/event-log.ts';
import { type RunningGateway, startGateway } from '../kit/gateway.ts';
import { type RunningMosquitto, startMosquitto } from '../kit/mosquitto.ts';
import { ack, publish, subscribe, unsubscribe } from '../kit/packets.ts';
import { HOST } from '../kit/process.ts';
import { RawClient } from '../kit/raw-client.ts';
import { polite, StubBroker } from '../kit/stub-broker.ts';
import { bytesOf } from '../kit/wire-cases.ts';
import { Testimony } from '../kit/witness.ts';

const withoutMosquitto = spawnSync('mosquitto', ['-h']).error === undefined ? false : 'mosquitto is not installed';

const LOGIN = { username: 'ann', password: 'hers' };
const ACL = ['user ann', 'topic readwrite #'];
/** What follows an attack is shown elsewhere; here all of them come from one address. */
const DETECTION = Object.fromEntries(
  ['malformedPackets', 'virtualPatches', 'connectFlood', 'bruteForce', 'credentialStuffing'].map((name) => [
    name,
    { response: ['alert'] },
  ]),
);

async function open(gateway: RunningGateway, version: ProtocolVersion): Promise<RawClient> {
  return RawClient.open({ transport: 'tcp', host: HOST, port: gateway.ports.get('tcp')! }, version);
}

/** What one connection said, after its CONNECT. */
function packetsOf(bytes: Buffer): Packet[] {
  const deframer = new Deframer({ sender: 'client' });
  const packets: Packet[] = [];
  deframer.push(bytes);
  let version: ProtocolVersion = 4;
  while (deframer.next() === FrameStatus.Frame) {
    const packet = decodePacket(deframer, version, 'client');
    if (isFault(packet)) assert.fail(packet.says);
    if (packet.type === PacketType.Connect) {
      version = packet.protocolVersion;
      deframer.version = version;
    }
    packets.push(packet);
  }
  return packets;
}

describe('virtual patches before a Mosquitto', { skip: withoutMosquitto }, () => {
  const testimony = new Testimony();
  let mosquitto: RunningMosquitto;
  let tap: { port: number; stop: () => Promise<void> };
  let gateway: RunningGateway;
  let bystander: RawClient;
  let rounds = 0;

  before(async () => {
    mosquitto = await startMosquitto();
    tap = await testimony.stand(mosquitto.port);
    gateway = await startGateway({
      listeners: [
        { name: 'tcp', type: 'tcp' },
        { name: 'ws', type: 'ws' },
      ],
      users: { ann: 'hers' },
      acl: ACL,
      config: { upstream: `mqtt://${HOST}:${tap.port}`, detection: DETECTION },
    });
    bystander = await open(gateway, 5);
    await bystander.connect({ clientId: 'bystander', ...LOGIN });
    await bystander.subscribe('round', 1);
  });

  after(async () => {
    bystander?.drop();
    await gateway?.stop();
    await tap?.stop();
    await mosquitto?.stop();
  });

  async function goesOn(): Promise<void> {
    const payload = `${++rounds}`;
    await bystander.publish('round', payload, { qos: 1 });
    await bystander.acknowledge(await bystander.receive('round', payload));
    assert.equal(mosquitto.program.hasEnded, false);
  }

  /** What the broker heard from the last client, once it has gone. */
  const heard = (): Buffer => testimony.saidToBroker.at(-1)!;

  for (const [number, killer] of KILLERS.filter(({ sender }) => sender !== 'server').entries()) {
    const { patch, what, version = 5, first = false } = killer;
    it(`${patch}: ${what} never gets there, version ${version}`, async () => {
      const bytes = bytesOf(killer.wire);
      const client = await open(gateway, version);
      const before = testimony.saidToBroker.length;
      if (!first) await client.connect({ clientId: `killer-${number}`, ...LOGIN });
      client.sendRaw(bytes);
      await client.expectGone();
      const event = await untilEvent(gateway.program, 'packet.faulted', {
        by: `virtual-patch:${patch}`,
        ...(first ? {} : { clientId: `killer-${number}` }),
      });
      assert.equal(event.level, 'warn');
      await goesOn();
      const since = testimony.saidToBroker.slice(before);
      assert.equal(since.length, first ? 0 : 1);
      for (const said of since) {
        assert.ok(!said.includes(bytes.subarray(0, 512)), 'the bytes got there');
        assert.deepEqual(
          packetsOf(said).map(({ type }) => type),
          [PacketType.Connect],
        );
      }
    });
  }

  it('has told of the source of all that', () => {
    const [attack] = eventsLike(gateway.program, 'attack.detected', { detector: 'virtualPatches', subject: HOST });
    assert.match(String(attack?.['says']), /sent [34] packets that are known to bring down brokers/);
  });

  it('CVE-2023-28366: a QoS 2 PUBLISH that comes again gets there once, and each is acknowledged', async () => {
    const client = await open(gateway, 4);
    await client.connect({ clientId: 'repeats', ...LOGIN });
    const message = publish('elsewhere', 'x', { qos: 2, packetId: 5 });
    client.send(message, ...Array(50).fill({ ...message, dup: true }));
    for (let i = 0; i < 51; i++) await client.expect(PacketType.Pubrec, { packetId: 5 });
    client.send(ack(PacketType.Pubrel, 5));
    await client.expect(PacketType.Pubcomp, { packetId: 5 });
    await client.disconnect();
    await goesOn();
    assert.equal(packetsOf(heard()).filter(({ type }) => type === PacketType.Publish).length, 1);
    await untilEvent(gateway.program, 'publish.refused', { by: 'virtual-patch:CVE-2023-28366' });
  });

  it('CVE-2024-8376: of a filter that is held shared and plain, the plain one is given up while the shared one is not held', async () => {
    const client = await open(gateway, 5);
    await client.connect({ clientId: 'mixes', ...LOGIN });
    client.send(subscribe(1, [{ filter: '$share/g/a' }]), subscribe(2, [{ filter: 'a' }]));
    await client.expect(PacketType.Suback);
    await client.expect(PacketType.Suback);
    client.send(unsubscribe(3, ['a']));
    await client.expect(PacketType.Unsuback, { packetId: 3 });
    // By the shared one, and by it alone.
    client.send(publish('a', 'x'));
    await client.expect(PacketType.Publish);
    client.send(unsubscribe(4, ['$share/g/a']));
    await client.expect(PacketType.Unsuback, { packetId: 4 });
    await client.disconnect();
    await goesOn();
    const filters = packetsOf(heard()).flatMap((packet) => {
      if (packet.type === PacketType.Subscribe) return packet.subscriptions.map(({ filter }) => `+${filter}`);
      return packet.type === PacketType.Unsubscribe ? packet.filters.map((filter) => `-${filter}`) : [];
    });
    assert.deepEqual(filters, ['+$share/g/a', '+a', '-$share/g/a', '-a', '+$share/g/a', '-$share/g/a']);
    await untilEvent(gateway.program, 'patch.applied', { by: 'virtual-patch:CVE-2024-8376' });
  });

  it('CVE-2018-12543: no PUBLISH gets there to a topic that begins with $, though everything else is granted', async () => {
    const client = await open(gateway, 5);
    await client.connect({ clientId: 'dollar', ...LOGIN });
    client.send(publish('$test/test', 'x', { qos: 1, packetId: 1 }));
    await client.expect(PacketType.Puback, { reasonCode: 0x87 });
    await client.disconnect();
    await goesOn();
    assert.ok(!heard().includes('$test'));
    await untilEvent(gateway.program, 'publish.refused', { by: 'virtual-patch:CVE-2018-12543' });
  });

  it('CVE-2019-11778: the Will Delay Interval that gets there is no longer than the Session Expiry Interval', async () => {
    const client = await open(gateway, 5);
    const will = { topic: 'will', properties: { willDelayIntervalS: 100 } };
    await client.connect({ clientId: 'delays', will, properties: { sessionExpiryIntervalS: 10 }, ...LOGIN });
    await client.disconnect();
    await goesOn();
    const [connect] = packetsOf(heard());
    assert.equal(connect?.type === PacketType.Connect && connect.will?.properties.willDelayIntervalS, 10);
    await untilEvent(gateway.program, 'patch.applied', { by: 'virtual-patch:CVE-2019-11778' });
  });

  it('CVE-2026-25627: a PUBLISH over WebSocket that is shorter than it says waits for its rest, and goes on whole', async () => {
    const before = testimony.saidToBroker.length;
    const url = `ws://${HOST}:${gateway.ports.get('ws')}/mqtt`;
    const client = await RawClient.open({ transport: 'ws', url }, 5);
    await client.connect({ clientId: 'short', ...LOGIN });
    // 4096 bytes are announced and three come.
    client.sendRaw('30 8020 0001 61');
    await goesOn();
    client.drop();
    await goesOn();
    const said = testimony.saidToBroker.slice(before).flatMap((bytes) => packetsOf(bytes));
    assert.ok(said.every(({ type }) => type !== PacketType.Publish));
  });
});

describe('virtual patches before a client', () => {
  it('CVE-2024-10525: a SUBACK without reason codes never gets to the client that has asked', async (t) => {
    for (const killer of KILLERS.filter(({ sender }) => sender === 'server')) {
      const { version = 5, patch } = killer;
      const broker = await StubBroker.listen((packet, connection) => {
        polite(packet, connection);
        if (packet.type === PacketType.Subscribe) connection.send(bytesOf(killer.wire));
      });
      t.after(() => broker.close());
      const gateway = await startGateway({
        listeners: [{ name: 'tcp', type: 'tcp' }],
        users: { ann: 'hers' },
        acl: ACL,
        config: { upstream: broker.url },
      });
      t.after(() => gateway.stop());
      const client = await open(gateway, version);
      await client.connect({ clientId: 'asks', ...LOGIN });
      client.send(subscribe(1, [{ filter: 'a' }]));
      if (version === 5) await client.expectDisconnect(0x89);
      else await client.expectClosed();
      await untilEvent(gateway.program, 'packet.faulted', { by: `virtual-patch:${patch}`, sender: 'server' });
    }
  });
});
