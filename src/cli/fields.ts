/** What is told of one thing, in lines with a label before them. */
import { styled, terminalColumns } from './terminal.ts';
import { wrapped } from './wrapped.ts';

/** A label, and one line or several, of which the first stands behind it. */
export type Field = readonly [label: string, ...lines: string[]];

/** Lines that are too long for the terminal are broken between words. */
export function fieldLines(fields: readonly Field[], labelWidth: number, indent = ''): string[] {
  const margin = indent.length + labelWidth + 1;
  return fields.flatMap(([label, ...lines]) =>
    lines.map((line, i) => {
      const head = styled('dim', (i === 0 ? label : '').padEnd(labelWidth));
      return `${indent}${head} ${wrapped(line, margin, terminalColumns())}`;
    }),
  );
}
