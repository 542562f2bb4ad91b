/** Reads the paragraphs of Debian's control files (deb822(5)): dpkg's status, package indexes, Release files, apt's sources. */

export type Paragraph = ReadonlyMap<string, string>;

/** Field names in lower case; of a field that goes on over several lines the lines, joined by line breaks. `wanted` keeps the others out of memory. */
export function* paragraphsOf(text: string, wanted?: ReadonlySet<string>): Generator<Paragraph> {
  let fields = new Map<string, string>();
  let current: string | undefined;
  let start = 0;
  while (start <= text.length) {
    let end = text.indexOf('\n', start);
    if (end === -1) end = text.length;
    const line = text.slice(start, end);
    start = end + 1;
    if (line.trim() === '') {
      if (fields.size > 0) yield fields;
      fields = new Map();
      current = undefined;
    } else if (line.startsWith(' ') || line.startsWith('\t')) {
      if (current !== undefined) fields.set(current, `${fields.get(current)}\n${line.trim()}`);
    } else if (!line.startsWith('#')) {
      const colon = line.indexOf(':');
      const name = colon === -1 ? '' : line.slice(0, colon).toLowerCase();
      current = name !== '' && (wanted === undefined || wanted.has(name)) ? name : undefined;
      if (current !== undefined) fields.set(current, line.slice(colon + 1).trim());
    }
  }
  if (fields.size > 0) yield fields;
}
