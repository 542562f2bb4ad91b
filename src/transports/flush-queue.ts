/** Writes of one turn of the event loop, gathered: whatever was touched while sockets were read goes out once, afterwards. */

export interface Flushable {
  flush(): void;
}

/**
 * What a chunk has caused goes out before as many more are read: by then the sockets that it touched have begun to leave the
 * processor's cache, and those who wait for it have waited long enough.
 */
const CHUNKS_MAX = 32;

/**
 * One queue serves all connections of the process: the runtime reads every ready socket in one phase of its loop, and the
 * immediate that runs after that phase flushes all that the reading caused, one write a connection. A turn with many chunks
 * flushes in between.
 */
export class FlushQueue {
  /** `[0..#count)` wait. Never made shorter: an array that is emptied gives its memory back, and takes it anew each turn. */
  #touched: (Flushable | undefined)[] = [];
  #spare: (Flushable | undefined)[] = [];
  #count = 0;
  #scheduled = false;
  #chunks = 0;

  /** The caller sees to it that it is in the queue at most once. */
  add(flushable: Flushable): void {
    this.#touched[this.#count++] = flushable;
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(this.#run);
  }

  /** A socket has read a chunk and not yet handed it on: nobody's packet is half done, so there may be a flush. */
  onChunk(): void {
    if (++this.#chunks >= CHUNKS_MAX) this.#flush();
  }

  readonly #run = (): void => {
    this.#scheduled = false;
    this.#flush();
  };

  /** INVARIANT: not entered again from within: no flushable reads a chunk while it is flushed. */
  #flush(): void {
    this.#chunks = 0;
    const touched = this.#touched;
    const count = this.#count;
    this.#touched = this.#spare;
    this.#count = 0;
    for (let i = 0; i < count; i++) {
      const flushable = touched[i]!;
      touched[i] = undefined;
      flushable.flush();
    }
    this.#spare = touched;
  }
}

/** The one of this process: clients' and brokers' sockets alike. */
export const flushQueue = new FlushQueue();
