/** Distinguished names of groups, as far as it takes to tell a group's name from where it stands [RFC 4514]. */

/**
 * The value of a group's first component, such as `ops` of `cn=ops,ou=groups,dc=example`, when the group stands directly under
 * `base`; undefined when it stands elsewhere. A group of the same name in another branch is another group, and must not pass
 * for this one.
 */
export function groupNameUnder(dn: string, base: string): string | undefined {
  const [first, ...rest] = components(dn);
  if (first === undefined || first.includes('+')) return undefined;
  if (normalized(rest) !== normalized(components(base))) return undefined;
  const equals = first.indexOf('=');
  return equals < 0 ? undefined : unescaped(first.slice(equals + 1).trim());
}

/** At commas that are not escaped. */
function components(dn: string): string[] {
  const parts: string[] = [];
  let part = '';
  for (let at = 0; at < dn.length; at++) {
    const character = dn[at]!;
    if (character === '\\') part += character + (dn[++at] ?? '');
    else if (character === ',') {
      parts.push(part.trim());
      part = '';
    } else part += character;
  }
  if (part.trim() !== '') parts.push(part.trim());
  return parts;
}

/** Names of attributes and, in all that matters here, their values are compared without regard to case. */
function normalized(parts: readonly string[]): string {
  return parts.map((part) => unescaped(part.replace(/\s*=\s*/, '=')).toLowerCase()).join('\u0000');
}

function unescaped(value: string): string {
  const bytes: Buffer[] = [];
  const pattern = /\\([0-9A-Fa-f]{2})|\\(.)|([^\\]+)/gsu;
  for (const [, hex, escaped, plain] of value.matchAll(pattern)) {
    bytes.push(hex === undefined ? Buffer.from(escaped ?? plain ?? '') : Buffer.from(hex, 'hex'));
  }
  return Buffer.concat(bytes).toString('utf8');
}
