/**
 * PROXY protocol headers, versions 1 and 2, read strictly: a proxy that is trusted to name the client is expected to name it
 * well. Source: the protocol's own text (haproxy, doc/proxy-protocol.txt).
 */
import { isIPv4, isIPv6 } from 'node:net';
import { addressFromBytes, normaliseAddress } from '../base/ip-address.ts';
import { crc32c } from './crc32c.ts';

/** Who the proxy says the client is. */
export interface ProxySource {
  address: string;
  port: number;
}

export type ProxyHeader =
  /** The bytes so far may become a header. */
  | { kind: 'more' }
  /** They are none, or a bad one; `says` holds nothing that the peer wrote. */
  | { kind: 'fault'; says: string }
  /** `length` bytes of header; without a source the connection speaks for itself (a health check, or an unknown family). */
  | { kind: 'header'; length: number; source?: ProxySource };

export type ProxyVersions = 'v1' | 'v2' | 'any';

/** The longest version 1 line, its CR LF included. */
const V1_SIZE_MAX_BYTES = 107;
/** Room for the addresses and every TLV in use, client certificate names included; the format itself would allow 64 KiB. */
export const V2_SIZE_MAX_BYTES = 4096;
const V1_START = Buffer.from('PROXY ');
/** What a version 2 header begins with. */
export const PROXY_V2_START = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');
const V2_FIXED_BYTES = 16;

/** Types of the extensions, and of those within the one about TLS. */
export const Tlv = { Crc32c: 0x03, UniqueId: 0x05, Ssl: 0x20, SslVersion: 0x21, SslCn: 0x22, SslCipher: 0x23 } as const;

const MORE: ProxyHeader = { kind: 'more' };

function fault(says: string): ProxyHeader {
  return { kind: 'fault', says };
}

/** Looks for a header at the start of `bytes`; call again with more of them as long as the answer is `more`. Never throws. */
export function parseProxyHeader(bytes: Uint8Array, versions: ProxyVersions): ProxyHeader {
  const v1 = versions !== 'v2' && startsLike(bytes, V1_START);
  const v2 = versions !== 'v1' && startsLike(bytes, PROXY_V2_START);
  if (v1 && bytes.length >= V1_START.length) return parseV1(bytes);
  if (v2 && bytes.length >= PROXY_V2_START.length) return parseV2(bytes);
  if (v1 || v2) return MORE;
  if (versions !== 'any' && (startsLike(bytes, V1_START) || startsLike(bytes, PROXY_V2_START))) {
    return fault(`a PROXY header of the other version than ${versions}`);
  }
  return fault('no PROXY header, which this listener expects of its proxies');
}

/** Whether `bytes` starts with `start`, or with as much of it as came. */
function startsLike(bytes: Uint8Array, start: Uint8Array): boolean {
  const length = Math.min(bytes.length, start.length);
  for (let i = 0; i < length; i++) if (bytes[i] !== start[i]) return false;
  return true;
}

function parseV1(bytes: Uint8Array): ProxyHeader {
  const lineFeed = bytes.subarray(0, V1_SIZE_MAX_BYTES).indexOf(0x0a);
  if (lineFeed === -1) return bytes.length < V1_SIZE_MAX_BYTES ? MORE : fault('a PROXY v1 line longer than 107 bytes');
  if (bytes[lineFeed - 1] !== 0x0d) return fault('a PROXY v1 line that does not end in CR LF');
  const length = lineFeed + 1;
  const words = Buffer.from(bytes.buffer, bytes.byteOffset, lineFeed - 1)
    .toString('latin1')
    .split(' ');
  // Of an unknown family the rest of the line is to be ignored.
  if (words[1] === 'UNKNOWN') return { kind: 'header', length };
  const isFamily = words[1] === 'TCP4' ? isIPv4 : words[1] === 'TCP6' ? isIPv6 : undefined;
  if (isFamily === undefined) return fault('a PROXY v1 line of a family other than TCP4, TCP6 and UNKNOWN');
  if (words.length !== 6) return fault('a PROXY v1 line without exactly two addresses and two ports');
  const source = plainAddress(words[2]!, isFamily);
  if (source === undefined || plainAddress(words[3]!, isFamily) === undefined) {
    return fault('a PROXY v1 line with an address that is not of its family');
  }
  const port = plainPort(words[4]!);
  if (port === undefined || plainPort(words[5]!) === undefined)
    return fault('a PROXY v1 line with a port out of range');
  return { kind: 'header', length, source: { address: source, port } };
}

