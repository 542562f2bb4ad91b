/**
 * A recording as pcapng (draft-ietf-opsawg-pcapng), which Wireshark and tshark open: each MQTT packet as one TCP segment between
 * the addresses and ports that were really used, with the length that it had and the bytes that were kept of it.
 */
import { Buffer } from 'node:buffer';
import { isIPv4, isIPv6 } from 'node:net';
import { groupsOf, numberOfV4 } from '../../../base/ip-address.ts';
import type { RecordedPacket, Recording } from './recording.ts';

const SECTION_HEADER = 0x0a0d0d0a;
const INTERFACE_DESCRIPTION = 1;
const ENHANCED_PACKET = 6;
/** LINKTYPE_RAW: the packet begins with the header of IPv4 or IPv6. */
const LINKTYPE_RAW = 101;

const OPTION_END = 0;
const OPTION_COMMENT = 1;
const OPTION_APPLICATION = 4;
const OPTION_INTERFACE_NAME = 2;
const OPTION_FLAGS = 2;
const INBOUND = 1;
const OUTBOUND = 2;

const IPV4_HEADER_BYTES = 20;
const IPV6_HEADER_BYTES = 40;
const TCP_HEADER_BYTES = 20;
const TCP_PROTOCOL = 6;
const TCP_PUSH_ACK = 0x18;
/** Longest that the field of IP takes. For more, IPv4 has 0, as where the network card cuts segments; IPv6 has nothing. */
const IP_LENGTH_MAX = 0xffff;
const COMMENT_MAX_CHARS = 1000;

/** `version` is the program's. */
export function pcapngOf(recording: Recording, version: string): Buffer {
  const about = commentOf(recording);
  const section = Buffer.alloc(16);
  section.writeUInt32LE(0x1a2b3c4d, 0);
  section.writeUInt16LE(1, 4);
  section.writeUInt16LE(0, 6);
  section.writeBigInt64LE(-1n, 8);
  const networkInterface = Buffer.alloc(8);
  networkInterface.writeUInt16LE(LINKTYPE_RAW, 0);
  const conversation = new Conversation(recording);
  return Buffer.concat([
    block(SECTION_HEADER, section, [
      [OPTION_COMMENT, Buffer.from(about)],
      [OPTION_APPLICATION, Buffer.from(`Sallyport ${version}`)],
    ]),
    block(INTERFACE_DESCRIPTION, networkInterface, [[OPTION_INTERFACE_NAME, Buffer.from(recording.listener)]]),
    ...recording.packets.map((packet) => conversation.block(packet)),
  ]);
}

function commentOf({ connectionId, clientId, incident, overwritten, writtenAt }: Recording): string {
  const client = clientId === null ? 'no client identifier' : `client ${JSON.stringify(clientId)}`;
  const before = overwritten === 0 ? '' : `; ${overwritten} packets before were overwritten`;
  return `${incident}: connection ${connectionId}, ${client}, written ${writtenAt}${before}`.slice(
    0,
    COMMENT_MAX_CHARS,
  );
}

/** The sequence numbers of either side, so that what is shown is a whole conversation. */
class Conversation {
  readonly #client: Endpoint;
  readonly #server: Endpoint;
  readonly #isV6: boolean;

  constructor({ client, server }: Recording) {
    this.#isV6 = isIPv6(client.address) || isIPv6(server.address);
    this.#client = endpointOf(client, this.#isV6);
    this.#server = endpointOf(server, this.#isV6);
  }

