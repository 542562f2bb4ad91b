/** Cuts what a server sends into packets, without decoding them, and gathers acknowledgements into one write. */
import { Buffer } from 'node:buffer';
import type { Socket } from 'node:net';
import { PacketType } from '../../src/mqtt/wire.ts';

const NOTHING = Buffer.alloc(0);

/** `bytes` holds the packet, `payloadAt` is where a PUBLISH's payload begins. */
export type OnFrame = (first: number, packetId: number, bytes: Buffer, payloadAt: number) => void;

/** Reads packets of any size; calls back with the first byte, and the packet identifier where there is one. */
export class Frames {
  #rest: Buffer = NOTHING;
  readonly #onFrame: OnFrame;

  constructor(onFrame: OnFrame) {
    this.#onFrame = onFrame;
  }

  push(chunk: Buffer): void {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    let at = 0;
    for (;;) {
      if (at + 2 > bytes.length) break;
      let remaining = 0;
      let shift = 0;
      let body = at + 1;
      let byte = 0x80;
      while (byte >= 0x80 && body < bytes.length) {
        byte = bytes[body++]!;
        remaining |= (byte & 0x7f) << shift;
        shift += 7;
      }
      if (byte >= 0x80 || body + remaining > bytes.length) break;
      const first = bytes[at]!;
      let packetId = 0;
      let payloadAt = 0;
      if (first >> 4 === PacketType.Publish) {
        payloadAt = body + 2 + ((bytes[body]! << 8) | bytes[body + 1]!);
        if ((first & 6) !== 0) {
          packetId = (bytes[payloadAt]! << 8) | bytes[payloadAt + 1]!;
          payloadAt += 2;
        }
      } else if (remaining >= 2) packetId = (bytes[body]! << 8) | bytes[body + 1]!;
      this.#onFrame(first, packetId, bytes, payloadAt);
      at = body + remaining;
    }
    this.#rest = at === bytes.length ? NOTHING : Buffer.from(bytes.subarray(at));
  }
}

export interface Acknowledger {
  add(first: number, packetId: number): void;
  flush(): void;
}

/** Gathers the acknowledgements of one chunk into one write. */
export function acknowledger(socket: Socket): Acknowledger {
  let out = Buffer.allocUnsafe(4096);
  let length = 0;
  return {
    add(first, packetId) {
      if (length + 4 > out.length) out = Buffer.concat([out, Buffer.allocUnsafe(out.length)]);
      out[length] = first;
      out[length + 1] = 2;
      out[length + 2] = packetId >> 8;
      out[length + 3] = packetId;
      length += 4;
    },
    flush() {
      if (length === 0) return;
      socket.write(out.subarray(0, length));
      out = Buffer.allocUnsafe(4096);
      length = 0;
    },
  };
}
