import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { crc32c } from './crc32c.ts';
import { type ProxyHeader, parseProxyHeader, V2_SIZE_MAX_BYTES } from './proxy-protocol.ts';

const SIGNATURE = Buffer.from('0d0a0d0a000d0a515549540a', 'hex');

function v2(versionAndCommand: number, family: number, block: Uint8Array): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(block.length);
  return Buffer.concat([SIGNATURE, Buffer.from([versionAndCommand, family]), length, block]);
}

function tlv(type: number, value: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from([type, value.length >> 8, value.length & 0xff]), value]);
}

/** 192.0.2.1:40000 to 198.51.100.2:8883. */
const V4_BLOCK = Buffer.from([192, 0, 2, 1, 198, 51, 100, 2, 0x9c, 0x40, 0x22, 0xb3]);
const V6_BLOCK = Buffer.from(
  '20010db8000000000000000000000001' + '20010db8000000000000000000000002' + '9c4022b3',
  'hex',
);

function withChecksum(family: number, block: Uint8Array): Buffer {
  const header = v2(0x21, family, Buffer.concat([block, tlv(0x03, Buffer.alloc(4))]));
  header.writeUInt32BE(crc32c(header, 0, header.length), header.length - 4);
  return header;
}

const SOURCE = { address: '192.0.2.1', port: 40000 };

const GOOD: [string, Buffer, { address: string; port: number } | undefined][] = [
  ['v1 TCP4', Buffer.from('PROXY TCP4 192.0.2.1 198.51.100.2 40000 8883\r\n'), SOURCE],
  [
    'v1 TCP6',
    Buffer.from('PROXY TCP6 2001:db8::1 2001:db8::2 40000 8883\r\n'),
    { address: '2001:db8::1', port: 40000 },
  ],
  ['v1 mapped', Buffer.from('PROXY TCP6 ::ffff:192.0.2.1 ::1 40000 8883\r\n'), SOURCE],
  ['v1 UNKNOWN', Buffer.from('PROXY UNKNOWN\r\n'), undefined],
  ['v1 UNKNOWN with anything', Buffer.from('PROXY UNKNOWN ffff:f 1 2 3 whatever\r\n'), undefined],
  ['v2 TCP4', v2(0x21, 0x11, V4_BLOCK), SOURCE],
  ['v2 TCP6', v2(0x21, 0x21, V6_BLOCK), { address: '2001:db8::1', port: 40000 }],
  ['v2 LOCAL', v2(0x20, 0x00, Buffer.alloc(0)), undefined],
  ['v2 LOCAL with a block', v2(0x20, 0x31, Buffer.alloc(7)), undefined],
  ['v2 UNSPEC', v2(0x21, 0x00, Buffer.alloc(3)), undefined],
  [
    'v2 with extensions',
    v2(
      0x21,
      0x11,
      Buffer.concat([V4_BLOCK, tlv(1, Buffer.from('mqtt')), tlv(4, Buffer.alloc(9)), tlv(0xee, Buffer.alloc(0))]),
    ),
    SOURCE,
  ],
  [
    'v2 with TLS facts',
    v2(
      0x21,
      0x11,
      Buffer.concat([
        V4_BLOCK,
        tlv(0x20, Buffer.concat([Buffer.from([1, 0, 0, 0, 0]), tlv(0x21, Buffer.from('TLSv1.3'))])),
      ]),
    ),
    SOURCE,
  ],
  ['v2 with a checksum', withChecksum(0x11, V4_BLOCK), SOURCE],
];

const wrongChecksum = withChecksum(0x11, V4_BLOCK);
wrongChecksum[16]! ^= 1;

const BAD: [string, Buffer, RegExp][] = [
  ['v1 lower case', Buffer.from('proxy TCP4 1.2.3.4 1.2.3.4 1 1\r\n'), /no PROXY header/],
  ['v1 without CR', Buffer.from('PROXY TCP4 1.2.3.4 1.2.3.4 1 1\n'), /CR LF/],
  ['v1 of another family', Buffer.from('PROXY TCP4 ::1 ::1 1 1\r\n'), /not of its family/],
  ['v1 with a bad destination', Buffer.from('PROXY TCP4 1.2.3.4 1.2.3 1 1\r\n'), /not of its family/],
  ['v1 with a zone', Buffer.from('PROXY TCP6 fe80::1%lo ::1 1 1\r\n'), /not of its family/],
  ['v1 with a large port', Buffer.from('PROXY TCP4 1.2.3.4 1.2.3.4 65536 1\r\n'), /port/],
  ['v1 with a padded port', Buffer.from('PROXY TCP4 1.2.3.4 1.2.3.4 01 1\r\n'), /port/],
  ['v1 with two spaces', Buffer.from('PROXY TCP4  1.2.3.4 1.2.3.4 1 1\r\n'), /exactly two/],
  ['v1 cut short', Buffer.from('PROXY TCP4 1.2.3.4\r\n'), /exactly two/],
  ['v1 with more', Buffer.from('PROXY TCP4 1.2.3.4 1.2.3.4 1 1 1\r\n'), /exactly two/],
  ['v1 of UDP', Buffer.from('PROXY UDP4 1.2.3.4 1.2.3.4 1 1\r\n'), /family other/],
  ['v1 that is too long', Buffer.from(`PROXY UNKNOWN ${'x'.repeat(120)}`), /107/],
  ['v2 of version 1', v2(0x11, 0x11, V4_BLOCK), /version or command/],
  ['v2 with an unknown command', v2(0x22, 0x11, V4_BLOCK), /version or command/],
  ['v2 over UDP', v2(0x21, 0x12, V4_BLOCK), /does not speak of TCP/],
  ['v2 over Unix sockets', v2(0x21, 0x31, Buffer.alloc(216)), /Unix/],
  ['v2 of an unknown family', v2(0x21, 0x41, V4_BLOCK), /does not speak of TCP/],
  ['v2 without room for its addresses', v2(0x21, 0x11, V4_BLOCK.subarray(0, 11)), /too short/],
  ['v2 TCP6 with TCP4 addresses', v2(0x21, 0x21, V4_BLOCK), /too short/],
  ['v2 with a cut extension', v2(0x21, 0x11, Buffer.concat([V4_BLOCK, Buffer.from([1, 0])])), /cut extension/],
  [
    'v2 with an extension over its end',
    v2(0x21, 0x11, Buffer.concat([V4_BLOCK, Buffer.from([1, 0, 2, 9])])),
    /runs over/,
  ],
  [
    'v2 with a cut TLS extension',
    v2(0x21, 0x11, Buffer.concat([V4_BLOCK, tlv(0x20, Buffer.alloc(4))])),
    /TLS extension/,
  ],
  [
    'v2 with a TLS extension over its end',
    v2(0x21, 0x11, Buffer.concat([V4_BLOCK, tlv(0x20, Buffer.from([1, 0, 0, 0, 0, 0x21, 0, 9]))])),
    /TLS extension/,
  ],
  ['v2 with a long unique ID', v2(0x21, 0x11, Buffer.concat([V4_BLOCK, tlv(5, Buffer.alloc(129))])), /unique ID/],
  ['v2 with a wrong checksum', wrongChecksum, /checksum does not match/],
  [
    'v2 with a short checksum',
    v2(0x21, 0x11, Buffer.concat([V4_BLOCK, tlv(3, Buffer.alloc(2))])),
    /malformed checksum/,
  ],
  ['v2 that is too long', v2(0x21, 0x11, Buffer.alloc(V2_SIZE_MAX_BYTES)), /longer/],
  ['MQTT', Buffer.from([0x10, 0x0c, 0, 4]), /no PROXY header/],
];

