/** Writes of one turn of the event loop, gathered: whatever was touched while sockets were read goes out once, afterwards. */

export interface Flushable {
  flush(): void;
}

/**
 * One queue serves all connections of the process: the runtime reads every ready socket in one phase of its loop, and the
 * immediate that runs after that phase flushes all that the reading caused, one write a connection.
 */
export class FlushQueue {
  #touched: Flushable[] = [];
  #spare: Flushable[] = [];
  #scheduled = false;

  /** The caller sees to it that it is in the queue at most once. */
  add(flushable: Flushable): void {
    this.#touched.push(flushable);
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(this.#run);
  }

  readonly #run = (): void => {
    this.#scheduled = false;
    const touched = this.#touched;
    this.#touched = this.#spare;
    for (let i = 0; i < touched.length; i++) touched[i]!.flush();
    touched.length = 0;
    this.#spare = touched;
  };
}

/** The one of this process: clients' and brokers' sockets alike. */
export const flushQueue = new FlushQueue();
