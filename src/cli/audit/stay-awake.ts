/** Keeps the process alive while it only waits: timers of the clock do not, and a probe may wait for nothing else. */

/** Ends what it began. */
export function stayAwake(): () => void {
  const { port1, port2 } = new MessageChannel();
  port1.on('message', () => undefined);
  return () => {
    port1.close();
    port2.close();
  };
}
