import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { DerFault, DerReader, encodeDer, Tag } from './der.ts';

function reader(hex: string): DerReader {
  return new DerReader(Buffer.from(hex, 'hex'));
}

test('what is written is read back, whatever its length', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 300 }),
      fc.constantFrom(0, 1, 127, 128, 255, 256, 70_000),
      (bytes, padding) => {
        const body = Buffer.concat([bytes, Buffer.alloc(padding)]);
        const read = new DerReader(encodeDer(Tag.OctetString, body)).read(Tag.OctetString);
        assert.ok(read.isDone);
        assert.equal(Buffer.compare(read.body(), body), 0);
      },
    ),
  );
});

test('lengths that DER does not have are refused', () => {
  for (const [hex, says] of [
    ['30', /cut off/],
    ['3080', /indefinite/],
    ['308105', /shortest form/],
    ['30820005', /shortest form/],
    ['3085010000000000', /too large/],
    ['3082', /length is cut off/],
    ['300200', /reaches past/],
    ['1f8101', /more than one octet/],
  ] as const) {
    assert.throws(() => reader(hex).read(), says, hex);
  }
});

test('an element inside another may not reach past it', () => {
  const outer = reader('3003300400000000').read(Tag.Sequence).inside();
  assert.throws(() => outer.read(), /reaches past/);
});

test('object identifiers are read in dots', () => {
  for (const [hex, dots] of [
    ['0603551d1f', '2.5.29.31'],
    ['06092a864886f70d01010b', '1.2.840.113549.1.1.11'],
    ['06022b06', '1.3.6'],
    ['0603883703', '2.999.3'],
  ] as const) {
    assert.equal(reader(hex).oid(), dots);
  }
  for (const hex of ['0600', '06022b86', '060b2bffffffffffffffffff7f'])
    assert.throws(() => reader(hex).oid(), DerFault);
});

test('integers are read without the zeros in front', () => {
  for (const [hex, digits] of [
    ['020100', '00'],
    ['02020080', '80'],
    ['020300007f', '7f'],
    ['0209ff00000000000000ff', 'ff00000000000000ff'],
  ] as const) {
    assert.equal(reader(hex).integerHex(), digits);
  }
  assert.throws(() => reader('0200').integerHex(), DerFault);
});

test('times are read as RFC 5280 has them, and no others', () => {
  const time = (tag: number, text: string) => new DerReader(encodeDer(tag, Buffer.from(text))).timeMs();
  assert.equal(time(Tag.UtcTime, '491231235959Z'), Date.UTC(2049, 11, 31, 23, 59, 59));
  assert.equal(time(Tag.UtcTime, '500101000000Z'), Date.UTC(1950, 0, 1));
  assert.equal(time(Tag.GeneralizedTime, '20500101000000Z'), Date.UTC(2050, 0, 1));
  for (const text of [
    '4912312359Z',
    '491231235959',
    '491231235959+0100',
    '491331235959Z',
    '490230000000Z',
    '4912312460Z',
  ]) {
    assert.throws(() => time(Tag.UtcTime, text), DerFault, text);
  }
  assert.throws(() => time(Tag.OctetString, '491231235959Z'), DerFault);
});

test('whatever bytes come, reading ends with a value or a fault', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      for (const read of ['oid', 'integerHex', 'timeMs', 'bits', 'boolean'] as const) {
        try {
          new DerReader(bytes)[read]();
        } catch (error) {
          assert.ok(error instanceof DerFault, String(error));
        }
      }
    }),
  );
});
