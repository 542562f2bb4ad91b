/** Packets to bytes and bytes to packets for the raw client, through the gateway's own codec in the part of a client. */
import { decodePacket } from '../../src/mqtt/decode.ts';
import { Deframer, FrameStatus } from '../../src/mqtt/deframer.ts';
import { encodePacket } from '../../src/mqtt/encode.ts';
import { isFault } from '../../src/mqtt/fault.ts';
import type { Packet } from '../../src/mqtt/packet.ts';
import type { ProtocolVersion } from '../../src/mqtt/wire.ts';

export function encode(packet: Packet, version: ProtocolVersion): Uint8Array {
  return encodePacket(packet, version);
}

/** Reads what a server sends; what it must not send is a fault, so that each sequence also judges the form of the answers. */
export class PacketReader {
  readonly #deframer: Deframer;
  readonly #version: ProtocolVersion;
  /** The largest packet so far, header included. */
  sizeMaxBytes = 0;

  constructor(version: ProtocolVersion) {
    this.#version = version;
    this.#deframer = new Deframer({ sender: 'server', version });
  }

  /** Hands each whole packet to `sink`; returns what is wrong with the stream, in words. */
  push(chunk: Uint8Array, sink: (packet: Packet) => void): string | undefined {
    this.#deframer.push(chunk);
    for (;;) {
      const next = this.#deframer.next();
      if (next === FrameStatus.NeedMore) return undefined;
      if (next === FrameStatus.Frame) {
        this.sizeMaxBytes = Math.max(this.sizeMaxBytes, this.#deframer.end - this.#deframer.start);
      }
      const packet =
        next === FrameStatus.Fault ? this.#deframer.fault! : decodePacket(this.#deframer, this.#version, 'server');
      if (isFault(packet)) return `${packet.code} [${packet.clause}]`;
      sink(packet);
    }
  }
}
