/** Bytes from one place to another without a view of either. */

const copy: (this: Uint8Array, target: Uint8Array, at: number, start: number, end: number) => number =
  Buffer.prototype.copy;

/**
 * Puts `source[start..end)` to `target[at..)`, which has the room. `set` would need a view of the part, which is garbage at once; this takes
 * any Uint8Array, which `Buffer.copy` does not as a method.
 */
export function copyBytes(source: Uint8Array, start: number, end: number, target: Uint8Array, at: number): void {
  copy.call(source, target, at, start, end);
}
