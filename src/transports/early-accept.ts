/**
 * Judges accepted connections before the runtime makes a socket of them: whoever is turned away costs two calls of the system and
 * hardly an object. Where the runtime's inside is not as it was, connections are judged when they are sockets, and only slower.
 */
import type { Server } from 'node:net';

/** An accepted connection, as the runtime hands it to its server. */
interface AcceptedHandle {
  getpeername?(peer: { address?: string; port?: number }): number;
  /** Closes with a reset; the status is negative where it cannot. */
  reset?(): number;
  close?(): void;
}

interface ServerHandle {
  onconnection?: (status: number, accepted: AcceptedHandle | undefined) => void;
}

/** Whether the connection may become a socket; undefined address: it was reset before it could be asked. */
export type JudgeEarly = (address: string | undefined, port: number) => boolean;

/**
 * To be called when the server listens. What `judge` lets in is emitted as `connection` within the same call; false where that
 * cannot be done, and then nobody is judged.
 */
export function acceptEarly(server: Server, judge: JudgeEarly): boolean {
  const handle = (server as unknown as { _handle?: ServerHandle | null })._handle;
  const onward = handle?.onconnection;
  if (handle == null || typeof onward !== 'function') return false;
  handle.onconnection = function onconnection(status, accepted) {
    if (status !== 0 || typeof accepted?.getpeername !== 'function' || typeof accepted.reset !== 'function') {
      onward.call(this, status, accepted);
      return;
    }
    const peer: { address?: string; port?: number } = {};
    accepted.getpeername(peer);
    if (judge(peer.address, peer.port ?? 0)) onward.call(this, status, accepted);
    // An orderly close would leave us holding what the kernel keeps of it.
    else if (accepted.reset() < 0) accepted.close?.();
  };
  return true;
}
