/** A planted bug, such as a parser might have: a fuzzer that does not find it finds nothing. */
import { decodePacket } from '../../src/mqtt/decode.ts';
import { Deframer, FrameStatus } from '../../src/mqtt/deframer.ts';
import { encodePacket } from '../../src/mqtt/encode.ts';
import { isFault } from '../../src/mqtt/fault.ts';
import { PacketType } from '../../src/mqtt/wire.ts';
import { mutate } from '../mutate.ts';
import { packetOf } from '../packets.ts';
import type { Target } from '../target.ts';

export const canaryTarget: Target = {
  name: 'canary',
  round(random) {
    const bytes = encodePacket(packetOf(random, PacketType.Subscribe, 5), 5);
    const deframer = new Deframer({ sender: 'client', version: 5 });
    deframer.push(random.oneIn(2) ? mutate(random, bytes, bytes) : bytes);
    if (deframer.next() !== FrameStatus.Frame) return 1;
    const packet = decodePacket(deframer, 5, 'client');
    if (isFault(packet) || packet.type !== PacketType.Subscribe) return 1;
    const [first, second] = packet.subscriptions;
    if (first?.filter === second?.filter && first?.noLocal === true && second?.retainHandling === 2) {
      throw new Error('the canary was found');
    }
    return 1;
  },
};
