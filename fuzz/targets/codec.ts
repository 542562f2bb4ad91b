/** Bytes through the deframer and the decoders, of either side and every version, in any chunks. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { decodePacket } from '../../src/mqtt/decode.ts';
import { Deframer, FrameStatus } from '../../src/mqtt/deframer.ts';
import { encodePacket } from '../../src/mqtt/encode.ts';
import { isFault } from '../../src/mqtt/fault.ts';
import { scanPublish } from '../../src/mqtt/packets/publish.ts';
import { PublishView } from '../../src/mqtt/publish-view.ts';
import { PacketType, type ProtocolVersion, type Sender } from '../../src/mqtt/wire.ts';
import { mutate } from '../mutate.ts';
import { randomPacket } from '../packets.ts';
import type { Random } from '../random.ts';
import type { Target } from '../target.ts';

const SIZE_MAX_BYTES = 4096;
const view = new PublishView();

function hostileBytes(random: Random, version: ProtocolVersion, sender: Sender): Buffer {
  const bytes = encodePacket(randomPacket(random, version, sender), version);
  if (random.oneIn(4)) return bytes;
  if (random.oneIn(30)) return random.bytes(random.below(64));
  return mutate(random, bytes, encodePacket(randomPacket(random, version, sender), version));
}

/** The promises that a packet which was accepted must keep. */
function checkAccepted(deframer: Deframer, version: ProtocolVersion, sender: Sender): void {
  const { bytes, start, bodyStart, end } = deframer;
  assert(start < bodyStart && bodyStart <= end && end <= bytes.length, 'a frame lies within its bytes');
  assert(end - start <= SIZE_MAX_BYTES, 'no frame is larger than the ceiling');
  const type = bytes[start]! >> 4;
  if (type === PacketType.Publish && scanPublish(view, deframer, version, sender) === undefined) {
    assert(view.topicEnd <= view.propertiesEnd || version !== 5, 'the topic ends before the properties do');
    assert(view.propertiesEnd <= view.payloadStart && view.payloadStart <= end, 'the payload lies within the packet');
  }
  const packet = decodePacket(deframer, version, sender);
  if (isFault(packet)) return;
  // What was accepted has one meaning: encoded and decoded again it is the same packet.
  const ownVersion = packet.type === PacketType.Connect ? packet.protocolVersion : version;
  const again = new Deframer({ sender, ...(packet.type === PacketType.Connect ? {} : { version }) });
  again.push(encodePacket(packet, ownVersion));
  assert.equal(again.next(), FrameStatus.Frame, 'an accepted packet encodes to one whole frame');
  const second = decodePacket(again, ownVersion, sender);
  assert(!isFault(second), 'an accepted packet is accepted again');
  assert.deepEqual(second, packet, 'an accepted packet means the same when it is sent on');
}

export const codecTarget: Target = {
  name: 'codec',
  round(random) {
    const version = random.pick([3, 4, 5] as const);
    const sender = random.pick(['client', 'server'] as const);
    const count = 1 + random.below(8);
    const stream = Buffer.concat(Array.from({ length: count }, () => hostileBytes(random, version, sender)));
    const fromConnect = sender === 'client' && random.oneIn(4);
    const deframer = new Deframer({ sender, packetSizeMaxBytes: SIZE_MAX_BYTES, ...(fromConnect ? {} : { version }) });
    let at = 0;
    while (at < stream.length) {
      const until = Math.min(stream.length, at + 1 + random.below(random.oneIn(3) ? 3 : stream.length));
      deframer.push(stream.subarray(at, until));
      at = until;
      for (;;) {
        const status = deframer.next();
        if (status !== FrameStatus.Frame) break;
        if (deframer.version === 0) deframer.version = version;
        checkAccepted(deframer, version, sender);
      }
      assert(deframer.heldBytes <= SIZE_MAX_BYTES + 5, 'a partial packet is never held beyond the ceiling');
      if (deframer.fault !== undefined) {
        deframer.push(stream);
        assert.equal(deframer.next(), FrameStatus.Fault, 'a failed stream stays failed');
        break;
      }
    }
    return count;
  },
};
