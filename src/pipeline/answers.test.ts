import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { subscribe, unsubscribe } from '../../test/kit/packets.ts';
import { allow, Bench, testPolicy } from '../../test/kit/pipeline-bench.ts';
import { settled } from '../../test/kit/settled.ts';
import { Deframer } from '../mqtt/deframer.ts';
import { encodePacket } from '../mqtt/encode.ts';
import type { Frame } from '../mqtt/frame.ts';
import type { Packet, SubackPacket, UnsubackPacket } from '../mqtt/packet.ts';
import { NO_PROPERTIES, type Properties } from '../mqtt/properties.ts';
import { PacketType } from '../mqtt/wire.ts';

const wide = testPolicy({ authorizer: { forClient: () => allow('#') } });

/** The packet as the upstream sends it. */
function frameOf(packet: Packet): Frame {
  const deframer = new Deframer({ sender: 'server', packetSizeMaxBytes: 1_000_000 });
  deframer.version = 5;
  deframer.push(encodePacket(packet, 5));
  deframer.next();
  return deframer;
}

async function openBench(properties: Properties, policy = wide): Promise<Bench> {
  const bench = new Bench(5, policy);
  const connack = await bench.open({ properties });
  assert.equal(connack?.type, PacketType.Connack);
  return bench;
}

const suback = (reasonCodes: number[], properties: Properties = NO_PROPERTIES): SubackPacket => ({
  type: PacketType.Suback,
  packetId: 1,
  reasonCodes,
  properties,
});

const CONNACK_BYTES = 20;
const FILTERS = ['a', 'b', 'c', 'd'].map((filter) => ({ filter, qos: 0 as const }));
const WORDY: Properties = { reasonString: 'x'.repeat(100), userProperties: [['k', 'v'.repeat(20)]] };

describe('what an upstream answers that is larger than the client takes [MQTT-3.1.2-24]', () => {
  it('loses what is for people, and the codes arrive [MQTT-3.9.2-1] [MQTT-3.9.2-2] [MQTT-3.11.2-1] [MQTT-3.11.2-2]', async () => {
    const bench = await openBench({ maximumPacketSizeBytes: 40 });
    bench.send(subscribe(1, FILTERS), unsubscribe(2, ['a']));
    const answer = suback([0, 0, 0x87, 0], WORDY);
    bench.link.receiver.suback(answer, frameOf(answer));
    const second: UnsubackPacket = { type: PacketType.Unsuback, packetId: 2, reasonCodes: [0], properties: WORDY };
    bench.link.receiver.unsuback(second, frameOf(second));
    const [first, last] = bench.received();
    assert.deepEqual(first, suback([0, 0, 0x87, 0]));
    assert.deepEqual(last, { ...second, properties: NO_PROPERTIES });
    assert.equal(bench.downstream.ended, false);
  });

  it('loses it in acknowledgements as well [MQTT-3.4.2-2] [MQTT-3.4.2-3]', async () => {
    const bench = await openBench({ maximumPacketSizeBytes: 40 });
    bench.send(bench.publish('a', { qos: 1 }));
    const ack = { type: PacketType.Puback, packetId: 1, reasonCode: 0x97, properties: WORDY } as const;
    bench.link.receiver.acknowledge(ack.type, 1, ack.reasonCode, ack.properties, frameOf(ack));
    assert.deepEqual(bench.received(), [{ ...ack, properties: NO_PROPERTIES }]);
  });

  it('ends the connection with 0x95 where the codes alone are too large, and the Will is published', async () => {
    const { limits, ...policy } = wide;
    const many = { ...policy, limits: { ...limits, filtersPerSubscribeMax: 100, subscriptionsPerClientMax: 100 } };
    const bench = await openBench({ maximumPacketSizeBytes: 30 }, many);
    const filters = Array.from({ length: 40 }, (_, i) => ({ filter: `f${i}`, qos: 0 as const }));
    bench.send(subscribe(1, filters));
    const answer = suback(filters.map(() => 0));
    bench.link.receiver.suback(answer, frameOf(answer));
    assert.equal(bench.downstream.ended, false, 'not from within what the link is doing');
    bench.link.deliver({ topic: 'a' }, 5);
    await settled();
    const [disconnect, ...more] = bench.received();
    assert.ok(disconnect?.type === PacketType.Disconnect && disconnect.reasonCode === 0x95);
    assert.deepEqual(more, [], 'nothing after what could not be said');
    assert.equal(bench.downstream.ended, true);
    assert.deepEqual(bench.link.named('close'), [['close', undefined]]);
    bench.connection.onClosed({ by: 'us', says: '', bytesIn: 0, bytesOut: 0 });
    const [closed] = bench.named('connection.closed');
    assert.deepEqual([closed?.by, closed?.reason], ['client:maximumPacketSize', 0x95]);
  });

  it('is also so for what the gateway answers by itself', async () => {
    const { limits, ...policy } = testPolicy();
    const many = { ...policy, limits: { ...limits, filtersPerSubscribeMax: 100 } };
    const bench = await openBench({ maximumPacketSizeBytes: 30 }, many);
    bench.send(
      subscribe(
        1,
        Array.from({ length: 40 }, (_, i) => ({ filter: `f${i}`, qos: 0 as const })),
      ),
    );
    await settled();
    assert.equal(bench.downstream.ended, true);
    assert.deepEqual(
      bench.received().map((packet) => packet.type),
      [PacketType.Disconnect],
    );
  });

  it('is withheld where it is a delivery, and counts as delivered [MQTT-3.1.2-25]', async () => {
    const bench = await openBench({ maximumPacketSizeBytes: 30 });
    bench.link.deliver({ topic: 'a', qos: 1, packetId: 7, payload: Buffer.alloc(100) }, 5);
    await settled();
    assert.deepEqual(bench.received(), []);
    assert.deepEqual(bench.link.named('acknowledge'), [['acknowledge', PacketType.Puback, 7, 0]]);
    assert.deepEqual(
      bench.named('delivery.withheld').map(({ by }) => by),
      ['client:maximumPacketSize'],
    );
    bench.link.deliver({ topic: 'a', payload: Buffer.from('fits') }, 5);
    assert.equal(bench.received().length, 1);
  });

  it('does not touch what fits exactly', async () => {
    const answer = suback([0, 0, 0, 0], { reasonString: 'x'.repeat(30) });
    const size = encodePacket(answer, 5).length;
    assert.ok(size > CONNACK_BYTES);
    for (const [maximumPacketSizeBytes, words] of [
      [size, 30],
      [size - 1, undefined],
    ] as const) {
      const bench = await openBench({ maximumPacketSizeBytes });
      bench.send(subscribe(1, FILTERS));
      bench.link.receiver.suback(answer, frameOf(answer));
      const [packet] = bench.received();
      assert.ok(packet?.type === PacketType.Suback);
      assert.equal(packet.properties.reasonString?.length, words);
    }
  });
});

describe('a client that declined problem information [MQTT-3.1.2-29]', () => {
  it('gets no words with a SUBACK or an UNSUBACK that is put together anew', async () => {
    const bench = await openBench({ requestProblemInformation: false });
    bench.send(subscribe(1, FILTERS), unsubscribe(2, ['a']));
    bench.link.receiver.suback(suback([0, 0, 0, 0], WORDY));
    bench.link.receiver.unsuback({ type: PacketType.Unsuback, packetId: 2, reasonCodes: [0], properties: WORDY });
    const words = bench.received().map((packet) => ('properties' in packet ? packet.properties : undefined));
    assert.deepEqual(words, [NO_PROPERTIES, NO_PROPERTIES]);
  });
});
