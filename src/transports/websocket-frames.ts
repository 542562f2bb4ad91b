/**
 * Takes the frames of a WebSocket apart as their bytes come: the library gathers whole messages first, which may be as long as the peer
 * likes, in as many fragments. MQTT does not care where a message ends [MQTT-6.0.0-2], so its packets are judged, and refused at their
 * headers, while the rest of the message is still to come. Control frames, and whatever breaks the rules, go to the library.
 */
import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';

/** Event of the WebSocket, in place of `message`: payload that has come, in a buffer that is the hearer's. */
export const BYTES = Symbol('bytes');
/** The peer breaks the rules: with which code it is to be closed, and why. Nothing comes after it. */
export const BROKEN = Symbol('broken');

const CLOSE_PROTOCOL_ERROR = 1002;
const CLOSE_UNSUPPORTED_DATA = 1003;
const CLOSE_TOO_BIG = 1009;

const CONTINUATION = 0x0;
const TEXT = 0x1;
const BINARY = 0x2;
const CLOSE = 0x8;
const PING = 0x9;
const PONG = 0xa;
const FIN = 0x80;
const RESERVED = 0x70;
const MASKED = 0x80;
const MASK_BYTES = 4;
const CONTROL_SIZE_MAX_BYTES = 125;
const NO_BYTES = Buffer.alloc(0);

/** Where the next byte belongs; `Over` is behind the last one that counts (RFC 6455, 5.2). */
const At = { First: 0, Second: 1, Length: 2, Mask: 3, Payload: 4, Control: 5, Over: 6 } as const;
type At = (typeof At)[keyof typeof At];

/** Who sends the frames: a client masks its own, a server must not [RFC 6455, 5.1]. */
export type FramesOf = 'client' | 'server';

/**
 * From now on `webSocket`, which was just made of `socket`, emits bytes instead of messages. False where the library
 * does not listen to its socket as it did, and then nothing has changed.
 */
export function takeFrames(webSocket: WebSocket, socket: Duplex, of: FramesOf): boolean {
  const [theirs, ...others] = socket.listeners('data') as ((chunk: Buffer) => void)[];
  if (theirs === undefined || others.length > 0) return false;
  socket.removeListener('data', theirs);
  const frames = new WebSocketFrames(webSocket, of, (bytes) => theirs.call(socket, bytes));
  socket.on('data', (chunk: Buffer) => frames.take(chunk));
  // What the library finds unread at the end it would take for the beginning of a frame.
  socket.prependListener('close', () => void socket.read());
  return true;
}

export class WebSocketFrames {
  readonly #out: Pick<WebSocket, 'emit'>;
  /** The bit that says so. */
  readonly #masked: number;
  readonly #maskBytes: number;
  readonly #pass: (bytes: Buffer) => void;
  #at: At = At.First;
  /** Of the frame that is being read. */
  #first = 0;
  /** Bytes that are still to come of what `#at` says. */
  #left = 0;
  #length = 0;
  #mask = 0;
  /** A message has begun, and its last frame has not. */
  #isFragmented = false;
  /** Payload that is ready lies in `#chunk[#begin..#end)`, which never overtakes what is being read. */
  #chunk: Buffer = NO_BYTES;
  #begin = 0;
  #end = 0;

  /** `pass` has the library read bytes: control frames, and what is wrong. */
  constructor(out: Pick<WebSocket, 'emit'>, of: FramesOf, pass: (bytes: Buffer) => void) {
    this.#out = out;
    this.#masked = of === 'client' ? MASKED : 0;
    this.#maskBytes = of === 'client' ? MASK_BYTES : 0;
    this.#pass = pass;
  }

