/** PUBLISH [MQTT5 3.3]: scanned in place on the hot path, and decoded whole for those who need it. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import type { ByteBatch } from '../../base/byte-batch.ts';
import type { Fault } from '../fault.ts';
import {
  DupOnQos0,
  PacketIdZero,
  PublishQosInvalid,
  TopicEmpty,
  TopicEmptyWithoutAlias,
  Truncated,
  VariableByteIntegerNotMinimal,
  VariableByteIntegerTooLong,
} from '../faults.ts';
import type { Frame } from '../frame.ts';
import type { PublishPacket } from '../packet.ts';
import type { Properties } from '../properties.ts';
import { listSize, propertiesSize, readProperties, scanProperties, writeProperties } from '../properties-codec.ts';
import { PropertyContext } from '../properties-table.ts';
import type { PublishView } from '../publish-view.ts';
import { DEFAULT_RULES, type DecodeRules } from '../rules.ts';
import type { TopicTable } from '../topic-table.ts';
import { checkTopicBytes, copyOf, textOf } from '../utf8.ts';
import { PacketType, type ProtocolVersion, type QoS, type Sender } from '../wire.ts';
import { textSize, variableByteIntegerSize, Writer } from '../writer.ts';

/**
 * Checks a PUBLISH and fills `view` with where its parts are; `view.topic` becomes empty. The payload is not read, nothing is
 * copied or allocated. On a fault the view is void. `frame` may be the view itself. With the table of the connection's `topics`, a
 * topic that is the last one again is not checked again.
 */
export function scanPublish(
  view: PublishView,
  frame: Frame,
  version: ProtocolVersion,
  sender: Sender,
  rules: DecodeRules = DEFAULT_RULES,
  topics?: TopicTable<unknown>,
): Fault | undefined {
  const { bytes, start, bodyStart, end } = frame;
  const first = bytes[start]!;
  const qos = (first >> 1) & 3;
  if (qos === 3) return PublishQosInvalid; // [MQTT-3.3.1-4] [MQTT311-3.3.1-4]
  if (qos === 0 && (first & 0x08) !== 0) return DupOnQos0; // [MQTT-3.3.1-2] [MQTT311-3.3.1-2]

  // The topic comes first [MQTT-3.3.2-1] [MQTT311-3.3.2-1].
  const topicStart = bodyStart + 2;
  if (topicStart > end) return Truncated;
  const topicEnd = topicStart + ((bytes[bodyStart]! << 8) | bytes[bodyStart + 1]!);
  if (topicEnd > end) return Truncated;
  // [MQTT-3.3.2-2] [MQTT311-3.3.2-2]
  const isStrict = rules.rejectControlCharacters;
  const repeatsTopic = topics?.repeats(bytes, topicStart, topicEnd, isStrict) === true;
  if (!repeatsTopic) {
    const wrongTopic = checkTopicBytes(bytes, topicStart, topicEnd, isStrict);
    if (wrongTopic !== undefined) return wrongTopic;
  }

  let at = topicEnd;
  view.packetId = 0;
  view.packetIdAt = 0;
  // QoS 0 has no packet identifier [MQTT-2.2.1-2] [MQTT311-2.3.1-5].
  if (qos > 0) {
    if (at + 2 > end) return Truncated;
    const packetId = (bytes[at]! << 8) | bytes[at + 1]!;
    if (packetId === 0) return PacketIdZero; // [MQTT-2.2.1-3] [MQTT-2.2.1-4] [MQTT311-2.3.1-1]
    view.packetId = packetId;
    view.packetIdAt = at;
    at += 2;
  }

  view.topicAlias = 0;
  view.messageExpiryIntervalS = -1;
  if (version === 5) {
    let length = 0;
    let shift = 0;
    let byte: number;
    do {
      if (shift === 28) return VariableByteIntegerTooLong;
      if (at >= end) return Truncated;
      byte = bytes[at++]!;
      length |= (byte & 0x7f) << shift;
      shift += 7;
    } while (byte >= 0x80);
    if (byte === 0 && shift > 7) return VariableByteIntegerNotMinimal; // [MQTT-1.5.5-1]
    view.propertiesStart = at;
    if (length > 0) {
      if (at + length > end) return Truncated;
      const context = sender === 'client' ? PropertyContext.PublishByClient : PropertyContext.PublishByServer;
      const wrong = scanProperties(bytes, at, at + length, context, rules, view); // [MQTT-3.3.4-6]
      if (wrong !== undefined) return wrong;
      at += length;
    }
    if (topicEnd === topicStart && view.topicAlias === 0) return TopicEmptyWithoutAlias; // [MQTT5 3.3.2.1]
  } else {
    if (topicEnd === topicStart) return TopicEmpty; // [MQTT311-4.7.3-1]
    view.propertiesStart = at;
  }

  view.propertiesEnd = at;
  view.payloadStart = at;
  view.bytes = bytes;
  view.start = start;
  view.bodyStart = bodyStart;
  view.end = end;
  view.version = version;
  view.dup = (first & 0x08) !== 0;
  view.qos = qos as QoS;
  view.retain = (first & 0x01) !== 0;
  view.topicStart = topicStart;
  view.topicEnd = topicEnd;
  view.repeatsTopic = repeatsTopic;
  view.topic = '';
  return undefined;
}

