/** Changes of single lines in several files at once: every other line, comments and line ends included, stays as it is. */

interface FileEdits {
  readonly replaced: Map<number, string>;
  /** By the line that they follow; 0 is the beginning of the file. */
  readonly inserted: Map<number, string[]>;
  readonly appended: string[];
}

export class LineEdits {
  readonly #files = new Map<string, FileEdits>();

  get paths(): string[] {
    return [...this.#files.keys()];
  }

  /** Lines are counted from 1, in the file as it was. */
  replace(path: string, line: number, text: string): void {
    this.#of(path).replaced.set(line, text);
  }

  insertAfter(path: string, line: number, ...texts: readonly string[]): void {
    const { inserted } = this.#of(path);
    inserted.set(line, [...(inserted.get(line) ?? []), ...texts]);
  }

  append(path: string, ...texts: readonly string[]): void {
    this.#of(path).appended.push(...texts);
  }

  /** The file's new text. */
  applyTo(path: string, text: string): string {
    const { replaced, inserted, appended } = this.#of(path);
    const end = text.includes('\r\n') ? '\r\n' : '\n';
    const lines = text === '' ? [] : text.split(/\r?\n/);
    // The last line end is no line of its own.
    const isEnded = lines.at(-1) === '';
    if (isEnded) lines.pop();
    const changed = [...(inserted.get(0) ?? [])];
    for (const [index, line] of lines.entries()) {
      changed.push(replaced.get(index + 1) ?? line, ...(inserted.get(index + 1) ?? []));
    }
    changed.push(...appended);
    return `${changed.join(end)}${end}`;
  }

  #of(path: string): FileEdits {
    const before = this.#files.get(path);
    if (before !== undefined) return before;
    const made: FileEdits = { replaced: new Map(), inserted: new Map(), appended: [] };
    this.#files.set(path, made);
    return made;
  }
}
