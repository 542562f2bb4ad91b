/** Deadlines of tests that pass only while this process runs: a machine that stood still has used none of them up. */

const TICK_MS = 50;

/** Calls `onOver` when so much time has passed in which this process ran; returns what calls it off. */
export function afterPatience(ms: number, onOver: () => void): () => void {
  let leftMs = ms;
  // However late a tick comes, it counts once; what the process slept through is still waiting to be read.
  const timer = setInterval(() => {
    leftMs -= TICK_MS;
    if (leftMs > 0) return;
    clearInterval(timer);
    onOver();
  }, TICK_MS);
  return () => clearInterval(timer);
}

/** For those who look again and again: ends with its scope. */
export class Patience implements Disposable {
  #isOver = false;
  readonly #callOff: () => void;

  constructor(ms: number) {
    this.#callOff = afterPatience(ms, () => {
      this.#isOver = true;
    });
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  [Symbol.dispose](): void {
    this.#callOff();
  }
}
