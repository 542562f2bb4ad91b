/**
 * How much of what was written to a socket the kernel has taken. A stream counts a large write as one piece until its last byte
 * is gone; a peer that reads a little and one that reads nothing look alike there.
 */
import type { Socket } from 'node:net';

/** What libuv counts, as the runtime shows it on a socket's handle. */
interface CountingHandle {
  readonly bytesWritten?: unknown;
  readonly writeQueueSize?: unknown;
}

/** Bytes so far; of the socket under TLS, with what TLS adds. Undefined where the runtime does not show it. */
export function takenByKernel(raw: Socket): number | undefined {
  const handle = (raw as unknown as { readonly _handle?: CountingHandle | null })._handle;
  const written = handle?.bytesWritten;
  const waiting = handle?.writeQueueSize;
  return typeof written === 'number' && typeof waiting === 'number' ? written - waiting : undefined;
}
