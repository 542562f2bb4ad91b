/** How a byte stream's batches get into its socket. */
import type { ByteBatch } from '../base/byte-batch.ts';

/** This much is worth a write of its own, while it is still in the processor's cache; writes of less cost more than that saves. */
export const WRITE_AT_BYTES = 65_536;

/** Whose batches they are. */
export interface WriterOwner {
  /** All that was pending has gone. */
  onWritten(): void;
}

export interface SocketWriter {
  /** Bytes that were taken from a batch and that the kernel has not taken yet. */
  readonly pendingBytes: number;
  /**
   * Takes the batch's content, or leaves it there until `onWritten`.
   * Returns how many bytes were taken.
   */
  write(batch: ByteBatch): number;
  /** Takes what is left and closes our side when all of it has gone; returns how many bytes were taken. Later writes are void. */
  end(batch: ByteBatch): number;
}
