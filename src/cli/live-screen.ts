/** A page on a terminal that is drawn again in place: fits its size, ends with q, and leaves the terminal as it was. */
import { stripVTControlCharacters } from 'node:util';
import { pause } from './pause.ts';

const ENTER = '\x1b[?1049h\x1b[?25l';
const LEAVE = '\x1b[?25h\x1b[?1049l';
const HOME = '\x1b[H';
const CLEAR_LINE = '\x1b[K';
const CLEAR_BELOW = '\x1b[J';
const RESET = '\x1b[0m';
const INTERRUPT = '\x03';
const END_OF_INPUT = '\x04';

export class LiveScreen {
  readonly #stdin: NodeJS.ReadStream;
  readonly #stdout: NodeJS.WriteStream;
  readonly #page: (rows: number, columns: number) => readonly string[];
  #isOver = false;
  #cut = (): void => undefined;

  /** `page` makes the lines for so many rows; what does not fit is cut. */
  constructor(
    stdin: NodeJS.ReadStream,
    stdout: NodeJS.WriteStream,
    page: (rows: number, columns: number) => readonly string[],
  ) {
    this.#stdin = stdin;
    this.#stdout = stdout;
    this.#page = page;
  }

  /** Until somebody ends it. `look` brings what the page shows up to date; it does not reject. */
  async show(intervalMs: number, look: () => Promise<void>): Promise<void> {
    const onKey = (keys: Buffer): void => {
      const text = keys.toString('latin1');
      if (text === 'q' || text === 'Q' || text.includes(INTERRUPT) || text.includes(END_OF_INPUT)) this.#end();
    };
    const onResize = (): void => this.#draw();
    const onSignal = (): void => this.#end();
    // Whatever ends the process, the terminal is given back.
    const restore = (): void => {
      this.#stdout.write(LEAVE);
      this.#stdin.setRawMode(false);
    };
    this.#stdin.setRawMode(true);
    this.#stdin.on('data', onKey);
    this.#stdin.resume();
    this.#stdout.on('resize', onResize);
    for (const signal of ['SIGTERM', 'SIGHUP', 'SIGINT'] as const) process.on(signal, onSignal);
    process.on('exit', restore);
    this.#stdout.write(ENTER);
    try {
      while (!this.#isOver) {
        this.#draw();
        const waiting = pause(intervalMs);
        this.#cut = waiting.cut;
        await waiting.over;
        if (!this.#isOver) await look();
      }
    } finally {
      process.off('exit', restore);
      for (const signal of ['SIGTERM', 'SIGHUP', 'SIGINT'] as const) process.off(signal, onSignal);
      this.#stdout.off('resize', onResize);
      this.#stdin.off('data', onKey);
      this.#stdin.pause();
      restore();
    }
  }

  #end(): void {
    this.#isOver = true;
    this.#cut();
  }

  #draw(): void {
    if (this.#isOver) return;
    const { rows = 24, columns = 80 } = this.#stdout;
    const lines = this.#page(rows, columns)
      .slice(0, rows)
      .map((line) => cutTo(line, columns) + CLEAR_LINE);
    this.#stdout.write(HOME + lines.join('\r\n') + CLEAR_BELOW);
  }
}

/** A line of at most so many columns; with styles in it, those are closed. */
export function cutTo(line: string, columns: number): string {
  if (stripVTControlCharacters(line).length <= columns) return line;
  let shown = 0;
  let text = '';
  for (const part of line.split(/(\x1b\[[0-9;]*m)/)) {
    if (part.startsWith('\x1b[')) {
      text += part;
      continue;
    }
    const room = columns - shown;
    text += part.slice(0, Math.max(0, room));
    shown += Math.min(part.length, room);
    if (shown >= columns) break;
  }
  return text + RESET;
}
