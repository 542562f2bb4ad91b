/** What a ClientHello tells before any of it is answered: whether its sender means to resume a session (RFC 8446, 4.1.2). */

const HANDSHAKE = 0x16;
const CLIENT_HELLO = 1;
const SESSION_TICKET = 35;
const PRE_SHARED_KEY = 41;

/** Behind record header, handshake header, version and random. */
const SESSION_ID_AT = 5 + 4 + 2 + 32;

/**
 * True where it shows a session ticket or a key from an earlier session. Of a record that has not come whole nothing is known,
 * and false is the answer.
 */
export function resumesSession(bytes: Uint8Array): boolean {
  if (bytes[0] !== HANDSHAKE || bytes[5] !== CLIENT_HELLO || bytes.length < 5 + u16(bytes, 3)) return false;
  let at = SESSION_ID_AT;
  at += 1 + (bytes[at] ?? 0);
  at += 2 + u16(bytes, at);
  at += 1 + (bytes[at] ?? 0);
  const end = Math.min(bytes.length, at + 2 + u16(bytes, at));
  at += 2;
  while (at + 4 <= end) {
    const type = u16(bytes, at);
    const size = u16(bytes, at + 2);
    // An empty ticket only says that the client takes them.
    if (type === PRE_SHARED_KEY || (type === SESSION_TICKET && size > 0)) return at + 4 + size <= end;
    at += 4 + size;
  }
  return false;
}

function u16(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
}
