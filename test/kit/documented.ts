/** Configuration as the documentation shows it: tests run what readers paste. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';

/** The block of a page that begins with the comment `# <name>`, below the heading; without that line. */
export function documented(page: string, heading: string, name: string): string {
  const text = readFileSync(new URL(`../../docs/${page}`, import.meta.url), 'utf8');
  const part = text.split(/^## /m).find((section) => section.startsWith(`${heading}\n`));
  assert.ok(part !== undefined, `${page} has no part "${heading}"`);
  const blocks = [...part.matchAll(/^```\w*\n# (.*)\n([\s\S]*?)^```$/gm)];
  const block = blocks.find((match) => match[1] === name);
  assert.ok(block !== undefined, `${page} shows no ${name} in its part "${heading}"`);
  return block[2]!;
}

/** Each text in the place of another; all of them must be there. */
export function replaced(text: string, changes: Readonly<Record<string, string>>): string {
  let changed = text;
  for (const [from, to] of Object.entries(changes)) {
    assert.ok(changed.includes(from), `the documentation has no ${from} any more`);
    changed = changed.replaceAll(from, to);
  }
  return changed;
}
