/**
 * The levels of a topic name or filter, one after the other as somebody asks for them. Most questions are answered by the first ones, and a scan
 * asks thousands of them a second: cut whole, each topic of it leaves all its levels to be collected.
 */
export class TopicLevels {
  #text = '';
  /** Those that were cut, and behind them what is left of other texts. */
  readonly #cut: string[] = [];
  #count = 0;
  /** Where the next one begins; -1 behind the last. */
  #next = -1;

  start(text: string): void {
    this.#text = text;
    this.#count = 0;
    this.#next = 0;
  }

  /** Undefined behind the last one. */
  at(depth: number): string | undefined {
    while (this.#count <= depth) {
      if (this.#next === -1) return undefined;
      const end = this.#text.indexOf('/', this.#next);
      this.#cut[this.#count++] = end === -1 ? this.#text.slice(this.#next) : this.#text.slice(this.#next, end);
      this.#next = end === -1 ? -1 : end + 1;
    }
    return this.#cut[depth];
  }
}
