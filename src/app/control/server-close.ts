/** Ends a server together with the connections that it has. */
import type { Server } from 'node:net';

export function closeServer(server: Server, serving: { closeAll(): void }): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    serving.closeAll();
  });
}
