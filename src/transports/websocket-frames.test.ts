import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { test } from 'node:test';
import fc from 'fast-check';
import type { WebSocket } from 'ws';
import { BROKEN, BYTES, type FramesOf, WebSocketFrames } from './websocket-frames.ts';

interface Frame {
  readonly first: number;
  readonly payload: Uint8Array;
  readonly mask: Uint8Array;
}

function lengthBytes(length: number, of: FramesOf): Buffer {
  const masked = of === 'client' ? 0x80 : 0;
  if (length < 126) return Buffer.from([masked | length]);
  const bytes = Buffer.alloc(length < 65_536 ? 3 : 9);
  bytes[0] = masked | (length < 65_536 ? 126 : 127);
  if (length < 65_536) bytes.writeUInt16BE(length, 1);
  else bytes.writeBigUInt64BE(BigInt(length), 1);
  return bytes;
}

function encoded({ first, payload, mask }: Frame, of: FramesOf = 'client'): Buffer {
  if (of === 'server') return Buffer.concat([Buffer.from([first]), lengthBytes(payload.length, of), payload]);
  const masked = payload.map((byte, i) => byte ^ mask[i % 4]!);
  return Buffer.concat([Buffer.from([first]), lengthBytes(payload.length, of), mask, masked]);
}

/** What is told of the bytes, and what goes to the library. */
function read(chunks: readonly Uint8Array[], of: FramesOf = 'client') {
  const events = new EventEmitter();
  const told: Buffer[] = [];
  const passed: Buffer[] = [];
  const broken: [number, string][] = [];
  events.on(BYTES, (bytes: Buffer) => told.push(bytes));
  events.on(BROKEN, (code: number, says: string) => broken.push([code, says]));
  const frames = new WebSocketFrames(events as unknown as WebSocket, of, (bytes) => passed.push(bytes));
  for (const chunk of chunks) frames.take(Buffer.from(chunk));
  return { told: Buffer.concat(told), pieces: told.length, passed: Buffer.concat(passed), broken };
}

function split(bytes: Uint8Array, sizes: readonly number[]): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  let at = 0;
  for (let i = 0; at < bytes.length; i++) {
    const size = sizes[i % sizes.length]!;
    chunks.push(bytes.subarray(at, at + size));
    at += size;
  }
  return chunks;
}

const mask = fc.uint8Array({ minLength: 4, maxLength: 4 });
const control = fc.record({
  first: fc.constantFrom(0x89, 0x8a),
  payload: fc.uint8Array({ maxLength: 125 }),
  mask,
});
/** A message in its frames, with control frames between them. */
const message = fc
  .array(
    fc.record({ payload: fc.uint8Array({ maxLength: 300 }), mask, between: fc.array(control, { maxLength: 2 }) }),
    {
      minLength: 1,
      maxLength: 4,
    },
  )
  .map((parts) =>
    parts.flatMap(({ payload, mask, between }, i): Frame[] => {
      const first = (i === 0 ? 0x02 : 0x00) | (i === parts.length - 1 ? 0x80 : 0);
      return [{ first, payload, mask }, ...between];
    }),
  );

test('payload is told in order and control frames are passed on, wherever the bytes are split', () => {
  const messages = fc.array(message, { minLength: 1, maxLength: 4 });
  const sizes = fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 6 });
  fc.assert(
    fc.property(messages, sizes, (all, cuts) => {
      const frames = all.flat();
      const data = Buffer.concat(frames.filter(({ first }) => (first & 0x0f) < 3).map(({ payload }) => payload));
      for (const sender of ['client', 'server'] as const) {
        const bytes = Buffer.concat(frames.map((frame) => encoded(frame, sender)));
        const ofControl = frames.filter(({ first }) => (first & 0x0f) > 8);
        const controls = Buffer.concat(ofControl.map((frame) => encoded(frame, sender)));
        for (const chunks of [[bytes], split(bytes, [1]), split(bytes, cuts)]) {
          const { told, passed, broken } = read(chunks, sender);
          assert.deepEqual(told, data);
          assert.deepEqual(passed, controls);
          assert.deepEqual(broken, []);
        }
      }
    }),
  );
});

test('frames of every length are read', () => {
  for (const length of [0, 1, 125, 126, 127, 65_535, 65_536, 200_000]) {
    const payload = Uint8Array.from({ length }, (_, i) => i & 0xff);
    const bytes = encoded({ first: 0x82, payload, mask: Uint8Array.from([1, 2, 3, 4]) });
    assert.deepEqual(read([bytes]).told, Buffer.from(payload));
    assert.deepEqual(read(split(bytes, [16_384])).told, Buffer.from(payload));
    const plain = encoded({ first: 0x82, payload, mask: Uint8Array.of() }, 'server');
    for (const cuts of [[plain.length], [16_384], [7, 1]]) {
      assert.deepEqual(read(split(plain, cuts), 'server').told, Buffer.from(payload));
    }
  }
});

test('many small messages of one chunk go on in one piece', () => {
  const small = encoded({ first: 0x82, payload: Uint8Array.from([9, 8]), mask: Uint8Array.from([5, 6, 7, 8]) });
  const { told, pieces } = read([Buffer.concat(Array.from({ length: 100 }, () => small))]);
  assert.equal(told.length, 200);
  assert.equal(pieces, 1);
});

test('behind a close frame nothing is heard', () => {
  const mask = Uint8Array.from([0, 0, 0, 0]);
  const close = encoded({ first: 0x88, payload: Uint8Array.from([3, 232]), mask });
  const data = encoded({ first: 0x82, payload: Uint8Array.from([1]), mask });
  for (const chunks of [[Buffer.concat([data, close, data])], split(Buffer.concat([data, close, data]), [1])]) {
    const { told, passed, broken } = read(chunks);
    assert.deepEqual([...told], [1]);
    assert.deepEqual(passed, close);
    assert.deepEqual(broken, []);
  }
});

test('a text frame is refused at its header, also amid a message', () => {
  for (const before of [[], [0x02, 0x80, 0, 0, 0, 0]]) {
    const { broken } = read([Buffer.from([...before, 0x81, 0x85])]);
    assert.deepEqual(broken, [[1003, 'a text frame, where MQTT takes binary ones only']]);
  }
});

test('an empty control frame of a server is passed on, and behind its empty close frame nothing is heard', () => {
  const bytes = Buffer.from([0x89, 0x00, 0x82, 0x01, 0x07, 0x88, 0x00, 0x82, 0x01, 0x08]);
  for (const chunks of [[bytes], split(bytes, [1])]) {
    const { told, passed, broken } = read(chunks, 'server');
    assert.deepEqual([...told], [7]);
    assert.deepEqual([...passed], [0x89, 0x00, 0x88, 0x00]);
    assert.deepEqual(broken, []);
  }
});

test('who masks and must not, or must and does not, is left to the library, which refuses it', () => {
  for (const [of, second] of [
    ['client', 0x01],
    ['server', 0x81],
  ] as const) {
    const { told, passed } = read([Buffer.from([0x82, second, 1, 2, 3, 4, 5])], of);
    assert.deepEqual([...told], []);
    assert.deepEqual([...passed], [0x82, second]);
  }
});
