/** Writes PROXY protocol headers, version 2: who the client is, told to the broker behind. The reader is proxy-protocol.ts. */
import { isIPv4, SocketAddress } from 'node:net';
import type { DownstreamFacts } from '../pipeline/downstream.ts';
import { crc32c } from './crc32c.ts';
import { PROXY_V2_START, Tlv } from './proxy-protocol.ts';

const VERSION_2_LOCAL = 0x20;
const VERSION_2_PROXY = 0x21;
const TCP_OVER_IPV4 = 0x11;
const TCP_OVER_IPV6 = 0x21;
/** The client connected over TLS, and showed a certificate on this very connection. */
const CLIENT_SSL = 0x01;
const CLIENT_CERT_CONN = 0x02;
const VALUE_MAX_BYTES = 255;

/** Without a client it is a connection of the gateway's own, such as a health check. */
export function encodeProxyHeader(client: DownstreamFacts | undefined): Buffer {
  if (client === undefined) return withLength(VERSION_2_LOCAL, 0x00, []);
  const parts: Buffer[] = [addresses(client)];
  if (client.secure) parts.push(tlsPart(client));
  parts.push(tlv(Tlv.UniqueId, Buffer.from(client.connectionId)));
  return withChecksum(parts, isIPv4(client.address) ? TCP_OVER_IPV4 : TCP_OVER_IPV6);
}

function addresses({ address, port, localAddress, localPort = 0 }: DownstreamFacts): Buffer {
  const isV4 = isIPv4(address);
  // The two ends have one family; where the client came through a proxy of another one, ours is unknown.
  const local = localAddress !== undefined && isIPv4(localAddress) === isV4 ? localAddress : isV4 ? '0.0.0.0' : '::';
  const ports = Buffer.alloc(4);
  ports.writeUInt16BE(port, 0);
  ports.writeUInt16BE(localPort, 2);
  return Buffer.concat([addressBytes(address), addressBytes(local), ports]);
}

function addressBytes(address: string): Buffer {
  if (isIPv4(address)) return Buffer.from(address.split('.').map(Number));
  // The runtime's text is the shortest; what `::` stands for is put back.
  const [head = '', tail] = new SocketAddress({ address, family: 'ipv6' }).address.split('::');
  const groupsOf = (text: string): string[] =>
    text === '' ? [] : text.split(':').flatMap((group) => (group.includes('.') ? dotted(group) : [group]));
  const before = groupsOf(head);
  const after = tail === undefined ? [] : groupsOf(tail);
  const zeros = new Array<string>(8 - before.length - after.length).fill('0');
  const bytes = Buffer.alloc(16);
  for (const [i, group] of [...before, ...zeros, ...after].entries()) {
    bytes.writeUInt16BE(Number.parseInt(group, 16), 2 * i);
  }
  return bytes;
}

function dotted(text: string): string[] {
  const bytes = Buffer.from(text.split('.').map(Number));
  return [bytes.readUInt16BE(0).toString(16), bytes.readUInt16BE(2).toString(16)];
}

/** The certificate was verified: a listener lets no other through. */
function tlsPart({ certificate, tlsVersion, tlsCipher }: DownstreamFacts): Buffer {
  const fixed = Buffer.alloc(5);
  fixed[0] = CLIENT_SSL | (certificate === undefined ? 0 : CLIENT_CERT_CONN);
  const parts: Buffer[] = [fixed];
  if (tlsVersion !== undefined) parts.push(tlv(Tlv.SslVersion, Buffer.from(tlsVersion)));
  if (tlsCipher !== undefined) parts.push(tlv(Tlv.SslCipher, Buffer.from(tlsCipher)));
  const { commonName } = certificate ?? {};
  if (commonName !== undefined) parts.push(tlv(Tlv.SslCn, Buffer.from(commonName)));
  return tlv(Tlv.Ssl, Buffer.concat(parts), 0xffff);
}

function tlv(type: number, value: Buffer, maxBytes = VALUE_MAX_BYTES): Buffer {
  const kept = value.subarray(0, maxBytes);
  return Buffer.concat([Uint8Array.of(type, kept.length >> 8, kept.length & 0xff), kept]);
}

function withChecksum(parts: Buffer[], family: number): Buffer {
  const header = withLength(VERSION_2_PROXY, family, [...parts, tlv(Tlv.Crc32c, Buffer.alloc(4))]);
  const at = header.length - 4;
  header.writeUInt32BE(crc32c(header, 0, header.length, at, header.length), at);
  return header;
}

function withLength(versionAndCommand: number, family: number, parts: Buffer[]): Buffer {
  const rest = Buffer.concat(parts);
  const fixed = Uint8Array.of(versionAndCommand, family, rest.length >> 8, rest.length & 0xff);
  return Buffer.concat([PROXY_V2_START, fixed, rest]);
}