/** The answer once enough bytes have come one by one, and how many that were. */
function drip(bytes: Buffer): { header: ProxyHeader; read: number } {
  for (let read = 1; read <= bytes.length; read++) {
    const header = parseProxyHeader(bytes.subarray(0, read), 'any');
    if (header.kind !== 'more') return { header, read };
  }
  return { header: { kind: 'more' }, read: bytes.length };
}

test('good headers name their source, whole and byte by byte, and leave what follows alone', () => {
  for (const [name, bytes, source] of GOOD) {
    const expected =
      source === undefined
        ? { kind: 'header', length: bytes.length }
        : { kind: 'header', length: bytes.length, source };
    assert.deepEqual(parseProxyHeader(bytes, 'any'), expected, name);
    assert.deepEqual(parseProxyHeader(Buffer.concat([bytes, Buffer.from([0x10, 0x0a])]), 'any'), expected, name);
    assert.deepEqual(drip(bytes), { header: expected, read: bytes.length }, name);
  }
});

test('bad headers are faults, whole and byte by byte', () => {
  for (const [name, bytes, says] of BAD) {
    for (const header of [parseProxyHeader(bytes, 'any'), drip(bytes).header]) {
      assert.equal(header.kind, 'fault', name);
      assert.match((header as { says: string }).says, says, name);
    }
  }
});

test('a header of the other version is a fault', () => {
  assert.equal(parseProxyHeader(GOOD[0]![1], 'v2').kind, 'fault');
  assert.equal(parseProxyHeader(GOOD[5]![1], 'v1').kind, 'fault');
  assert.equal(parseProxyHeader(GOOD[0]![1], 'v1').kind, 'header');
  assert.equal(parseProxyHeader(GOOD[5]![1], 'v2').kind, 'header');
});

test('a header that lies in the middle of a larger buffer reads the same', () => {
  for (const [name, bytes] of GOOD) {
    const within = Buffer.concat([Buffer.alloc(5, 0xff), bytes]).subarray(5);
    assert.deepEqual(parseProxyHeader(within, 'any'), parseProxyHeader(bytes, 'any'), name);
  }
});

test('any bytes are answered without throwing, and more of them never unmake an answer', () => {
  const mutated = fc
    .tuple(
      fc.constantFrom(...GOOD.map(([, bytes]) => bytes)),
      fc.array(fc.tuple(fc.nat(250), fc.nat(255)), { maxLength: 3 }),
    )
    .map(([bytes, changes]) => {
      const copy = Buffer.from(bytes);
      for (const [at, value] of changes) if (at < copy.length) copy[at] = value;
      return copy;
    });
  const anyBytes = fc.oneof(fc.uint8Array({ maxLength: 64 }), mutated);
  fc.assert(
    fc.property(
      anyBytes,
      fc.uint8Array({ maxLength: 40 }),
      fc.constantFrom('v1', 'v2', 'any'),
      (start, rest, versions) => {
        const before = parseProxyHeader(start, versions);
        const after = parseProxyHeader(Buffer.concat([start, rest]), versions);
        if (before.kind === 'header') assert.deepEqual(after, before);
        if (before.kind === 'fault') assert.equal(after.kind, 'fault');
        if (after.kind === 'header') assert.ok(after.length <= start.length + rest.length);
      },
    ),
    { numRuns: 2000 },
  );
});

test('no more than the bound is ever asked for', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: V2_SIZE_MAX_BYTES, maxLength: V2_SIZE_MAX_BYTES }), (tail) => {
      for (const start of ['PROXY TCP4 ', SIGNATURE]) {
        const bytes = Buffer.concat([Buffer.from(start), tail]);
        assert.notEqual(parseProxyHeader(bytes, 'any').kind, 'more');
      }
    }),
    { numRuns: 50 },
  );
});
