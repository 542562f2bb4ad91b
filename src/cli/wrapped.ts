/** Text at a margin, in lines that are broken between words. */
import { stripVTControlCharacters } from 'node:util';

/** The first line begins behind the margin, which stands there already. A word that is longer than a line stays whole. */
export function wrapped(text: string, margin: number, widthMax: number): string {
  if (margin + stripVTControlCharacters(text).length <= widthMax) return text;
  const lines: string[] = [];
  let [line, width] = ['', margin];
  for (const word of text.split(' ')) {
    const length = stripVTControlCharacters(word).length;
    if (line !== '' && width + 1 + length > widthMax) {
      lines.push(line);
      [line, width] = [word, margin + length];
    } else {
      width += line === '' ? length : length + 1;
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  lines.push(line);
  return lines.join(`\n${' '.repeat(margin)}`);
}
