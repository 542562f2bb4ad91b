/**
 * Judges accepted connections before the runtime makes a socket of them: whoever is turned away costs two calls of the system and
 * hardly an object. Where the runtime's inside is not as it was, connections are judged when they are sockets, and only slower.
 */
import type { Server } from 'node:net';

interface Peer {
  /** Undefined where the connection was reset before it could be asked. */
  address: string | undefined;
  port: number;
}

/** An accepted connection, as the runtime hands it to its server. */
export interface AcceptedHandle {
  getpeername(peer: Peer): number;
  setNoDelay(isOn: boolean): number;
  /** Closes with a reset; the status is negative where it cannot. */
  reset(): number;
  close(): void;
}

interface ServerHandle {
  onconnection?: (status: number, accepted: Partial<AcceptedHandle> | undefined) => void;
}

/** `away`: it is reset. `in`: the runtime makes a socket of it. `taken`: the handle is whose who was asked. */
export type Welcome = 'away' | 'in' | 'taken';

/** Undefined address: it was reset before it could be asked. */
export type JudgeEarly = (address: string | undefined, port: number, accepted: AcceptedHandle) => Welcome;

function isWhole(accepted: Partial<AcceptedHandle> | undefined): accepted is AcceptedHandle {
  return (
    typeof accepted?.getpeername === 'function' &&
    typeof accepted.reset === 'function' &&
    typeof accepted.setNoDelay === 'function'
  );
}

/**
 * To be called when the server listens. What `judge` lets in is emitted as `connection` within the same call; false where that
 * cannot be done, and then nobody is judged.
 */
export function acceptEarly(server: Server, judge: JudgeEarly): boolean {
  const handle = (server as unknown as { _handle?: ServerHandle | null })._handle;
  const onward = handle?.onconnection;
  if (handle == null || typeof onward !== 'function') return false;
  // One for all: each is asked before the next comes.
  const peer: Peer = { address: undefined, port: 0 };
  handle.onconnection = function onconnection(status, accepted) {
    if (status !== 0 || !isWhole(accepted)) {
      onward.call(this, status, accepted);
      return;
    }
    peer.address = undefined;
    accepted.getpeername(peer);
    const welcome = judge(peer.address, peer.port, accepted);
    if (welcome === 'in') onward.call(this, status, accepted);
    // An orderly close would leave us holding what the kernel keeps of it.
    else if (welcome === 'away' && accepted.reset() < 0) accepted.close();
  };
  return true;
}
