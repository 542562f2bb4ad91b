/** What was kept of one connection, as plain data: the same for files, for processes and for whoever asks. */
import { Buffer } from 'node:buffer';
import { PacketType } from '../../../mqtt/wire.ts';
import type { TopicSpelling } from '../topic-hash.ts';
import type { KeptPacket, PacketRing } from './packet-ring.ts';

export interface RecordedPacket {
  /** Since the Unix epoch, in milliseconds with fractions. */
  readonly atMs: number;
  readonly direction: 'from client' | 'to client';
  /** Such as PUBLISH; `?` for what is no packet. */
  readonly type: string;
  /** Low nibble of the first byte. */
  readonly flags: number;
  /** As it was sent, header included. */
  readonly lengthBytes: number;
  readonly packetId?: number;
  /** Of a PUBLISH; as its hash where topics are hashed. */
  readonly topic?: string;
  /** Its first bytes, in hex: with topics that are hashed, as if it had carried the hash. */
  readonly bytes: string;
}

export interface Recording {
  readonly connectionId: string;
  readonly clientId: string | null;
  readonly username: string | null;
  readonly listener: string;
  readonly client: { readonly address: string; readonly port: number };
  readonly server: { readonly address: string; readonly port: number };
  /** Why it was written: such as `detector:flapping`, `ban`, `fault:malformed`, `operator:ann`. */
  readonly incident: string;
  /** ISO 8601. */
  readonly writtenAt: string;
  /** Packets that had to make room for later ones. */
  readonly overwritten: number;
  /** The oldest first. */
  readonly packets: readonly RecordedPacket[];
}

const TYPE_NAMES: readonly string[] = Object.entries(PacketType).reduce<string[]>((names, [name, type]) => {
  names[type] = name.toUpperCase();
  return names;
}, []);

export function recordedPackets(
  rings: { readonly fromClient: PacketRing; readonly toClient: PacketRing },
  aheadMs: number,
  spell: TopicSpelling,
): RecordedPacket[] {
  const of = (ring: PacketRing, direction: RecordedPacket['direction']): RecordedPacket[] =>
    ring.packets().map((kept) => recordedPacket(kept, direction, aheadMs, spell));
  // The sort is stable, and each direction is in order already.
  return [...of(rings.fromClient, 'from client'), ...of(rings.toClient, 'to client')].sort((a, b) => a.atMs - b.atMs);
}

function recordedPacket(
  { atMs, lengthBytes, bytes }: KeptPacket,
  direction: RecordedPacket['direction'],
  aheadMs: number,
  spell: TopicSpelling,
): RecordedPacket {
  const first = bytes[0] ?? 0;
  const type = first >> 4;
  const bodyAt = bodyOffset(bytes);
  const common = { atMs: atMs + aheadMs, direction, type: TYPE_NAMES[type] ?? '?', flags: first & 0x0f };
  if (type === PacketType.Publish) return { ...common, ...publish(bytes, bodyAt, lengthBytes, first, spell) };
  const hasId = type >= PacketType.Puback && type <= PacketType.Unsuback && bytes.length >= bodyAt + 2;
  const isFilters = type === PacketType.Subscribe || type === PacketType.Unsubscribe;
  // Filters are topics, too: where those are hashed, none of them is kept.
  const shown = isFilters && spell('a') !== 'a' ? bytes.subarray(0, bodyAt + 2) : bytes;
  return {
    ...common,
    lengthBytes,
    ...(hasId ? { packetId: bytes.readUInt16BE(bodyAt) } : {}),
    bytes: shown.toString('hex'),
  };
}

function bodyOffset(bytes: Buffer): number {
  let at = 1;
  while (at < bytes.length && at < 5 && (bytes[at]! & 0x80) !== 0) at++;
  return at + 1;
}

type PublishParts = Pick<RecordedPacket, 'lengthBytes' | 'packetId' | 'topic' | 'bytes'>;

function publish(
  bytes: Buffer,
  bodyAt: number,
  lengthBytes: number,
  first: number,
  spell: TopicSpelling,
): PublishParts {
  if (bytes.length < bodyAt + 2) return { lengthBytes, bytes: bytes.toString('hex') };
  const topicAt = bodyAt + 2;
  const topicEnd = topicAt + bytes.readUInt16BE(bodyAt);
  const isWhole = topicEnd <= bytes.length;
  const topic = bytes.toString('utf8', topicAt, Math.min(topicEnd, bytes.length));
  const hasId = (first & 0x06) !== 0 && topicEnd + 2 <= bytes.length;
  const packetId = hasId ? { packetId: bytes.readUInt16BE(topicEnd) } : {};
  const spelt = topic === '' ? topic : isWhole ? spell(topic) : spell(`${topic}…`);
  if (spelt === topic || spelt === `${topic}…`) {
    return { lengthBytes, ...packetId, topic: spelt, bytes: masked(bytes, topicEnd).toString('hex') };
  }
  // The packet as if its topic were the hash, so that it can still be read as one.
  const name = Buffer.from(spelt);
  const tail = masked(bytes, topicEnd).subarray(Math.min(topicEnd, bytes.length));
  const bodyBytes = lengthBytes - bodyAt - (topicEnd - topicAt) + name.length;
  const head = Buffer.concat([Buffer.of(first), remainingLength(bodyBytes), Buffer.of(0, name.length), name]);
  return { lengthBytes, ...packetId, topic: spelt, bytes: Buffer.concat([head, tail]).toString('hex') };
}

function remainingLength(value: number): Buffer {
  const bytes: number[] = [];
  let rest = Math.max(0, value);
  do {
    const byte = rest & 0x7f;
    rest >>>= 7;
    bytes.push(rest > 0 ? byte | 0x80 : byte);
  } while (rest > 0);
  return Buffer.from(bytes);
}

/** What is called a secret in JSON, forms and headers; its value is the second group. */
const SECRET =
  /((?:pass(?:word|wd|phrase)?|pwd|pin|secret|token|api[-_]?key|access[-_]?key|private[-_]?key|authorization|credentials?)["']?\s*[:=]\s*["']?)((?:bearer|basic)\s+[^\s"',;&}]+|[^\s"',;&}]+)/gi;

/** A copy whose payload has no value that is called a secret; its length stays. */
function masked(bytes: Buffer, from: number): Buffer {
  if (from >= bytes.length) return bytes;
  const text = bytes.toString('latin1', from);
  const clean = text.replace(SECRET, (_whole, label: string, value: string) => label + '*'.repeat(value.length));
  return clean === text ? bytes : Buffer.concat([bytes.subarray(0, from), Buffer.from(clean, 'latin1')]);
}
