/** Internet addresses as policy compares them: one text for one address, and sets of networks. */
import { BlockList, isIP, isIPv4, SocketAddress } from 'node:net';

const MAPPED = '::ffff:';
const DOT = 0x2e;
const ZERO = 0x30;

/**
 * The one text of an address: dotted for IPv4, also where it came mapped into IPv6; lower-case and shortest for IPv6, without
 * its zone. Undefined for anything else.
 */
export function normaliseAddress(text: string): string | undefined {
  const zoneAt = text.indexOf('%');
  const bare = zoneAt === -1 ? text : text.slice(0, zoneAt);
  const family = isIP(bare);
  if (family === 4) return bare;
  if (family !== 6) return undefined;
  const canonical = new SocketAddress({ address: bare, family: 'ipv6' }).address;
  if (!canonical.startsWith(MAPPED)) return canonical;
  const mapped = canonical.slice(MAPPED.length);
  return isIPv4(mapped) ? mapped : canonical;
}

/** Whether only this machine reaches it. */
export function isLoopback(address: string): boolean {
  const plain = normaliseAddress(address);
  return plain === '::1' || (plain !== undefined && isIPv4(plain) && plain.startsWith('127.'));
}

/** Whether no two sockets can listen on these addresses at one port: they are the same, or one of them takes in the other. */
export function addressesCollide(a: string, b: string): boolean {
  const [one, other] = [normaliseAddress(a), normaliseAddress(b)];
  if (one === undefined || other === undefined) return false;
  if (one === other || one === '::' || other === '::') return true;
  return (one === '0.0.0.0' && isIPv4(other)) || (other === '0.0.0.0' && isIPv4(one));
}

/** The text of 4 or 16 address bytes at `offset`; the caller has checked that they are there. */
export function addressFromBytes(bytes: Uint8Array, offset: number, length: 4 | 16): string {
  if (length === 4) return `${bytes[offset]}.${bytes[offset + 1]}.${bytes[offset + 2]}.${bytes[offset + 3]}`;
  const groups: string[] = [];
  for (let i = 0; i < 16; i += 2) groups.push(((bytes[offset + i]! << 8) | bytes[offset + i + 1]!).toString(16));
  return normaliseAddress(groups.join(':'))!;
}

/** The eight groups of a normalised IPv6 address; the last two are what a dotted end says. */
export function groupsOf(address: string): number[] {
  const [head = '', tail] = address.split('::');
  const before = readGroups(head);
  if (tail === undefined) return before;
  const after = readGroups(tail);
  return [...before, ...new Array<number>(8 - before.length - after.length).fill(0), ...after];
}

function readGroups(part: string): number[] {
  if (part === '') return [];
  return part.split(':').flatMap((group) => {
    if (!group.includes('.')) return [Number.parseInt(group, 16)];
    const all = numberOfV4(group);
    return [all >>> 16, all & 0xffff];
  });
}

/** The 32 bits of a dotted address, as an unsigned number. */
export function numberOfV4(address: string): number {
  let [all, byte] = [0, 0];
  for (let i = 0; i < address.length; i++) {
    const code = address.charCodeAt(i);
    if (code === DOT) {
      all = (all << 8) | byte;
      byte = 0;
    } else byte = byte * 10 + code - ZERO;
  }
  return ((all << 8) | byte) >>> 0;
}

/** Its first bits; `bits` is 0 to 32. */
export function maskV4(all: number, bits: number): number {
  return bits === 0 ? 0 : (all & (0xffffffff << (32 - bits))) >>> 0;
}

/** Its first bits; `bits` is 0 to 128. */
export function maskGroups(groups: readonly number[], bits: number): number[] {
  return groups.map((group, i) => {
    const kept = Math.min(16, Math.max(0, bits - 16 * i));
    return group & (0xffff << (16 - kept)) & 0xffff;
  });
}

/** The network of a normalised address, such as `192.0.2.0/24`: its first `bitsV4` or `bitsV6` bits. */
export function networkOf(address: string, bitsV4: number, bitsV6: number): string {
  if (isIPv4(address)) {
    // As every connection that comes is asked.
    if (bitsV4 === 32) return `${address}/32`;
    const kept = maskV4(numberOfV4(address), bitsV4);
    return `${kept >>> 24}.${(kept >>> 16) & 0xff}.${(kept >>> 8) & 0xff}.${kept & 0xff}/${bitsV4}`;
  }
  // A local socket has none: it is a network by itself.
  if (!address.includes(':')) return address;
  const kept = maskGroups(groupsOf(address), bitsV6).map((group) => group.toString(16));
  return `${new SocketAddress({ address: kept.join(':'), family: 'ipv6' }).address}/${bitsV6}`;
}

/**
 * An address with how many of its bits count: from CIDR notation, or from an address, all of whose bits do. What IPv6 writes of
 * IPv4 is IPv4. Undefined for anything else, also where a zone is named, which belongs to one machine's interface.
 */
export function prefixOf(text: string): { address: string; bits: number } | undefined {
  const slash = text.indexOf('/');
  const network = slash === -1 ? text : text.slice(0, slash);
  const family = isIP(network);
  if (family === 0 || network.includes('%')) return undefined;
  const address = normaliseAddress(network)!;
  const isMapped = family === 6 && isIPv4(address);
  let bits = family === 4 ? 32 : 128;
  if (slash !== -1) {
    const digits = text.slice(slash + 1);
    const given = /^(0|[1-9][0-9]{0,2})$/.test(digits) ? Number(digits) : -1;
    // Shorter than the mapping's own 96 bits, a mapped network would take in addresses of both families.
    if (given < (isMapped ? 96 : 0) || given > bits) return undefined;
    bits = given;
  }
  return { address, bits: isMapped ? bits - 96 : bits };
}

/** Thrown for a text that is neither an address nor a network; `text` is what was found. */
export class NetworkSyntaxError extends Error {
  readonly text: string;

  constructor(text: string) {
    super(`'${text}' is neither an address nor a network such as 10.0.0.0/8 or fd00::/8`);
    this.name = 'NetworkSyntaxError';
    this.text = text;
  }
}

/** A set of networks in CIDR notation, or single addresses. */
export class NetworkSet {
  /** One a family: a single list would let `::/0` take in mapped, and so all, IPv4 addresses. */
  readonly #v4 = new BlockList();
  readonly #v6 = new BlockList();
  readonly size: number;

  /** Throws `NetworkSyntaxError` for the first text that is no network. */
  constructor(networks: readonly string[]) {
    for (const text of networks) this.#add(text);
    this.size = networks.length;
  }

  #add(text: string): void {
    const prefix = prefixOf(text);
    if (prefix === undefined) throw new NetworkSyntaxError(text);
    const { address, bits } = prefix;
    if (isIPv4(address)) this.#v4.addSubnet(address, bits, 'ipv4');
    else this.#v6.addSubnet(address, bits, 'ipv6');
  }

  /** Whether a normalised address lies in one of the networks. */
  has(address: string): boolean {
    if (this.size === 0) return false;
    return isIPv4(address) ? this.#v4.check(address, 'ipv4') : this.#v6.check(address, 'ipv6');
  }
}
