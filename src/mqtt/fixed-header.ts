/** What the first bytes of a packet alone can tell: type, direction, flags, and lengths a type cannot have. */
import type { Fault } from './fault.ts';
import {
  AuthFlags,
  ConnackOfOlderVersion,
  DisconnectFlags,
  DupOnQos0,
  FirstPacketNotConnect,
  FlagsReserved,
  LengthWrongForType,
  LooksLikeHttp,
  LooksLikeProxyHeader,
  LooksLikeTls,
  PacketFromWrongSide,
  PacketTypeReserved,
  PublishQosInvalid,
  PubrelFlags,
  SecondConnect,
  SubackEmpty,
  SubscribeEmpty,
  SubscribeFlags,
  Truncated,
  UnsubackEmpty,
  UnsubscribeEmpty,
  UnsubscribeFlags,
} from './faults.ts';
import { PacketType, type ProtocolVersion, type Sender } from './wire.ts';

/** 0: the version is not known, because CONNECT has yet to come. */
export type KnownVersion = ProtocolVersion | 0;

const VERSIONS: readonly KnownVersion[] = [0, 3, 4, 5];

/** Packet types that only the server sends; a client that sends one has felled brokers (CVE-2021-28166). */
const SERVER_ONLY = new Set<number>([PacketType.Connack, PacketType.Suback, PacketType.Unsuback, PacketType.Pingresp]);
const CLIENT_ONLY = new Set<number>([
  PacketType.Connect,
  PacketType.Subscribe,
  PacketType.Unsubscribe,
  PacketType.Pingreq,
]);

function judgeFirstByte(first: number, version: KnownVersion, sender: Sender): Fault | undefined {
  const type = first >> 4;
  const flags = first & 0x0f;
  if (sender === 'client' && version === 0) {
    if (first === 0x16) return LooksLikeTls;
    if (type !== PacketType.Connect) return FirstPacketNotConnect; // [MQTT-3.1.0-1] [MQTT311-3.1.0-1]
  } else if (sender === 'client' && type === PacketType.Connect) return SecondConnect; // [MQTT-3.1.0-2] [MQTT311-3.1.0-2]
  if (type === 0 || (type === PacketType.Auth && version !== 5)) return PacketTypeReserved;
  if ((sender === 'client' ? SERVER_ONLY : CLIENT_ONLY).has(type)) return PacketFromWrongSide;
  // Below 5.0 only the client disconnects [MQTT311-3.14].
  if (sender === 'server' && type === PacketType.Disconnect && version !== 5) return PacketFromWrongSide;
  switch (type) {
    case PacketType.Publish:
      if ((flags & 0x06) === 0x06) return PublishQosInvalid; // [MQTT-3.3.1-4] [MQTT311-3.3.1-4]
      if ((flags & 0x0e) === 0x08) return DupOnQos0; // [MQTT-3.3.1-2] [MQTT311-3.3.1-2]
      return undefined;
    case PacketType.Pubrel:
    case PacketType.Subscribe:
    case PacketType.Unsubscribe:
      if (flags === 0x02) return undefined;
      // MQTT 3.1 sends these again with DUP set; 3.1.1 made the flags reserved [MQTT-2.1.3-1] [MQTT311-2.2.2-2].
      if (version === 3 && flags === 0x0a) return undefined;
      if (type === PacketType.Pubrel) return PubrelFlags; // [MQTT-3.6.1-1] [MQTT311-3.6.1-1]
      return type === PacketType.Subscribe
        ? SubscribeFlags // [MQTT-3.8.1-1] [MQTT311-3.8.1-1]
        : UnsubscribeFlags; // [MQTT-3.10.1-1] [MQTT311-3.10.1-1]
    default:
      if (flags === 0) return undefined;
      if (version === 5 && type === PacketType.Disconnect) return DisconnectFlags; // [MQTT-3.14.1-1]
      if (version === 5 && type === PacketType.Auth) return AuthFlags; // [MQTT-3.15.1-1]
      return FlagsReserved; // [MQTT-2.1.3-1] [MQTT311-2.2.2-1] [MQTT311-2.2.2-2] [MQTT311-3.14.1-1]
  }
}

/** One row of 256 for each version, for either sender. */
function firstByteTable(sender: Sender): (Fault | undefined)[] {
  const table: (Fault | undefined)[] = [];
  for (let version = 0; version <= 5; version++) {
    const known = VERSIONS.find((candidate) => candidate === version);
    for (let first = 0; first < 256; first++) {
      table.push(known === undefined ? PacketTypeReserved : judgeFirstByte(first, known, sender));
    }
  }
  return table;
}

const FROM_CLIENT = firstByteTable('client');
const FROM_SERVER = firstByteTable('server');

