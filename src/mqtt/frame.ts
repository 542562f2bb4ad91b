/** Borrowed bytes: one whole control packet inside somebody else's buffer. */

/**
 * A whole packet, `bytes[start..end)`; its first byte is `bytes[start]`, the variable header begins at `bodyStart`.
 * INVARIANT: valid only until the call that handed it over returns. Whoever keeps a part copies it: a kept 20-byte slice
 * would pin its whole chunk.
 */
export interface Frame {
  bytes: Uint8Array;
  start: number;
  bodyStart: number;
  end: number;
}