function plainAddress(word: string, isFamily: (text: string) => boolean): string | undefined {
  return isFamily(word) && !word.includes('%') ? normaliseAddress(word) : undefined;
}

function plainPort(word: string): number | undefined {
  if (!/^(0|[1-9][0-9]{0,4})$/.test(word)) return undefined;
  const port = Number(word);
  return port <= 0xffff ? port : undefined;
}

function parseV2(bytes: Uint8Array): ProxyHeader {
  if (bytes.length < V2_FIXED_BYTES) return MORE;
  const versionAndCommand = bytes[12]!;
  if (versionAndCommand !== 0x20 && versionAndCommand !== 0x21) {
    return fault('a PROXY v2 header with an unknown version or command');
  }
  const end = V2_FIXED_BYTES + ((bytes[14]! << 8) | bytes[15]!);
  if (end > V2_SIZE_MAX_BYTES) return fault(`a PROXY v2 header longer than ${V2_SIZE_MAX_BYTES} bytes`);
  if (bytes.length < end) return MORE;
  // LOCAL: the proxy speaks for itself, and what follows is to be ignored whatever it is.
  if (versionAndCommand === 0x20) return { kind: 'header', length: end };
  const family = bytes[13]!;
  let addressBytes: 4 | 16;
  switch (family) {
    case 0x00:
      // UNSPEC: the connection's own addresses hold; the block's layout is unknown, so it is ignored.
      return { kind: 'header', length: end };
    case 0x11:
      addressBytes = 4;
      break;
    case 0x21:
      addressBytes = 16;
      break;
    case 0x31:
    case 0x32:
      return fault('a PROXY v2 header with Unix socket addresses');
    default:
      return fault('a PROXY v2 header that does not speak of TCP');
  }
  const portAt = V2_FIXED_BYTES + 2 * addressBytes;
  const tlvAt = portAt + 4;
  if (tlvAt > end) return fault('a PROXY v2 header too short for its addresses');
  const bad = tlvFault(bytes, tlvAt, end);
  if (bad !== undefined) return fault(bad);
  return {
    kind: 'header',
    length: end,
    source: {
      address: addressFromBytes(bytes, V2_FIXED_BYTES, addressBytes),
      port: (bytes[portAt]! << 8) | bytes[portAt + 1]!,
    },
  };
}

/** Walks the extensions in `[at..end)`; what is wrong with them, if anything is. Unknown types are passed over. */
function tlvFault(bytes: Uint8Array, start: number, end: number): string | undefined {
  let checksumSeen = false;
  let at = start;
  while (at < end) {
    if (end - at < 3) return 'a PROXY v2 header with a cut extension';
    const type = bytes[at]!;
    const valueAt = at + 3;
    const size = (bytes[at + 1]! << 8) | bytes[at + 2]!;
    if (size > end - valueAt) return 'a PROXY v2 header with an extension that runs over its end';
    if (type === Tlv.Crc32c) {
      if (size !== 4 || checksumSeen) return 'a PROXY v2 header with a malformed checksum';
      checksumSeen = true;
      const view = new DataView(bytes.buffer, bytes.byteOffset);
      if (view.getUint32(valueAt) !== crc32c(bytes, 0, end, valueAt, valueAt + 4)) {
        return 'a PROXY v2 header whose checksum does not match';
      }
    } else if (type === Tlv.UniqueId && size > 128) {
      return 'a PROXY v2 header with a unique ID longer than 128 bytes';
    } else if (type === Tlv.Ssl) {
      // One byte of flags, four of verification result, then extensions of its own.
      if (size < 5) return 'a PROXY v2 header with a cut TLS extension';
      for (let sub = valueAt + 5; sub < valueAt + size; ) {
        const left = valueAt + size - sub;
        const subSize = left < 3 ? -1 : (bytes[sub + 1]! << 8) | bytes[sub + 2]!;
        if (subSize === -1 || subSize > left - 3) return 'a PROXY v2 header with a cut TLS extension';
        sub += 3 + subSize;
      }
    }
    at = valueAt + size;
  }
  return undefined;
}
