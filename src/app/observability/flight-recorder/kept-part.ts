/**
 * How much of a packet may be kept: its headers, and never a password, a token or a property that could be one. What comes behind is
 * only counted.
 */
import { PacketType } from '../../../mqtt/wire.ts';

/** Protocol name, level, flags and keep-alive of a CONNECT; the payload with the credentials comes behind. */
const CONNECT_HEADER_MAX_BYTES = 2 + 6 + 1 + 1 + 2;

export interface KeepRules {
  /** Of one packet, at most. */
  readonly bytesMax: number;
  /** Of a PUBLISH: whether its properties and its payload are kept, too. */
  readonly withPayloads: boolean;
}

/**
 * The end of what may be kept of the packet that begins at `start`, whose body begins at `bodyStart`, of whose bytes those before
 * `limit` have come. `isV5`: it may have properties.
 */
export function keptEnd(
  bytes: Uint8Array,
  start: number,
  bodyStart: number,
  limit: number,
  isV5: boolean,
  { bytesMax, withPayloads }: KeepRules,
): number {
  return Math.min(limit, start + bytesMax, allowedEnd(bytes, bodyStart, bytes[start]!, limit, isV5, withPayloads));
}

function allowedEnd(
  bytes: Uint8Array,
  bodyStart: number,
  first: number,
  limit: number,
  isV5: boolean,
  withPayloads: boolean,
): number {
  switch (first >> 4) {
    case PacketType.Connect:
      return connectHeaderEnd(bytes, bodyStart, limit);
    case PacketType.Publish: {
      if (withPayloads) return limit;
      if (bodyStart + 2 > limit) return limit;
      const topicBytes = (bytes[bodyStart]! << 8) | bytes[bodyStart + 1]!;
      const hasId = (first & 0x06) !== 0;
      return bodyStart + 2 + topicBytes + (hasId ? 2 : 0);
    }
    case PacketType.Connack:
      return bodyStart + 2;
    case PacketType.Puback:
    case PacketType.Pubrec:
    case PacketType.Pubrel:
    case PacketType.Pubcomp:
      return bodyStart + 3;
    case PacketType.Subscribe:
    case PacketType.Unsubscribe:
    case PacketType.Suback:
    case PacketType.Unsuback:
      // Properties stand before the filters and codes: where there are any, only they could be told apart by reading them.
      return isV5 && bodyStart + 2 < limit && bytes[bodyStart + 2] !== 0 ? bodyStart + 3 : limit;
    case PacketType.Pingreq:
    case PacketType.Pingresp:
      return bodyStart;
    case PacketType.Disconnect:
    case PacketType.Auth:
      return bodyStart + 1;
    default:
      // No packet at all: what it began with is what an analyst needs.
      return bodyStart + 8;
  }
}

function connectHeaderEnd(bytes: Uint8Array, bodyStart: number, limit: number): number {
  if (bodyStart + 2 > limit) return limit;
  const nameBytes = (bytes[bodyStart]! << 8) | bytes[bodyStart + 1]!;
  // A name that is no protocol's may be anything, and so may what stands behind it.
  if (nameBytes > 6) return bodyStart + 2;
  return bodyStart + CONNECT_HEADER_MAX_BYTES - 6 + nameBytes;
}