  /** The chunk is ours: payload is unmasked in place, and moved together, so that all of it goes on in one piece. */
  take(chunk: Buffer): void {
    const { length } = chunk;
    this.#chunk = chunk;
    this.#begin = this.#end = 0;
    let at = 0;
    while (at < length) {
      switch (this.#at) {
        case At.First:
          this.#first = chunk[at++]!;
          this.#at = At.Second;
          break;
        case At.Second:
          this.#onHeader(chunk[at++]!);
          break;
        case At.Length:
          this.#length = this.#length * 256 + chunk[at++]!;
          if (--this.#left === 0) this.#onLength();
          break;
        case At.Mask:
          this.#mask = (this.#mask << 8) | chunk[at++]!;
          if (--this.#left === 0) this.#onMask();
          break;
        case At.Payload: {
          const size = Math.min(this.#left, length - at);
          if (this.#masked !== 0) this.#mask = unmask(chunk, at, this.#end, size, this.#mask);
          else if (at !== this.#end) chunk.copyWithin(this.#end, at, at + size);
          this.#end += size;
          at += size;
          this.#left -= size;
          if (this.#left === 0) this.#at = At.First;
          break;
        }
        case At.Control: {
          const size = Math.min(this.#left, length - at);
          this.#onControl(chunk, at, size);
          at += size;
          break;
        }
        default:
          at = length;
      }
    }
    this.#tell();
    this.#chunk = NO_BYTES;
  }

  /** What came before a control frame or a fault is told before it. */
  #tell(): void {
    const [begin, end] = [this.#begin, this.#end];
    if (begin === end) return;
    this.#begin = end;
    this.#out.emit(BYTES, this.#chunk.subarray(begin, end));
  }

  #onHeader(second: number): void {
    if (this.#isData(second)) this.#onData(second);
    else {
      this.#tell();
      this.#hand(second);
    }
  }

  /** A frame of a message that we take; all others are the library's, or faults. */
  #isData(second: number): boolean {
    const first = this.#first;
    if ((first & RESERVED) !== 0 || (second & MASKED) !== this.#masked) return false;
    return (first & 0x0f) === (this.#isFragmented ? CONTINUATION : BINARY);
  }

  #onData(second: number): void {
    this.#isFragmented = (this.#first & FIN) === 0;
    const length = second & 0x7f;
    if (length < 126) {
      this.#length = length;
      this.#awaitMask();
      return;
    }
    this.#length = 0;
    this.#left = length === 126 ? 2 : 8;
    this.#at = At.Length;
  }

  /** A control frame, or one that breaks the rules: the library knows all of those but two. */
  #hand(second: number): void {
    const first = this.#first;
    const opcode = first & 0x0f;
    const isWellFormed = (first & RESERVED) === 0 && (second & MASKED) === this.#masked;
    if (isWellFormed && opcode === TEXT) {
      // [MQTT-6.0.0-1]
      this.#break(CLOSE_UNSUPPORTED_DATA, 'a text frame, where MQTT takes binary ones only');
      return;
    }
    if (isWellFormed && opcode === BINARY) {
      this.#break(CLOSE_PROTOCOL_ERROR, 'a message began before the last one had ended');
      return;
    }
    const length = second & 0x7f;
    const isControl = opcode === CLOSE || opcode === PING || opcode === PONG;
    if (isControl && isWellFormed && length <= CONTROL_SIZE_MAX_BYTES) {
      this.#left = this.#maskBytes + length;
      this.#at = At.Control;
    } else this.#at = At.Over;
    this.#pass(Buffer.from([first, second]));
    if (isControl && this.#left === 0) this.#controlIsWhole();
  }

  /** A copy goes on: the library may keep a part until the rest has come. */
  #onControl(chunk: Buffer, at: number, size: number): void {
    this.#left -= size;
    if (this.#left === 0) this.#controlIsWhole();
    this.#pass(Buffer.from(chunk.subarray(at, at + size)));
  }

  #controlIsWhole(): void {
    if (this.#at === At.Control) this.#at = (this.#first & 0x0f) === CLOSE ? At.Over : At.First;
  }

  #onLength(): void {
    if (this.#length <= Number.MAX_SAFE_INTEGER) this.#awaitMask();
    else {
      this.#tell();
      this.#break(CLOSE_TOO_BIG, 'a frame longer than can be counted');
    }
  }

  #awaitMask(): void {
    if (this.#masked === 0) {
      this.#onMask();
      return;
    }
    this.#left = MASK_BYTES;
    this.#mask = 0;
    this.#at = At.Mask;
  }

  #onMask(): void {
    this.#left = this.#length;
    this.#at = this.#length === 0 ? At.First : At.Payload;
  }

  #break(code: number, says: string): void {
    this.#at = At.Over;
    this.#out.emit(BROKEN, code, says);
    // The library waits for no answer to its close frame when it has read a fault.
    this.#pass(Buffer.from([FIN, MASKED]));
  }
}

/**
 * Unmasks `bytes[from..from+size)` to `bytes[to..)`, which may be the same place or one before it. Returns the mask for the byte behind: its
 * first is the highest.
 */
function unmask(bytes: Uint8Array, from: number, to: number, size: number, mask: number): number {
  const a = mask >>> 24;
  const b = (mask >>> 16) & 0xff;
  const c = (mask >>> 8) & 0xff;
  const d = mask & 0xff;
  let i = 0;
  for (; i + 4 <= size; i += 4) {
    bytes[to + i] = bytes[from + i]! ^ a;
    bytes[to + i + 1] = bytes[from + i + 1]! ^ b;
    bytes[to + i + 2] = bytes[from + i + 2]! ^ c;
    bytes[to + i + 3] = bytes[from + i + 3]! ^ d;
  }
  let turned = mask;
  for (; i < size; i++) {
    bytes[to + i] = bytes[from + i]! ^ (turned >>> 24);
    turned = (turned << 8) | (turned >>> 24);
  }
  return turned;
}
