/** Rows in columns, for people. */
import { styled, terminalColumns } from './terminal.ts';

/** Text that says something and names nothing: what is not all of it is still of use. */
interface Prose {
  readonly title: string;
  readonly widthMin: number;
}

/** A title alone is of a column that stays whole: names, addresses and numbers are for copying. */
export type Column = string | Prose;

const PROSE_WIDTH_MIN = 12;
const GAP = '  ';

/** A column that is shortened, down to this width, where the terminal is too narrow for the table. */
export function prose(title: string, widthMin = PROSE_WIDTH_MIN): Prose {
  return { title, widthMin };
}

/**
 * One line a row; one line a field where a row has no room in `widthMax` columns however much its prose is shortened. Without
 * titles there is no line of them.
 */
export function table(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  widthMax = terminalColumns(),
): string {
  const titles = columns.map((column) => (typeof column === 'string' ? column : column.title));
  const widths = titles.map((title, at) => Math.max(title.length, ...rows.map((row) => row[at]!.length)));
  if (!makeRoom(widths, columns, widthMax)) return oneFieldALine(titles, rows);
  const line = (row: readonly string[]): string =>
    row
      .map((cell, at) => shortened(cell, widths[at]!).padEnd(widths[at]!))
      .join(GAP)
      .trimEnd();
  const head = titles.every((title) => title === '') ? [] : [styled('dim', line(titles))];
  return [...head, ...rows.map(line)].join('\n');
}

/** Takes from the widest prose first. False where that is not enough. */
function makeRoom(widths: number[], columns: readonly Column[], widthMax: number): boolean {
  let excess = widths.reduce((sum, width) => sum + width, GAP.length * (widths.length - 1)) - widthMax;
  while (excess > 0) {
    let widest: number | undefined;
    for (const [at, column] of columns.entries()) {
      const isFree = typeof column !== 'string' && widths[at]! > column.widthMin;
      if (isFree && (widest === undefined || widths[at]! > widths[widest]!)) widest = at;
    }
    if (widest === undefined) return false;
    widths[widest]!--;
    excess--;
  }
  return true;
}

/** What is empty says nothing there. */
function oneFieldALine(titles: readonly string[], rows: readonly (readonly string[])[]): string {
  const width = Math.max(...titles.map((title) => title.length));
  return rows
    .map((row) =>
      row
        .flatMap((cell, at) => (cell === '' ? [] : `${styled('dim', titles[at]!.padEnd(width))}${GAP}${cell}`))
        .join('\n'),
    )
    .join('\n\n');
}

/** With an ellipsis where it is cut, and never within a character. */
export function shortened(text: string, lengthMax: number): string {
  if (text.length <= lengthMax) return text;
  return `${text.slice(0, lengthMax - 1).replace(/[\ud800-\udbff]$/, '')}…`;
}

/** `2026-07-06 08:00Z`. */
export function minuteOf(epochMs: number): string {
  return `${new Date(epochMs).toISOString().slice(0, 16).replace('T', ' ')}Z`;
}

export function counted(amount: number, noun: string): string {
  return `${amount} ${noun}${amount === 1 ? '' : 's'}`;
}

/** What came from a client, on one line of a terminal. */
export function printable(text: string): string {
  return text.replaceAll(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, (char) => {
    return `\\u{${char.codePointAt(0)!.toString(16)}}`;
  });
}
