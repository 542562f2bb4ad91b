/** CONNECT [MQTT5 3.1]: the only packet that brings its own version. */
import type { Fault } from '../fault.ts';
import {
  AuthenticationDataWithoutMethod,
  ClientIdEmpty,
  ClientIdEmptyWithoutCleanSession,
  ClientIdTooLong,
  ConnectFlagReserved,
  PasswordWithoutUsername,
  ProtocolNameWrong,
  ProtocolVersionUnsupported,
  TopicEmpty,
  WillQosInvalid,
  WillQosWithoutWill,
  WillRetainWithoutWill,
} from '../faults.ts';
import type { Frame } from '../frame.ts';
import type { ConnectPacket, Will } from '../packet.ts';
import { NO_PROPERTIES } from '../properties.ts';
import { listSize, propertiesSize, writeProperties } from '../properties-codec.ts';
import { PropertyContext } from '../properties-table.ts';
import { Reader } from '../reader.ts';
import { DEFAULT_RULES } from '../rules.ts';
import { checkTopicBytes, textOf } from '../utf8.ts';
import { PacketType, type ProtocolVersion, type QoS } from '../wire.ts';
import { binarySize, textSize, type Writer } from '../writer.ts';

const FLAG_RESERVED = 0x01;
const FLAG_CLEAN_START = 0x02;
const FLAG_WILL = 0x04;
const FLAG_WILL_RETAIN = 0x20;
const FLAG_PASSWORD = 0x40;
const FLAG_USERNAME = 0x80;
const BRIDGE_BIT = 0x80;
const CLIENT_ID_31_MAX_BYTES = 23;

/**
 * The version a CONNECT speaks, as far as its first fields tell, so that even a CONNECT with a fault behind them is answered
 * in its own version. Undefined when the name or the level is not one of ours.
 */
export function peekProtocolVersion(frame: Frame): ProtocolVersion | undefined {
  const reader = new Reader(frame, DEFAULT_RULES);
  const version = readVersion(reader);
  return reader.fault === undefined ? version : undefined;
}

/** Reads name and level; 0 with a fault in the reader. */
function readProtocol(reader: Reader): number {
  const name = reader.text();
  const level = reader.u8();
  if (reader.fault !== undefined) return 0;
  if (name !== 'MQTT' && name !== 'MQIsdp') {
    reader.fail(ProtocolNameWrong); // [MQTT-3.1.2-1] [MQTT311-3.1.2-1]
    return 0;
  }
  const version = level & ~BRIDGE_BIT;
  const isKnown = name === 'MQIsdp' ? version === 3 : version === 4 || level === 5;
  if (isKnown) return level;
  reader.fail(ProtocolVersionUnsupported); // [MQTT-3.1.2-2] [MQTT311-3.1.2-2]
  return 0;
}

function readVersion(reader: Reader): ProtocolVersion {
  return (readProtocol(reader) & ~BRIDGE_BIT) as ProtocolVersion;
}

export function decodeConnect(reader: Reader): ConnectPacket | Fault {
  const level = readProtocol(reader);
  const flags = reader.u8();
  const keepAliveS = reader.u16();
  if (reader.fault !== undefined) return reader.fault;
  const version = (level & ~BRIDGE_BIT) as ProtocolVersion;
  const wrongFlags = checkFlags(flags, version);
  if (wrongFlags !== undefined) return wrongFlags;

  const properties = version === 5 ? reader.properties(PropertyContext.Connect) : NO_PROPERTIES;
  if (properties.authenticationData !== undefined && properties.authenticationMethod === undefined) {
    return AuthenticationDataWithoutMethod; // [MQTT5 3.1.2.11.10]
  }
  const cleanStart = (flags & FLAG_CLEAN_START) !== 0;
  // The order of the payload is fixed [MQTT-3.1.3-1] [MQTT311-3.1.3-1]; the client identifier always leads [MQTT-3.1.3-3]
  // [MQTT311-3.1.3-3] and is text [MQTT-3.1.3-4] [MQTT311-3.1.3-4].
  const clientId = reader.text();
  if (reader.fault !== undefined) return reader.fault;
  const wrongClientId = checkClientId(clientId, reader.spanEnd - reader.spanStart, version, cleanStart, reader);
  if (wrongClientId !== undefined) return wrongClientId;

  const packet: ConnectPacket = {
    type: PacketType.Connect,
    protocolVersion: version,
    bridge: (level & BRIDGE_BIT) !== 0,
    cleanStart,
    keepAliveS,
    clientId,
    properties,
  };
  // What a flag announces must be there [MQTT-3.1.2-9] [MQTT311-3.1.2-9] [MQTT-3.1.2-17] [MQTT311-3.1.2-19] [MQTT-3.1.2-19]
  // [MQTT311-3.1.2-21], and nothing else [MQTT-3.1.2-16] [MQTT311-3.1.2-18] [MQTT-3.1.2-18] [MQTT311-3.1.2-20].
  // DEVIATION: 3.1 lets the user name be missing although its flag is set; here every version means what its flags say, since
  // absent credentials that are announced have fooled brokers (CVE-2026-32696).
  if ((flags & FLAG_WILL) !== 0) packet.will = readWill(reader, flags, version);
  if ((flags & FLAG_USERNAME) !== 0) packet.username = reader.text(); // [MQTT-3.1.3-12] [MQTT311-3.1.3-11]
  if ((flags & FLAG_PASSWORD) !== 0) packet.password = reader.binary();
  return reader.finish() ?? packet;
}

