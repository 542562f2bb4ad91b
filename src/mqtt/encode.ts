/** Packets to bytes, written in place. Encoders trust their caller: what they get is ours, or has been decoded. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import type { ByteBatch } from '../base/byte-batch.ts';
import type { AckType, Packet, PublishPacket } from './packet.ts';
import { sizeAck, writeAckBody } from './packets/ack.ts';
import { sizeAuth, writeAuth } from './packets/auth.ts';
import { sizeConnack, writeConnack } from './packets/connack.ts';
import { sizeConnect, writeConnect } from './packets/connect.ts';
import { sizeDisconnect, writeDisconnect } from './packets/disconnect.ts';
import { sizePublish, writePublishBody } from './packets/publish.ts';
import { sizeSuback, writeSuback } from './packets/suback.ts';
import { sizeSubscribe, writeSubscribe } from './packets/subscribe.ts';
import { sizeUnsuback, writeUnsuback } from './packets/unsuback.ts';
import { sizeUnsubscribe, writeUnsubscribe } from './packets/unsubscribe.ts';
import { PacketType, type ProtocolVersion, REMAINING_LENGTH_MAX } from './wire.ts';
import { variableByteIntegerSize, Writer } from './writer.ts';

const writer = new Writer();

/**
 * Encodes a packet into bytes of its own. `version` is the connection's; a CONNECT has its own and properties are left out
 * below 5.0. Throws when a field is longer than the format allows, or for an AUTH below 5.0: those are bugs of the caller.
 */
export function encodePacket(packet: Packet, version: ProtocolVersion): Buffer {
  const remaining = remainingLength(packet, version);
  const bytes = Buffer.allocUnsafe(1 + variableByteIntegerSize(remaining) + remaining);
  write(bytes, 0, packet, version, remaining);
  return bytes;
}

/** As `encodePacket`, behind what is in `batch`. */
export function encodeInto(batch: ByteBatch, packet: Packet, version: ProtocolVersion): void {
  const remaining = remainingLength(packet, version);
  const at = batch.reserve(1 + variableByteIntegerSize(remaining) + remaining);
  write(batch.bytes, at, packet, version, remaining);
}

/** The whole size a packet will have on the wire, in bytes. */
export function encodedSize(packet: Packet, version: ProtocolVersion): number {
  const remaining = remainingLength(packet, version);
  return 1 + variableByteIntegerSize(remaining) + remaining;
}

function write(bytes: Buffer, at: number, packet: Packet, version: ProtocolVersion, remaining: number): void {
  writer.bytes = bytes;
  writer.at = at;
  writer.u8(firstByteOf(packet));
  writer.variableByteInteger(remaining);
  const end = writer.at + remaining;
  writeBody(packet, version);
  assert(writer.at === end, 'a packet is as long as was reckoned');
}

/** Type and flags [MQTT-2.1.3-1] [MQTT311-2.2.2-1]. */
function firstByteOf(packet: Packet): number {
  switch (packet.type) {
    case PacketType.Publish:
      return (packet.type << 4) | publishFlags(packet);
    case PacketType.Pubrel: // [MQTT-3.6.1-1] [MQTT311-3.6.1-1]
    case PacketType.Subscribe: // [MQTT-3.8.1-1] [MQTT311-3.8.1-1]
    case PacketType.Unsubscribe: // [MQTT-3.10.1-1] [MQTT311-3.10.1-1]
      return (packet.type << 4) | 0x02;
    default:
      return packet.type << 4;
  }
}

function publishFlags(packet: PublishPacket): number {
  return (packet.dup ? 0x08 : 0) | (packet.qos << 1) | (packet.retain ? 0x01 : 0);
}

function remainingLength(packet: Packet, version: ProtocolVersion): number {
  const remaining = bodySize(packet, version);
  assert(remaining <= REMAINING_LENGTH_MAX, 'a packet is longer than its length field can say');
  return remaining;
}

function bodySize(packet: Packet, version: ProtocolVersion): number {
  switch (packet.type) {
    case PacketType.Connect:
      return sizeConnect(packet);
    case PacketType.Connack:
      return sizeConnack(packet, version);
    case PacketType.Publish:
      return sizePublish(packet, version);
    case PacketType.Puback:
    case PacketType.Pubrec:
    case PacketType.Pubrel:
    case PacketType.Pubcomp:
      return sizeAck(packet, version);
    case PacketType.Subscribe:
      return sizeSubscribe(packet, version);
    case PacketType.Suback:
      return sizeSuback(packet, version);
    case PacketType.Unsubscribe:
      return sizeUnsubscribe(packet, version);
    case PacketType.Unsuback:
      return sizeUnsuback(packet, version);
    case PacketType.Pingreq:
    case PacketType.Pingresp:
      return 0;
    case PacketType.Disconnect:
      return sizeDisconnect(packet, version);
    case PacketType.Auth:
      assert(version === 5, 'AUTH exists in 5.0 only');
      return sizeAuth(packet);
  }
}

function writeBody(packet: Packet, version: ProtocolVersion): void {
  switch (packet.type) {
    case PacketType.Connect:
      writeConnect(writer, packet);
      break;
    case PacketType.Connack:
      writeConnack(writer, packet, version);
      break;
    case PacketType.Publish:
      writePublishBody(writer, packet, version);
      break;
    case PacketType.Puback:
    case PacketType.Pubrec:
    case PacketType.Pubrel:
    case PacketType.Pubcomp:
      writeAckBody(writer, packet, version);
      break;
    case PacketType.Subscribe:
      writeSubscribe(writer, packet, version);
      break;
    case PacketType.Suback:
      writeSuback(writer, packet, version);
      break;
    case PacketType.Unsubscribe:
      writeUnsubscribe(writer, packet, version);
      break;
    case PacketType.Unsuback:
      writeUnsuback(writer, packet, version);
      break;
    case PacketType.Pingreq:
    case PacketType.Pingresp:
      break;
    case PacketType.Disconnect:
      writeDisconnect(writer, packet, version);
      break;
    case PacketType.Auth:
      writeAuth(writer, packet);
      break;
  }
}

/** Appends an acknowledgement without properties: the hot path's, which makes no packet object. */
export function writeAck(
  batch: ByteBatch,
  type: AckType,
  packetId: number,
  reasonCode: number,
  version: ProtocolVersion,
): void {
  const withReason = version === 5 && reasonCode !== 0;
  const at = batch.reserve(withReason ? 5 : 4);
  const bytes = batch.bytes;
  bytes[at] = (type << 4) | (type === PacketType.Pubrel ? 0x02 : 0);
  bytes[at + 1] = withReason ? 3 : 2;
  bytes[at + 2] = packetId >>> 8;
  bytes[at + 3] = packetId;
  if (withReason) bytes[at + 4] = reasonCode;
}
