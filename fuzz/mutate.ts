/** What is done to honest bytes: the small changes that parsers get wrong. */
import { Buffer } from 'node:buffer';
import type { Random } from './random.ts';

const INTERESTING = [0x00, 0x01, 0x02, 0x7f, 0x80, 0x81, 0xc0, 0xd8, 0xed, 0xf0, 0xfe, 0xff];

/** A changed copy; `other` lends pieces. */
export function mutate(random: Random, bytes: Buffer, other: Buffer): Buffer {
  let changed: Buffer = Buffer.from(bytes);
  for (let count = 1 + random.below(3); count > 0; count--) changed = once(random, changed, other);
  return changed;
}

function once(random: Random, bytes: Buffer, other: Buffer): Buffer {
  if (bytes.length === 0) return random.bytes(1 + random.below(8));
  const at = random.below(bytes.length);
  switch (random.below(9)) {
    case 0:
      bytes[at] = bytes[at]! ^ (1 << random.below(8));
      return bytes;
    case 1:
      bytes[at] = random.pick(INTERESTING);
      return bytes;
    case 2:
      bytes[at] = bytes[at]! + random.pick([1, -1]);
      return bytes;
    case 3:
      return bytes.subarray(0, at);
    case 4:
      return Buffer.concat([bytes.subarray(0, at), random.bytes(1 + random.below(4)), bytes.subarray(at)]);
    case 5:
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(Math.min(bytes.length, at + 1 + random.below(4)))]);
    case 6:
      return Buffer.concat([bytes.subarray(0, at), other.subarray(random.below(other.length + 1))]);
    case 7:
      // The first byte, which decides about all others.
      bytes[0] = random.next();
      return bytes;
    default:
      // A length that does not fit what follows.
      if (bytes.length > 1) bytes[1] = random.oneIn(3) ? 0xff : random.below(128);
      return bytes;
  }
}