/** The topic as it stands in the packet: empty when only an alias does. */
export function publishTopic(view: PublishView): string {
  return textOf(view.bytes, view.topicStart, view.topicEnd);
}

/** The properties of a scanned PUBLISH, copied out. */
export function publishProperties(view: PublishView): Properties {
  return readProperties(view.bytes, view.propertiesStart, view.propertiesEnd);
}

/** A scanned PUBLISH, copied out whole; `topic` is `view.topic` where that was filled in, else the packet's own. */
export function viewToPacket(view: PublishView): PublishPacket {
  return {
    type: PacketType.Publish,
    dup: view.dup,
    qos: view.qos,
    retain: view.retain,
    topic: view.topic === '' ? publishTopic(view) : view.topic,
    packetId: view.packetId,
    payload: copyOf(view.bytes, view.payloadStart, view.end),
    properties: publishProperties(view),
  };
}

export function sizePublish(packet: PublishPacket, version: ProtocolVersion): number {
  const properties = version === 5 ? listSize(propertiesSize(packet.properties)) : 0;
  return textSize(packet.topic) + (packet.qos > 0 ? 2 : 0) + properties + packet.payload.length;
}

export function writePublishBody(writer: Writer, packet: PublishPacket, version: ProtocolVersion): void {
  writer.text(packet.topic);
  if (packet.qos > 0) writer.u16(packet.packetId);
  if (version === 5) writeProperties(writer, packet.properties, propertiesSize(packet.properties));
  writer.raw(packet.payload, 0, packet.payload.length);
}

/** What `writePublish` writes. A sender of many keeps one and changes it. */
export interface PublishParts {
  version: ProtocolVersion;
  dup: boolean;
  qos: QoS;
  retain: boolean;
  /** Written for QoS 1 and 2 only. */
  packetId: number;
  topic: string;
  /** `payload[payloadStart..payloadEnd)` */
  payload: Uint8Array;
  payloadStart: number;
  payloadEnd: number;
  /** Written on 5.0 only. */
  properties: Properties;
}

const ownWriter = new Writer();

/**
 * Appends a PUBLISH to `batch`, and with a `view` tells where its parts are: valid until the batch grows or is taken.
 * Throws only when a part is longer than the format allows.
 */
export function writePublish(batch: ByteBatch, parts: PublishParts, view?: PublishView): void {
  const { version, qos, topic, payload, payloadStart, payloadEnd } = parts;
  const topicSize = Buffer.byteLength(topic);
  assert(topicSize <= 65_535, 'a topic takes more than 65535 bytes');
  const propertiesLength = version === 5 ? propertiesSize(parts.properties) : 0;
  const payloadSize = payloadEnd - payloadStart;
  let remaining = 2 + topicSize + (qos > 0 ? 2 : 0) + payloadSize;
  if (version === 5) remaining += variableByteIntegerSize(propertiesLength) + propertiesLength;
  const start = batch.reserve(1 + variableByteIntegerSize(remaining) + remaining);
  const bytes = batch.bytes;
  const writer = ownWriter;
  writer.bytes = bytes;
  writer.at = start;
  writer.u8((PacketType.Publish << 4) | (parts.dup ? 0x08 : 0) | (qos << 1) | (parts.retain ? 0x01 : 0));
  writer.variableByteInteger(remaining);
  const bodyStart = writer.at;
  writer.text(topic);
  const packetIdAt = qos > 0 ? writer.at : 0;
  if (qos > 0) writer.u16(parts.packetId);
  if (version === 5) writeProperties(writer, parts.properties, propertiesLength);
  const payloadAt = writer.at;
  // A loop beats the call into native code for payloads of the usual size.
  if (payloadSize <= 96) for (let i = 0; i < payloadSize; i++) bytes[payloadAt + i] = payload[payloadStart + i]!;
  else writer.raw(payload, payloadStart, payloadEnd);
  if (view === undefined) return;
  view.bytes = bytes;
  view.start = start;
  view.bodyStart = bodyStart;
  view.end = payloadAt + payloadSize;
  view.version = version;
  view.dup = parts.dup;
  view.qos = qos;
  view.retain = parts.retain;
  view.packetId = qos > 0 ? parts.packetId : 0;
  view.packetIdAt = packetIdAt;
  view.topicStart = bodyStart + 2;
  view.topicEnd = bodyStart + 2 + topicSize;
  view.propertiesStart = payloadAt - propertiesLength;
  view.propertiesEnd = payloadAt;
  view.payloadStart = payloadAt;
  view.topicAlias = (version === 5 && parts.properties.topicAlias) || 0;
  view.messageExpiryIntervalS = (version === 5 ? parts.properties.messageExpiryIntervalS : undefined) ?? -1;
  view.topic = topic;
}

/** Puts another packet identifier into a PUBLISH of QoS 1 or 2, in place. */
export function setPacketId(view: PublishView, packetId: number): void {
  view.packetId = packetId;
  view.bytes[view.packetIdAt] = packetId >>> 8;
  view.bytes[view.packetIdAt + 1] = packetId;
}

/** Sets or clears DUP of a PUBLISH of QoS 1 or 2, in place [MQTT-3.3.1-1] [MQTT311-3.3.1-1]. */
export function setDup(view: PublishView, dup: boolean): void {
  view.dup = dup;
  view.bytes[view.start] = dup ? view.bytes[view.start]! | 0x08 : view.bytes[view.start]! & 0xf7;
}
