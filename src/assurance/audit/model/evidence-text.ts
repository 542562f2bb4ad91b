/** Evidence as it may be shown: short, of one line, and without what looks like a secret. */

const SHOWN_MAX_CHARACTERS = 400;

const REDACTED = '(redacted)';

const SECRETS: readonly (readonly [RegExp, string])[] = [
  [/-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g, REDACTED],
  // crypt(3), Mosquitto and PHC hashes.
  [/\$(?:1|2[aby]?|5|6|7|y|argon2\w*|pbkdf2\S*?)\$[^\s:'"]+/g, REDACTED],
  // user:password@ in a URL.
  [/(\b[a-z][a-z0-9+.-]*:\/\/[^\s:/@]*):[^\s@/]+@/gi, `$1:${REDACTED}@`],
  // password = x, "secret": "x", token x.
  [
    /((?:pass(?:word|wd|phrase)?|secret|token|cookie|psk|api[-_]?key)["']?\s*[=:]\s*)("[^"]*"|'[^']*'|[^\s,;}]+)/gi,
    `$1${REDACTED}`,
  ],
];

/** Values behind words such as `password` go, whatever they are: a boolean that is lost costs less than a password that is shown. */
export function redact(text: string): string {
  return SECRETS.reduce((shown, [pattern, instead]) => shown.replace(pattern, instead), text);
}

/** `remote_password x`: a directive and its value, as brokers have them; `password_file x` names a file. */
const SECRET_DIRECTIVE = /^([ +-]?\s*[\w.-]*(?:pass(?:word|wd|phrase)?|secret|token|api[-_]?key)\s+)\S.*$/gim;

/** Of the lines of a configuration. */
export function redactLines(text: string): string {
  return redact(text).replace(SECRET_DIRECTIVE, `$1${REDACTED}`);
}

/** Control characters become visible, so that no terminal and no log obeys them; bidirectional overrides too. */
export function visible(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g, (character) =>
    character === '\n' || character === '\t' ? ' ' : `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

export function shownEvidence(text: string): string {
  // Cut twice: patterns are put to a bounded text, and what they leave is bounded again.
  const shown = visible(redact(text.slice(0, 8 * SHOWN_MAX_CHARACTERS))).toWellFormed();
  return shown.length <= SHOWN_MAX_CHARACTERS ? shown : `${shown.slice(0, SHOWN_MAX_CHARACTERS - 1)}…`.toWellFormed();
}