/** What is wrong with the first byte of a packet. While `version` is 0 only a client's CONNECT is right. */
export function firstByteFault(first: number, version: KnownVersion, sender: Sender): Fault | undefined {
  return (sender === 'client' ? FROM_CLIENT : FROM_SERVER)[(version << 8) | first];
}

/**
 * A better name for a wrong first packet, if its first bytes are those of another protocol. Returns `fault` if they are not,
 * or if too few have come.
 */
export function nameStranger(fault: Fault, bytes: Uint8Array, start: number, end: number): Fault {
  if (fault !== FirstPacketNotConnect || end - start < 2) return fault;
  const first = bytes[start]!;
  const second = bytes[start + 1]!;
  if ((first === 0x50 && second === 0x52) || (first === 0x0d && second === 0x0a)) return LooksLikeProxyHeader; // PR, CRLF
  // GE, HE, PO, PU, PA, OP, DE, CO, TR: the beginnings of HTTP's methods.
  const isUpper = second >= 0x41 && second <= 0x5a;
  return isUpper && first >= 0x43 && first <= 0x54 ? LooksLikeHttp : fault;
}

const ANY = 0x7fffffff;

/** Least and greatest Remaining Length of each type: [3.x, 5.0]. CONNECT and PUBLISH below 5.0 share theirs with 5.0. */
const LENGTHS: Record<number, [below5: [number, number], in5: [number, number]]> = {
  // Name, level, flags, keep-alive and an empty client identifier, the least of all versions.
  [PacketType.Connect]: [
    [12, ANY],
    [13, ANY],
  ],
  [PacketType.Connack]: [
    [2, 2],
    [3, ANY],
  ],
  // Topic of one character; or an empty one and a property length.
  [PacketType.Publish]: [
    [3, ANY],
    [3, ANY],
  ],
  [PacketType.Puback]: [
    [2, 2],
    [2, ANY],
  ],
  [PacketType.Pubrec]: [
    [2, 2],
    [2, ANY],
  ],
  [PacketType.Pubrel]: [
    [2, 2],
    [2, ANY],
  ],
  [PacketType.Pubcomp]: [
    [2, 2],
    [2, ANY],
  ],
  // Packet identifier, a filter of one character, its options.
  [PacketType.Subscribe]: [
    [6, ANY],
    [7, ANY],
  ],
  [PacketType.Suback]: [
    [3, ANY],
    [4, ANY],
  ],
  [PacketType.Unsubscribe]: [
    [5, ANY],
    [6, ANY],
  ],
  [PacketType.Unsuback]: [
    [2, 2],
    [4, ANY],
  ],
  [PacketType.Pingreq]: [
    [0, 0],
    [0, 0],
  ],
  [PacketType.Pingresp]: [
    [0, 0],
    [0, 0],
  ],
  [PacketType.Disconnect]: [
    [0, 0],
    [0, ANY],
  ],
  [PacketType.Auth]: [
    [0, 0],
    [0, ANY],
  ],
};

const LENGTH_MIN = new Int32Array(32);
const LENGTH_MAX = new Int32Array(32);
for (const [type, ranges] of Object.entries(LENGTHS)) {
  ranges.forEach(([least, greatest], is5) => {
    LENGTH_MIN[Number(type) + 16 * is5] = least;
    LENGTH_MAX[Number(type) + 16 * is5] = greatest;
  });
}

/** What is wrong with a Remaining Length, given a first byte that `firstByteFault` has passed. */
export function lengthFault(first: number, remaining: number, version: KnownVersion): Fault | undefined {
  const type = first >> 4;
  const index = version === 5 ? type + 16 : type;
  if (remaining >= LENGTH_MIN[index]! && remaining <= LENGTH_MAX[index]!) return undefined;
  return nameWrongLength(type, remaining, version);
}

function nameWrongLength(type: number, remaining: number, version: KnownVersion): Fault {
  if (remaining > LENGTH_MAX[version === 5 ? type + 16 : type]!) return LengthWrongForType;
  // A packet identifier (and an empty property list in 5.0) and nothing else is a list without entries.
  const isEmptyList = remaining === (version === 5 ? 3 : 2);
  switch (type) {
    case PacketType.Subscribe:
      return isEmptyList ? SubscribeEmpty : Truncated; // [MQTT-3.8.3-2] [MQTT311-3.8.3-3]
    case PacketType.Unsubscribe:
      return isEmptyList ? UnsubscribeEmpty : Truncated; // [MQTT-3.10.3-2] [MQTT311-3.10.3-2]
    case PacketType.Suback:
      return isEmptyList ? SubackEmpty : Truncated; // [MQTT-3.8.4-6] [MQTT311-3.8.4-5]
    case PacketType.Unsuback:
      return isEmptyList ? UnsubackEmpty : Truncated; // [MQTT-3.11.3-1]
    case PacketType.Connack:
      return version === 5 && remaining === 2 ? ConnackOfOlderVersion : LengthWrongForType;
    default:
      return LengthWrongForType;
  }
}
