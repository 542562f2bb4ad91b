/** Names the protocol that a connection's first bytes speak, for the event that says why they were not taken. */

/** The first byte of every MQTT connection: CONNECT with its reserved flags [MQTT-3.1.0-1], [MQTT-2.1.3-1]. */
export const CONNECT_BYTE = 0x10;
/** The first byte of every TLS connection: a handshake record. */
export const TLS_BYTE = 0x16;

const HTTP_STARTS = ['GET ', 'POST ', 'HEAD ', 'PUT ', 'OPTIONS ', 'DELETE ', 'CONNECT ', 'PATCH ', 'TRACE ', 'PRI '];

export type Protocol = 'mqtt' | 'tls' | 'http' | 'ssh' | 'proxy' | 'unknown';

/** What an event calls each of them. */
export const PROTOCOL_NAMES: Readonly<Record<Protocol, string>> = {
  mqtt: 'an unencrypted MQTT CONNECT',
  tls: 'a TLS handshake',
  http: 'an HTTP request',
  ssh: 'an SSH greeting',
  proxy: 'a PROXY protocol header',
  unknown: 'no protocol known here',
};

/** A guess from as much of the first chunk as came; a chunk shorter than a protocol's start counts when it could become it. */
export function protocolOf(chunk: Uint8Array): Protocol {
  switch (chunk[0]) {
    case CONNECT_BYTE:
      return 'mqtt';
    case TLS_BYTE:
      return chunk.length === 1 || chunk[1] === 0x03 ? 'tls' : 'unknown';
    case 0x0d:
      return startsAs(chunk, '\r\n\r\n\0\r\nQUIT\n') ? 'proxy' : 'unknown';
  }
  for (const start of HTTP_STARTS) if (startsAs(chunk, start)) return 'http';
  if (startsAs(chunk, 'SSH-')) return 'ssh';
  return startsAs(chunk, 'PROXY ') ? 'proxy' : 'unknown';
}

/** At least two bytes must agree: one alone may as well be an MQTT packet type. */
function startsAs(chunk: Uint8Array, start: string): boolean {
  const length = Math.min(chunk.length, start.length);
  if (length < 2) return false;
  for (let i = 0; i < length; i++) if (chunk[i] !== start.charCodeAt(i)) return false;
  return true;
}
