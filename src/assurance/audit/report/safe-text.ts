/** Text that was written by whoever is audited, made harmless for the format it goes into. */

const MARKUP: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** For HTML and XML, in text and in quoted attributes; what XML 1.0 cannot hold becomes a replacement character. */
export function escapeMarkup(text: string): string {
  return text
    .toWellFormed()
    .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, '\ufffd')
    .replace(/[&<>"']/g, (character) => MARKUP[character]!);
}

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
