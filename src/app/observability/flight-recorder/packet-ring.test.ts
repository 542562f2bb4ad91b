import assert from 'node:assert/strict';
import { describe, it, test } from 'node:test';
import fc from 'fast-check';
import { PacketRing } from './packet-ring.ts';
import { PacketTap } from './packet-tap.ts';
import { recordedPackets } from './recording.ts';

const plain = (topic: string): string => topic;

test('the ring holds the latest packets in order, whatever their sizes', () => {
  const sizes = fc.array(fc.integer({ min: 0, max: 90 }), { maxLength: 200 });
  fc.assert(
    fc.property(sizes, fc.integer({ min: 40, max: 400 }), (lengths, sizeBytes) => {
      const ring = new PacketRing(sizeBytes);
      const added: { atMs: number; hex: string }[] = [];
      for (const [i, length] of lengths.entries()) {
        const bytes = Buffer.alloc(length, i);
        ring.add(i, 1000 + length, bytes, 0, length);
        const room = sizeBytes - 16;
        added.push({ atMs: i, hex: bytes.subarray(0, room).toString('hex') });
        const kept = ring.packets();
        assert.ok(kept.length > 0);
        assert.deepEqual(
          kept.map(({ atMs, bytes: seen }) => ({ atMs, hex: seen.toString('hex') })),
          added.slice(-kept.length),
        );
        assert.equal(kept.length + ring.overwritten, added.length);
        assert.equal(kept.at(-1)!.lengthBytes, 1000 + length);
      }
    }),
    { numRuns: 300 },
  );
});

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');
const CONNECT_V4 = hex('101c 0004 4d515454 04 c2 003c 0003 643432 0003 616e6e 0006 736563726574');
const CONNECT_V5 = hex('10 10 0004 4d515454 05 02 003c 00 0003 643432');
const PUBLISH_QOS1 = hex('32 0c 0003 612f62 0007 68656c6c6f');
const SUBSCRIBE_V4 = hex('82 08 0001 0003 612f23 01');
/** With a user property before its filter. */
const SUBSCRIBE_V5 = hex('82 12 0002 09 26 0002 6b6b 0002 7676 0003 612f23 01');

function record(chunks: readonly Uint8Array[], rules = { bytesMax: 256, withPayloads: false }) {
  const fromClient = new PacketRing(8192);
  const tap = new PacketTap(fromClient, { rules, isV5: false });
  chunks.forEach((chunk, i) => {
    // A chunk is borrowed: what is not copied within the call is lost.
    const borrowed = Uint8Array.from(chunk);
    tap.take(borrowed, 0, borrowed.length, i);
    borrowed.fill(0xee);
  });
  tap.finish(chunks.length);
  return recordedPackets({ fromClient, toClient: new PacketRing(64) }, 0, plain);
}

describe('the tap', () => {
  const stream = Buffer.concat([CONNECT_V4, PUBLISH_QOS1, SUBSCRIBE_V4, hex('c000'), hex('e000')]);
  const facts = (packets: ReturnType<typeof record>) =>
    packets.map(({ type, flags, lengthBytes, packetId, topic, bytes }) => [
      type,
      flags,
      lengthBytes,
      packetId,
      topic,
      bytes,
    ]);

  it('keeps headers, and neither credentials nor payloads', () => {
    assert.deepEqual(facts(record([stream])), [
      ['CONNECT', 0, 30, undefined, undefined, '101c00044d51545404c2003c'],
      ['PUBLISH', 2, 14, 7, 'a/b', '320c0003612f620007'],
      ['SUBSCRIBE', 2, 10, 1, undefined, '820800010003612f2301'],
      ['PINGREQ', 0, 2, undefined, undefined, 'c000'],
      ['DISCONNECT', 0, 2, undefined, undefined, 'e000'],
    ]);
  });

  it('keeps the same of a stream however it is cut', () => {
    const whole = facts(record([stream]));
    assert.deepEqual(facts(record([...stream].map((byte) => Uint8Array.of(byte)))), whole);
    for (let at = 1; at < stream.length; at++) {
      assert.deepEqual(facts(record([stream.subarray(0, at), stream.subarray(at)])), whole, `cut at ${at}`);
    }
  });

  it('leaves out properties of 5.0, which may hold a secret', () => {
    const packets = facts(record([CONNECT_V5, SUBSCRIBE_V5]));
    assert.deepEqual(
      packets.map((packet) => packet[5]),
      ['101000044d5154540502003c', '821200020 9'.replaceAll(' ', '')],
    );
  });

  it('keeps payloads where it must, with what is called a secret blotted out', () => {
    const payload = Buffer.from('{"user":"ann","password":"hunter2 ","t":21}');
    const publish = Buffer.concat([hex('30'), Buffer.of(payload.length + 3), hex('0001 61'), payload]);
    const [packet] = record([publish], { bytesMax: 256, withPayloads: true });
    const text = Buffer.from(packet!.bytes, 'hex').toString('latin1');
    assert.equal(packet!.bytes.length, publish.length * 2);
    assert.ok(text.includes('"user":"ann"') && text.includes('"t":21'));
    assert.ok(!text.includes('hunter2'));
  });

  it('keeps what has come of a packet that was never finished, and what is no packet', () => {
    const [partial] = facts(record([hex('30 7f 0003 612f62 01')]));
    assert.deepEqual(partial, ['PUBLISH', 0, 129, undefined, 'a/b', '307f0003612f62']);
    const [garbage] = facts(record([hex('ff ffffffff ffff')]));
    assert.equal(garbage![2], 7);
    assert.equal(garbage![5], 'ffffffffff');
  });

  it('follows any bytes without throwing, and keeps no more than it may', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ minLength: 1, maxLength: 60 }), { maxLength: 30 }), (chunks) => {
        for (const { bytes } of record(chunks, { bytesMax: 16, withPayloads: true })) assert.ok(bytes.length <= 32);
      }),
      { numRuns: 500 },
    );
  });
});

test('with topics hashed neither a topic nor a filter is in a recording', () => {
  const fromClient = new PacketRing(4096);
  const tap = new PacketTap(fromClient, { rules: { bytesMax: 256, withPayloads: true }, isV5: false });
  const stream = Buffer.concat([CONNECT_V4, PUBLISH_QOS1, SUBSCRIBE_V4]);
  tap.take(stream, 0, stream.length, 0);
  const packets = recordedPackets({ fromClient, toClient: new PacketRing(64) }, 0, () => '#0123456789abcdef');
  const text = JSON.stringify(packets);
  assert.ok(!text.includes('612f62') && !text.includes('612f23') && !text.includes('a/b'));
  // As a packet of its own: the length in its header, the hash, the identifier, the payload.
  assert.equal(packets[1]!.bytes, `321a0011${Buffer.from('#0123456789abcdef').toString('hex')}000768656c6c6f`);
  assert.equal(packets[1]!.lengthBytes, 14);
});
