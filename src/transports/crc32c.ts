/** CRC-32C (Castagnoli), the checksum that PROXY protocol v2 headers may carry. */

const TABLE = new Uint32Array(256);
for (let byte = 0; byte < 256; byte++) {
  let remainder = byte;
  for (let bit = 0; bit < 8; bit++) remainder = remainder & 1 ? (remainder >>> 1) ^ 0x82f63b78 : remainder >>> 1;
  TABLE[byte] = remainder;
}

/** The checksum of `bytes[start..end)`, taking the bytes in `[zeroStart..zeroEnd)` for zero. */
export function crc32c(bytes: Uint8Array, start: number, end: number, zeroStart = end, zeroEnd = end): number {
  let crc = 0xffffffff;
  for (let i = start; i < end; i++) {
    const byte = i >= zeroStart && i < zeroEnd ? 0 : bytes[i]!;
    crc = TABLE[(crc ^ byte) & 0xff]! ^ (crc >>> 8);
  }
  return (crc ^ 0xffffffff) >>> 0;
}
