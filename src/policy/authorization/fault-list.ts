/** Gathers what is wrong in one file while it is read, up to a ceiling. */
import { type FileFault, FileFaultError } from '../../base/file-fault.ts';

/** Where something stands in its file, counted from 1. */
export interface Place {
  readonly line: number;
  readonly column: number;
}

const FAULTS_MAX = 100;
const QUOTED_MAX_CHARS = 60;

export class FaultList {
  readonly file: string;
  readonly #faults: FileFault[] = [];

  constructor(file: string) {
    this.file = file;
  }

  get count(): number {
    return this.#faults.length;
  }

  get isFull(): boolean {
    return this.#faults.length >= FAULTS_MAX;
  }

  add({ line, column }: Place, says: string, cure: string): void {
    if (!this.isFull) this.#faults.push({ file: this.file, line, column, says, cure });
  }

  /** @throws {FileFaultError} when there are any, in the order of the file. */
  throwIfAny(): void {
    if (this.#faults.length === 0) return;
    throw new FileFaultError(this.#faults.toSorted((a, b) => a.line - b.line || a.column - b.column));
  }
}

/** What an operator wrote, short enough for a sentence. */
export function shorten(text: string): string {
  return text.length > QUOTED_MAX_CHARS ? `${text.slice(0, QUOTED_MAX_CHARS)}…` : text;
}

export function quote(text: string): string {
  return `"${shorten(text)}"`;
}
