/** The prefix that keeps clients of different users or listeners apart on a broker that knows neither. */

/**
 * `%u` becomes the user's name, `%l` the listener's, `%%` a percent sign. In a user's name the character that follows `%u`
 * in the template is escaped, so that no user can choose a name whose prefix is the beginning of another's.
 */
export function clientIdPrefix(template: string, username: string | undefined, listener: string): string {
  let prefix = '';
  for (let at = 0; at < template.length; at++) {
    const character = template[at]!;
    if (character !== '%') {
      prefix += character;
      continue;
    }
    at++;
    if (template[at] === 'u') prefix += escaped(username ?? '', template[at + 1]);
    else if (template[at] === 'l') prefix += listener;
    else prefix += '%';
  }
  return prefix;
}

function escaped(username: string, separator: string | undefined): string {
  const inHex = (character: string): string =>
    `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`;
  let text = username.replaceAll('%', inHex('%'));
  if (separator !== undefined && separator !== '%') text = text.replaceAll(separator, inHex(separator));
  return text;
}
