/** Sessions in the order of their numbers, so that whoever turns pages goes on where the last one ended without a walk from the start. */

export interface Numbered {
  readonly number: number;
}

/** Below so many gaps nothing is moved. */
const GAPS_MIN = 1024;

export class SessionOrder<Session extends Numbered> {
  /** Ascending; a gap keeps its number, so that the search goes on. */
  #numbers: number[] = [];
  #sessions: (Session | undefined)[] = [];
  #gaps = 0;

  /** Its number is the highest so far. */
  add(session: Session): void {
    this.#numbers.push(session.number);
    this.#sessions.push(session);
  }

  remove({ number }: Session): void {
    const at = this.#firstFrom(number);
    if (this.#numbers[at] !== number || this.#sessions[at] === undefined) return;
    this.#sessions[at] = undefined;
    this.#gaps++;
    // Half of it, at most: each removal pays for two that are moved.
    if (this.#gaps > GAPS_MIN && this.#gaps * 2 > this.#sessions.length) this.#close();
  }

  #close(): void {
    this.#sessions = this.#sessions.filter((session) => session !== undefined);
    this.#numbers = this.#sessions.map((session) => session!.number);
    this.#gaps = 0;
  }

  /** Those whose number is higher; to be read at once, before anything changes. */
  *after(number: number): Generator<Session> {
    const sessions = this.#sessions;
    for (let at = this.#firstFrom(number + 1); at < sessions.length; at++) {
      const session = sessions[at];
      if (session !== undefined) yield session;
    }
  }

  /** The first place whose number is not lower. */
  #firstFrom(number: number): number {
    let [low, high] = [0, this.#numbers.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#numbers[middle]! < number) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
