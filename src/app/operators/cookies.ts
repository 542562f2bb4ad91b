/** The cookies of operators: bound to this host alone, sent over TLS alone, out of reach of scripts. */

/** The prefix makes browsers refuse it from another host, another path, or without TLS. */
export const SESSION_COOKIE = '__Host-sallyport';

/** Goes with each request that changes something, from a page of ours. */
export const CSRF_HEADER = 'sallyport-csrf';

const COOKIES_MAX_CHARACTERS = 8192;

/** Never sent along from another site, not even when a link leads here. It ends with the browser; the server ends it earlier. */
export function sessionCookie(secret: string): string {
  return `${SESSION_COOKIE}=${secret}; Path=/; Secure; HttpOnly; SameSite=Strict`;
}

/** Of a login that is under way at the provider of single sign-on. */
export const SSO_COOKIE = '__Host-sallyport-sso';

/** Comes back with the way back from the provider, which is another site, and with nothing else from there. */
export function ssoCookie(secret: string, lifetimeS: number): string {
  return `${SSO_COOKIE}=${secret}; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=${lifetimeS}`;
}

export function endedCookie(name: string = SESSION_COOKIE): string {
  return `${name}=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0`;
}

/** Undefined where there is none, and where there are two: one of them is not ours, and nobody knows which. */
export function cookieIn(header: string | readonly string[] | undefined, name: string): string | undefined {
  if (typeof header !== 'string' || header.length > COOKIES_MAX_CHARACTERS) return undefined;
  const found = header
    .split(';')
    .map((pair) => pair.trim())
    .filter((pair) => pair.startsWith(`${name}=`));
  return found.length === 1 ? found[0]!.slice(name.length + 1) : undefined;
}
