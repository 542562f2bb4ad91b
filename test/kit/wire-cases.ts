/** Decoder cases as hex in, packet or fault out; each is run whole, byte by byte, at every split, and behind another packet. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodePacket } from '../../src/mqtt/decode.ts';
import { Deframer, FrameStatus } from '../../src/mqtt/deframer.ts';
import { encodePacket } from '../../src/mqtt/encode.ts';
import { Fault, isFault } from '../../src/mqtt/fault.ts';
import type { Packet } from '../../src/mqtt/packet.ts';
import { DEFAULT_RULES, type DecodeRules } from '../../src/mqtt/rules.ts';
import { PacketType, type ProtocolVersion, type Sender } from '../../src/mqtt/wire.ts';

export interface WireCase {
  /** A claim; with the clause in brackets where there is one. */
  says: string;
  /** See `bytesOf`. */
  wire: string;
  gives: Packet | Fault;
  version?: ProtocolVersion;
  sender?: Sender;
  rules?: Partial<DecodeRules>;
  /** False where the encoder would write the packet otherwise (a longer form that is legal too). */
  canonical?: boolean;
}

/**
 * Bytes from a readable form: hex digits, 'text' in quotes, `..` for the Remaining Length, which is counted, and braces
 * around a property list, whose length is counted too. Spaces are free: `10 .. 0004 'MQTT' 05 02 003c {21 0001} 0001 'c'`.
 */
export function bytesOf(wire: string): Buffer {
  const lists: Buffer[][] = [[]];
  let remainingFrom = -1;
  for (const [token] of wire.matchAll(/'[^']*'|\.\.|[{}]|[0-9a-fA-F]+/g)) {
    const list = lists.at(-1)!;
    if (token === '..') remainingFrom = list.length;
    else if (token === '{') lists.push([]);
    else if (token === '}') {
      const inner = Buffer.concat(lists.pop()!);
      lists.at(-1)!.push(variableByteInteger(inner.length), inner);
    } else if (token.startsWith("'")) list.push(Buffer.from(token.slice(1, -1)));
    else {
      assert.ok(token.length % 2 === 0, `odd hex: ${token}`);
      list.push(Buffer.from(token, 'hex'));
    }
  }
  assert.equal(lists.length, 1, 'every brace is closed');
  const parts = lists[0]!;
  if (remainingFrom === -1) return Buffer.concat(parts);
  const body = Buffer.concat(parts.slice(remainingFrom));
  return Buffer.concat([...parts.slice(0, remainingFrom), variableByteInteger(body.length), body]);
}

function variableByteInteger(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  do {
    bytes.push(rest >= 128 ? (rest % 128) | 0x80 : rest);
    rest = Math.floor(rest / 128);
  } while (rest > 0);
  return Buffer.from(bytes);
}

/** Feeds chunks and returns what comes of them: packets, and a fault as the last. */
export function decodeChunks(
  chunks: readonly Uint8Array[],
  version: ProtocolVersion,
  sender: Sender,
  rules: DecodeRules = DEFAULT_RULES,
  isConnect = false,
): (Packet | Fault)[] {
  const deframer = new Deframer({ sender, ...(isConnect ? {} : { version }) });
  const found: (Packet | Fault)[] = [];
  for (const chunk of chunks) {
    // The chunk is only borrowed: what is read after it was given back must not count.
    const borrowed = Buffer.from(chunk);
    deframer.push(borrowed);
    for (;;) {
      const status = deframer.next();
      if (status === FrameStatus.Fault) {
        found.push(deframer.fault!);
        return found;
      }
      if (status === FrameStatus.NeedMore) break;
      const packet = decodePacket(deframer, version, sender, rules);
      found.push(packet);
      if (isFault(packet)) return found;
      if (packet.type === PacketType.Connect) deframer.version = packet.protocolVersion;
    }
    borrowed.fill(0xff);
  }
  return found;
}

export function runWireCases(group: string, cases: readonly WireCase[]): void {
  for (const { says, wire, gives, version = 5, sender = 'client', rules, canonical = true } of cases) {
    const label = version === 5 ? '5.0' : version === 4 ? '3.1.1' : '3.1';
    test(`${group} ${label}: ${says}`, () => {
      const bytes = bytesOf(wire);
      const allRules = { ...DEFAULT_RULES, ...rules };
      const isConnect = sender === 'client' && (bytes[0]! >> 4 === PacketType.Connect || bytes.length === 0);
      const decode = (chunks: Uint8Array[]) => decodeChunks(chunks, version, sender, allRules, isConnect);
      assert.deepEqual(decode([bytes]), [gives], 'whole');
      assert.deepEqual(decode([...bytes].map((byte) => Uint8Array.of(byte))), [gives], 'byte by byte');
      for (let at = 1; at < bytes.length; at++) {
        assert.deepEqual(decode([bytes.subarray(0, at), bytes.subarray(at)]), [gives], `split at ${at}`);
      }
      if (!isConnect) {
        const ping = Buffer.from(sender === 'client' ? [0xc0, 0] : [0xd0, 0]);
        const behind = decode([Buffer.concat([ping, bytes])]);
        assert.deepEqual(behind.slice(1), [gives], 'behind another packet');
      }
      if (gives instanceof Fault) return;
      if (canonical) assert.equal(encodePacket(gives, version).toString('hex'), bytes.toString('hex'), 'encoded again');
      for (let at = 0; at < bytes.length; at++) {
        assert.deepEqual(decode([bytes.subarray(0, at)]), [], `nothing comes of the first ${at} bytes`);
      }
    });
  }
}
