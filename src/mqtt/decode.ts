/** A frame to a packet: dispatch over the packet types. */
import type { Fault } from './fault.ts';
import { firstByteFault } from './fixed-header.ts';
import type { Frame } from './frame.ts';
import type { Packet } from './packet.ts';
import { decodeAuth } from './packets/auth.ts';
import { decodeConnack } from './packets/connack.ts';
import { decodeConnect } from './packets/connect.ts';
import { decodeDisconnect } from './packets/disconnect.ts';
import { decodePingreq } from './packets/pingreq.ts';
import { decodePingresp } from './packets/pingresp.ts';
import { decodePuback } from './packets/puback.ts';
import { decodePubcomp } from './packets/pubcomp.ts';
import { scanPublish, viewToPacket } from './packets/publish.ts';
import { decodePubrec } from './packets/pubrec.ts';
import { decodePubrel } from './packets/pubrel.ts';
import { decodeSuback } from './packets/suback.ts';
import { decodeSubscribe } from './packets/subscribe.ts';
import { decodeUnsuback } from './packets/unsuback.ts';
import { decodeUnsubscribe } from './packets/unsubscribe.ts';
import { PublishView } from './publish-view.ts';
import { Reader } from './reader.ts';
import { DEFAULT_RULES, type DecodeRules } from './rules.ts';
import { PacketType, type ProtocolVersion, type Sender } from './wire.ts';

/**
 * Decodes one whole packet, such as a `Deframer` yields; never throws. A CONNECT finds its own version and `version` is not
 * looked at. What is returned owns its bytes. The hot path scans PUBLISH with `scanPublish` instead.
 */
export function decodePacket(
  frame: Frame,
  version: ProtocolVersion,
  sender: Sender,
  rules: DecodeRules = DEFAULT_RULES,
): Packet | Fault {
  const first = frame.bytes[frame.start]!;
  const type = first >> 4;
  const wrongHeader = firstByteFault(first, type === PacketType.Connect && sender === 'client' ? 0 : version, sender);
  if (wrongHeader !== undefined) return wrongHeader;
  if (type === PacketType.Publish) {
    const view = new PublishView();
    return scanPublish(view, frame, version, sender, rules) ?? viewToPacket(view);
  }
  const reader = new Reader(frame, rules);
  switch (type) {
    case PacketType.Connect:
      return decodeConnect(reader);
    case PacketType.Connack:
      return decodeConnack(reader, version, sender);
    case PacketType.Puback:
      return decodePuback(reader, version, sender);
    case PacketType.Pubrec:
      return decodePubrec(reader, version, sender);
    case PacketType.Pubrel:
      return decodePubrel(reader, version, sender);
    case PacketType.Pubcomp:
      return decodePubcomp(reader, version, sender);
    case PacketType.Subscribe:
      return decodeSubscribe(reader, version);
    case PacketType.Suback:
      return decodeSuback(reader, version, sender);
    case PacketType.Unsubscribe:
      return decodeUnsubscribe(reader, version);
    case PacketType.Unsuback:
      return decodeUnsuback(reader, version, sender);
    case PacketType.Pingreq:
      return decodePingreq(reader);
    case PacketType.Pingresp:
      return decodePingresp(reader);
    case PacketType.Disconnect:
      return decodeDisconnect(reader, version, sender);
    default:
      // `firstByteFault` has let nothing else through.
      return decodeAuth(reader, sender);
  }
}
