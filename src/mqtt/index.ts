/**
 * `sallyport/mqtt`: a strict codec for MQTT 3.1, 3.1.1 and 5.0.
 *
 * Bytes become packets in two steps: a `Deframer` cuts a stream into frames, `decodePacket` (or `scanPublish`, which copies
 * nothing) makes packets of them. What a peer sent never makes anything throw: it comes back as a `Fault`, a frozen value
 * with a stable code, the clause it broke and the v5 reason code that answers it. Packets become bytes with `encodePacket`.
 */

export { ByteBatch } from '../base/byte-batch.ts';
export { decodePacket } from './decode.ts';
export { Deframer, type DeframerOptions, FrameStatus } from './deframer.ts';
export { encodedSize, encodeInto, encodePacket, writeAck } from './encode.ts';
export { type Blame, Fault, isFault } from './fault.ts';
export * as faults from './faults.ts';
export type { Frame } from './frame.ts';
export type * from './packet.ts';
export { peekProtocolVersion } from './packets/connect.ts';
export {
  type PublishParts,
  publishProperties,
  publishTopic,
  scanPublish,
  setDup,
  setPacketId,
  viewToPacket,
  writePublish,
} from './packets/publish.ts';
export { NO_PROPERTIES, type Properties } from './properties.ts';
export { PublishView } from './publish-view.ts';
export { Reason, ReturnCode, returnCodeOf } from './reason.ts';
export { DEFAULT_RULES, type DecodeRules } from './rules.ts';
export { PacketOrder } from './sequence.ts';
export {
  checkTopicFilter,
  checkTopicName,
  filterContains,
  filtersOverlap,
  hasWildcard,
  isSharedFilter,
  levelCount,
  type SharedFilter,
  sharedFilter,
  topicMatchesFilter,
} from './topic.ts';
export { checkText, textOf } from './utf8.ts';
export {
  PACKET_SIZE_MAX_BYTES,
  PacketType,
  type ProtocolVersion,
  type QoS,
  REMAINING_LENGTH_MAX,
  SESSION_EXPIRY_NEVER_S,
  type Sender,
} from './wire.ts';
