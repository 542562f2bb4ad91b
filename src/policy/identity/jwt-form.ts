/** Whether bytes have the form of a JSON Web Token, and what its header says, before anything in it is believed. */

/** Nothing here has been verified. */
export interface JwtHeader {
  readonly alg: unknown;
  /** Null when there is one that is no text of reasonable length. */
  readonly kid: string | undefined | null;
  readonly unverifiedIssuer: unknown;
}

/** Headers hold two or three short fields; nothing of any length is parsed. */
const HEADER_MAX_CHARACTERS = 2048;
const KID_MAX_CHARACTERS = 256;
const TOKEN_MAX_CHARACTERS = 65_535;
/** Three parts in base64url, the last one empty where a token claims to need no signature. */
const FORM = /^e[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*$/;

/** Undefined when this is something else, such as a password: then other methods may look at it. */
export function readJwt(token: string): JwtHeader | undefined {
  if (token.length > TOKEN_MAX_CHARACTERS || !FORM.test(token)) return undefined;
  const headerEnd = token.indexOf('.');
  if (headerEnd > HEADER_MAX_CHARACTERS) return undefined;
  const header = parsePart(token.slice(0, headerEnd));
  if (header === undefined) return undefined;
  const { alg, kid } = header;
  const isUsable = kid === undefined || (typeof kid === 'string' && kid.length <= KID_MAX_CHARACTERS);
  return {
    alg,
    kid: isUsable ? kid : null,
    get unverifiedIssuer() {
      return parsePart(token.slice(headerEnd + 1, token.lastIndexOf('.')))?.['iss'];
    },
  };
}

function parsePart(part: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString('utf8'));
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}