  block(packet: RecordedPacket): Buffer {
    const isIn = packet.direction === 'from client';
    const [from, to] = isIn ? [this.#client, this.#server] : [this.#server, this.#client];
    const payload = Buffer.from(packet.bytes, 'hex');
    // With its topic hashed a packet may have become longer than it was.
    const payloadBytes = Math.max(packet.lengthBytes, payload.length);
    const headers = this.#headers(from, to, payloadBytes);
    from.sequence = (from.sequence + payloadBytes) >>> 0;
    const captured = Buffer.concat([headers, payload]);
    const head = Buffer.alloc(20);
    const atUs = BigInt(Math.round(packet.atMs * 1000));
    head.writeUInt32LE(0, 0);
    head.writeUInt32LE(Number(atUs >> 32n), 4);
    head.writeUInt32LE(Number(atUs & 0xffff_ffffn), 8);
    head.writeUInt32LE(captured.length, 12);
    head.writeUInt32LE(headers.length + payloadBytes, 16);
    const flags = Buffer.alloc(4);
    flags.writeUInt32LE(isIn ? INBOUND : OUTBOUND, 0);
    return block(ENHANCED_PACKET, Buffer.concat([head, padded(captured)]), [[OPTION_FLAGS, flags]]);
  }

  #headers(from: Endpoint, to: Endpoint, payloadBytes: number): Buffer {
    const tcp = Buffer.alloc(TCP_HEADER_BYTES);
    tcp.writeUInt16BE(from.port, 0);
    tcp.writeUInt16BE(to.port, 2);
    tcp.writeUInt32BE(from.sequence, 4);
    tcp.writeUInt32BE(to.sequence, 8);
    tcp[12] = (TCP_HEADER_BYTES / 4) << 4;
    tcp[13] = TCP_PUSH_ACK;
    tcp.writeUInt16BE(0xffff, 14);
    const ip = this.#isV6 ? ipv6Header(from, to, payloadBytes) : ipv4Header(from, to, payloadBytes);
    return Buffer.concat([ip, tcp]);
  }
}

interface Endpoint {
  readonly address: Buffer;
  readonly port: number;
  /** Of its next byte. */
  sequence: number;
}

function endpointOf({ address, port }: Recording['client'], asV6: boolean): Endpoint {
  const v4 = isIPv4(address) ? numberOfV4(address) : 0;
  if (!asV6) {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE(v4, 0);
    return { address: bytes, port, sequence: 1 };
  }
  const bytes = Buffer.alloc(16);
  if (isIPv6(address)) {
    for (const [i, group] of groupsOf(address).entries()) bytes.writeUInt16BE(group, 2 * i);
  } else {
    bytes.writeUInt16BE(0xffff, 10);
    bytes.writeUInt32BE(v4, 12);
  }
  return { address: bytes, port, sequence: 1 };
}

function ipv4Header(from: Endpoint, to: Endpoint, payloadBytes: number): Buffer {
  const header = Buffer.alloc(IPV4_HEADER_BYTES);
  const total = IPV4_HEADER_BYTES + TCP_HEADER_BYTES + payloadBytes;
  header[0] = 0x45;
  header.writeUInt16BE(total > IP_LENGTH_MAX ? 0 : total, 2);
  header[6] = 0x40;
  header[8] = 64;
  header[9] = TCP_PROTOCOL;
  from.address.copy(header, 12);
  to.address.copy(header, 16);
  let sum = 0;
  for (let at = 0; at < IPV4_HEADER_BYTES; at += 2) sum += header.readUInt16BE(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  header.writeUInt16BE(~sum & 0xffff, 10);
  return header;
}

function ipv6Header(from: Endpoint, to: Endpoint, payloadBytes: number): Buffer {
  const header = Buffer.alloc(IPV6_HEADER_BYTES);
  const length = TCP_HEADER_BYTES + payloadBytes;
  header[0] = 0x60;
  header.writeUInt16BE(Math.min(length, IP_LENGTH_MAX), 4);
  header[6] = TCP_PROTOCOL;
  header[7] = 64;
  from.address.copy(header, 8);
  to.address.copy(header, 24);
  return header;
}

type Option = readonly [code: number, value: Buffer];

function block(type: number, body: Buffer, options: readonly Option[]): Buffer {
  const coded = [...options, [OPTION_END, Buffer.alloc(0)] as const].flatMap(([code, value]) => {
    const head = Buffer.alloc(4);
    head.writeUInt16LE(code, 0);
    head.writeUInt16LE(value.length, 2);
    return [head, padded(value)];
  });
  const length = 12 + body.length + coded.reduce((sum, part) => sum + part.length, 0);
  const head = Buffer.alloc(8);
  head.writeUInt32LE(type, 0);
  head.writeUInt32LE(length, 4);
  return Buffer.concat([head, body, ...coded, head.subarray(4)]);
}

/** To a multiple of four bytes. */
function padded(bytes: Buffer): Buffer {
  const missing = -bytes.length & 3;
  return missing === 0 ? bytes : Buffer.concat([bytes, Buffer.alloc(missing)]);
}
