import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crc32c } from './crc32c.ts';

test('the checksum is that of the published examples [RFC 3720 B.4]', () => {
  const zeros = new Uint8Array(32);
  assert.equal(crc32c(zeros, 0, 32), 0x8a9136aa);
  assert.equal(crc32c(new Uint8Array(32).fill(0xff), 0, 32), 0x62a8ab43);
  assert.equal(crc32c(Buffer.from('123456789'), 0, 9), 0xe3069283);
});

test('bytes in the gap count as zero', () => {
  const bytes = new Uint8Array(32);
  bytes.fill(7, 4, 8);
  assert.equal(crc32c(bytes, 0, 32, 4, 8), 0x8a9136aa);
});
