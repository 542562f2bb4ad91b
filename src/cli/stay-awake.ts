/** Keeps the process alive while it only waits: timers of the clock do not, nor do sockets to others, and there may be nothing else to wait for. */

/** Ends what it began. */
export function stayAwake(): () => void {
  const { port1, port2 } = new MessageChannel();
  port1.on('message', () => undefined);
  return () => {
    port1.close();
    port2.close();
  };
}
