/** A word as it can be pasted into a shell, whatever a peer has made it of. */

const PLAIN = /^[A-Za-z0-9@%+=:,./_-]+$/;
/** What a terminal acts on, or does not show. */
const UNSEEN = /[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/;
const UNSEEN_OR_SPECIAL = /[\\'\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

/** In single quotes where it has to be; with escapes, as bash and zsh read them (`$'…'`), where it has what nobody sees. */
export function shellWord(text: string): string {
  if (PLAIN.test(text)) return text;
  if (!UNSEEN.test(text)) return `'${text.replaceAll("'", `'\\''`)}'`;
  return `$'${text.replace(UNSEEN_OR_SPECIAL, (character) =>
    character === '\\' || character === "'"
      ? `\\${character}`
      : `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )}'`;
}
