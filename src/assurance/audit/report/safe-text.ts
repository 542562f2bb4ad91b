/** Text that was written by whoever is audited, made harmless for the format it goes into. */
import { escapeMarkup } from '../../../base/markup.ts';

/** A cell of CSV (RFC 4180); what a spreadsheet would take for a formula is put behind an apostrophe. */
export function csvCell(value: string | number): string {
  if (typeof value === 'number') return String(value);
  const text = /^\s*[=+\-@\t\r|%]/.test(value) ? `'${value}` : value;
  return /[",\r\n;\t]|^'|^\s|\s$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** For Markdown, in a table cell too: no markup, no HTML, no link. */
export function escapeMarkdown(text: string): string {
  return (
    escapeMarkup(text)
      .replace(/[\r\n]+/g, ' ')
      .replace(/[\\`*_{}[\]()#+!|~]/g, (character) => `&#${character.charCodeAt(0)};`)
      // Bare addresses become links in many renderers.
      .replace(/:\/\//g, '&#58;//')
      .replace(/@/g, '&#64;')
      .replace(/\bwww\./gi, 'www&#46;')
  );
}
