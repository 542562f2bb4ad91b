/** Gathers the first line of a stream, up to a ceiling. */

export class LineReader {
  readonly #lengthMaxBytes: number;
  #chunks: Buffer[] = [];
  #lengthBytes = 0;

  constructor(lengthMaxBytes: number) {
    this.#lengthMaxBytes = lengthMaxBytes;
  }

  /** The whole line without its end, `'too long'`, or undefined while more must come. */
  take(chunk: Buffer): { line: string } | 'too long' | undefined {
    const end = chunk.indexOf(0x0a);
    this.#lengthBytes += end < 0 ? chunk.length : end;
    if (this.#lengthBytes > this.#lengthMaxBytes) {
      this.#chunks = [];
      return 'too long';
    }
    this.#chunks.push(end < 0 ? chunk : chunk.subarray(0, end));
    return end < 0 ? undefined : { line: Buffer.concat(this.#chunks).toString('utf8') };
  }
}
