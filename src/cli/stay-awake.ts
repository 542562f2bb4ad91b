/** Timers of the clock keep no process alive, and sockets to others do not either: an open port does. */
import { MessageChannel } from 'node:worker_threads';

/** Keeps the process alive until it is called off. */
export function stayAwake(): { callOff(): void } {
  const { port1 } = new MessageChannel();
  port1.on('message', () => undefined);
  return { callOff: () => port1.close() };
}
