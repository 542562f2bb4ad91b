/** Search filters with a place for a value that a client chose [RFC 4515]. */

/** NUL, parentheses, asterisk and backslash mean something in a filter; everything beyond ASCII is escaped with them. */
const PLAIN = /^[\x01-\x27\x2b-\x5b\x5d-\x7e]$/;

export interface FilterParts {
  /** `%u` */
  readonly username: string;
  /** `%c` */
  readonly clientId: string;
  /** `%d`: distinguished name of the user, once it is known. */
  readonly dn?: string;
}

/** INVARIANT: what comes out has the structure of the template, whatever the values are. */
export function expandFilter(template: string, { username, clientId, dn = '' }: FilterParts): string {
  return template.replace(/%([ucd%])/g, (_, place: string) => {
    if (place === '%') return '%';
    return escapeFilterValue(place === 'u' ? username : place === 'c' ? clientId : dn);
  });
}

/** The value as a filter spells it: byte by byte, in UTF-8. */
export function escapeFilterValue(value: string): string {
  let escaped = '';
  for (const byte of Buffer.from(value, 'utf8')) {
    const character = String.fromCharCode(byte);
    escaped += PLAIN.test(character) ? character : `\\${byte.toString(16).padStart(2, '0')}`;
  }
  return escaped;
}
