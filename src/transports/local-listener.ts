/** A local socket on which the processes of one gateway reach each other. Its file's mode is the access control. */
import { chmodSync, rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import type { Clock } from '../base/clock.ts';
import type { Accept } from '../pipeline/downstream.ts';
import { FlushQueue } from './flush-queue.ts';
import { SocketDownstream } from './socket-downstream.ts';

export interface LocalListener {
  /** No new connections; resolves when those that are open have gone. The socket's file is removed. */
  close(): Promise<void>;
}

const CLOSE_GRACE_MS = 2000;
const BACKLOG = 1024;
const NOTHING = new Uint8Array(0);
const queue = new FlushQueue();

/** Listens at `path`, which is made anew. Connections are handed over as they come, under the listener's `name`. */
export async function openLocalListener(
  name: string,
  path: string,
  accept: Accept,
  clock: Clock,
): Promise<LocalListener> {
  rmSync(path, { force: true });
  const open = new Set<Socket>();
  let number = 0;
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    open.add(socket);
    socket.once('close', () => open.delete(socket));
    number += 1;
    const facts = { connectionId: `l${number}`, listener: name, address: 'local', port: 0, secure: false };
    new SocketDownstream(socket, facts, { clock, queue, closeGraceMs: CLOSE_GRACE_MS }).start(accept, NOTHING);
  });
  // INVARIANT: nobody else can connect between the two steps: the directory belongs to the gateway alone.
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ path, backlog: BACKLOG }, resolve);
  });
  chmodSync(path, 0o600);
  return {
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const socket of open) socket.destroy();
      await closed;
      rmSync(path, { force: true });
    },
  };
}
