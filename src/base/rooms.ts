/**
 * Memory for bytes on their way, borrowed in powers of two and handed back. Fresh memory for each burst or packet costs more than the
 * bytes that go through it, most of all because the runtime answers much of it with collections of its whole heap.
 */

/** The smallest room has 2 to this power bytes. */
const SMALLEST_BITS = 8;
/** How many rooms of each size, from the smallest up, wait for their next use: 15 MiB of them at most. */
const KEPT: readonly number[] = [512, 512, 512, 256, 128, 128, 64, 32, 32, 32, 4, 2, 2];
const LARGEST_BYTES = 2 ** (SMALLEST_BITS + KEPT.length - 1);

const waiting: Buffer[][] = KEPT.map(() => []);

/** A room of `neededBytes` or more, at most twice as many or the smallest there is; its content is whatever was there before. */
export function borrowRoom(neededBytes: number): Buffer {
  if (neededBytes > LARGEST_BYTES) return Buffer.allocUnsafeSlow(neededBytes);
  const bits = Math.max(SMALLEST_BITS, 32 - Math.clz32(neededBytes - 1));
  return waiting[bits - SMALLEST_BITS]!.pop() ?? Buffer.allocUnsafeSlow(2 ** bits);
}

/** Hands a room back; one that has no such size was not borrowed here. INVARIANT: nobody refers to it any more. */
export function returnRoom(room: Buffer): void {
  const size = room.length;
  const index = 31 - Math.clz32(size) - SMALLEST_BITS;
  if (index < 0 || index >= KEPT.length || (size & (size - 1)) !== 0) return;
  const rooms = waiting[index]!;
  if (rooms.length < KEPT[index]!) rooms.push(room);
}