function checkFlags(flags: number, version: ProtocolVersion): Fault | undefined {
  if ((flags & FLAG_RESERVED) !== 0) return ConnectFlagReserved; // [MQTT-3.1.2-3] [MQTT311-3.1.2-3]
  const willQos = (flags >> 3) & 3;
  if ((flags & FLAG_WILL) === 0) {
    if (willQos !== 0) return WillQosWithoutWill; // [MQTT-3.1.2-11] [MQTT311-3.1.2-13] [MQTT311-3.1.2-11]
    if ((flags & FLAG_WILL_RETAIN) !== 0) return WillRetainWithoutWill; // [MQTT-3.1.2-13] [MQTT311-3.1.2-15]
  } else if (willQos === 3) return WillQosInvalid; // [MQTT-3.1.2-12] [MQTT311-3.1.2-14]
  const hasPasswordOnly = (flags & (FLAG_USERNAME | FLAG_PASSWORD)) === FLAG_PASSWORD;
  return hasPasswordOnly && version < 5 ? PasswordWithoutUsername : undefined; // [MQTT311-3.1.2-22]
}

function checkClientId(
  clientId: string,
  sizeBytes: number,
  version: ProtocolVersion,
  cleanStart: boolean,
  reader: Reader,
): Fault | undefined {
  if (version === 3) {
    if (clientId === '') return ClientIdEmpty;
    if (reader.rules.strictClientIdLength && sizeBytes > CLIENT_ID_31_MAX_BYTES) return ClientIdTooLong;
  }
  // [MQTT311-3.1.3-7] [MQTT311-3.1.3-8]
  if (version === 4 && clientId === '' && !cleanStart) return ClientIdEmptyWithoutCleanSession;
  return undefined;
}

function readWill(reader: Reader, flags: number, version: ProtocolVersion): Will {
  const properties = version === 5 ? reader.properties(PropertyContext.Will) : NO_PROPERTIES;
  reader.span();
  const { bytes, spanStart, spanEnd, rules } = reader;
  // A topic name like any other: text [MQTT-3.1.3-11] [MQTT311-3.1.3-10], not empty, without wildcards [MQTT-4.7.0-1]
  // [MQTT311-4.7.1-1] [MQTT-4.7.3-1] [MQTT311-4.7.3-1].
  const wrongTopic =
    spanStart === spanEnd ? TopicEmpty : checkTopicBytes(bytes, spanStart, spanEnd, rules.rejectControlCharacters);
  if (wrongTopic !== undefined) reader.fail(wrongTopic);
  return {
    topic: reader.fault === undefined ? textOf(bytes, spanStart, spanEnd) : '',
    payload: reader.binary(),
    qos: ((flags >> 3) & 3) as QoS,
    retain: (flags & FLAG_WILL_RETAIN) !== 0,
    properties,
  };
}

export function sizeConnect(packet: ConnectPacket): number {
  const { will, protocolVersion } = packet;
  let size = (protocolVersion === 3 ? 8 : 6) + 4 + textSize(packet.clientId);
  if (protocolVersion === 5) size += listSize(propertiesSize(packet.properties));
  if (will !== undefined) {
    if (protocolVersion === 5) size += listSize(propertiesSize(will.properties));
    size += textSize(will.topic) + binarySize(will.payload);
  }
  if (packet.username !== undefined) size += textSize(packet.username);
  if (packet.password !== undefined) size += binarySize(packet.password);
  return size;
}

export function writeConnect(writer: Writer, packet: ConnectPacket): void {
  const { will, protocolVersion } = packet;
  writer.text(protocolVersion === 3 ? 'MQIsdp' : 'MQTT');
  writer.u8(packet.bridge ? protocolVersion | BRIDGE_BIT : protocolVersion);
  let flags = packet.cleanStart ? FLAG_CLEAN_START : 0;
  if (will !== undefined) flags |= FLAG_WILL | (will.qos << 3) | (will.retain ? FLAG_WILL_RETAIN : 0);
  if (packet.username !== undefined) flags |= FLAG_USERNAME;
  if (packet.password !== undefined) flags |= FLAG_PASSWORD;
  writer.u8(flags);
  writer.u16(packet.keepAliveS);
  if (protocolVersion === 5) writeProperties(writer, packet.properties, propertiesSize(packet.properties));
  writer.text(packet.clientId);
  if (will !== undefined) {
    if (protocolVersion === 5) writeProperties(writer, will.properties, propertiesSize(will.properties));
    writer.text(will.topic);
    writer.binary(will.payload);
  }
  if (packet.username !== undefined) writer.text(packet.username);
  if (packet.password !== undefined) writer.binary(packet.password);
}
