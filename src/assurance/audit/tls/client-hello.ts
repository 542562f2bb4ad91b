/** ClientHello messages as bytes, for what the runtime's own TLS will not offer: SSL 2 and 3, dead ciphers, one group alone. */
import { randomBytes } from 'node:crypto';
import { isIP } from 'node:net';

export const SSL2 = 0x0002;
export const SSL3 = 0x0300;
export const TLS10 = 0x0301;
export const TLS11 = 0x0302;
export const TLS12 = 0x0303;
export const TLS13 = 0x0304;

export const VERSION_NAMES: Readonly<Record<number, string>> = {
  [SSL2]: 'SSL 2',
  [SSL3]: 'SSL 3',
  [TLS10]: 'TLS 1.0',
  [TLS11]: 'TLS 1.1',
  [TLS12]: 'TLS 1.2',
  [TLS13]: 'TLS 1.3',
};

/** What one connection offers. */
export interface Offer {
  /** The highest version. */
  readonly version: number;
  readonly suites: readonly number[];
  /** In order; the usual ones where nothing is said. */
  readonly groups?: readonly number[];
}

export const X25519MLKEM768 = 0x11ec;
/** x25519, P-256, P-384, P-521, x448, ffdhe2048. */
const USUAL_GROUPS = [0x001d, 0x0017, 0x0018, 0x0019, 0x001e, 0x0100];
const SIGNATURES = [
  0x0403, 0x0503, 0x0603, 0x0807, 0x0808, 0x0804, 0x0805, 0x0806, 0x0809, 0x080a, 0x080b, 0x0401, 0x0501, 0x0601,
  0x0303, 0x0301, 0x0302, 0x0402, 0x0203, 0x0201, 0x0202, 0x0101, 0x0904, 0x0905, 0x0906,
];

/** The seven ciphers of SSL 2. */
const SSL2_CIPHERS = [0x010080, 0x020080, 0x030080, 0x040080, 0x050080, 0x060040, 0x0700c0];

const u8 = (value: number): Buffer => Buffer.of(value);
const u16 = (value: number): Buffer => Buffer.of(value >> 8, value & 0xff);
const list16 = (values: readonly number[]): Buffer => sized16(Buffer.concat(values.map(u16)));

function sized8(bytes: Buffer): Buffer {
  return Buffer.concat([u8(bytes.length), bytes]);
}

function sized16(bytes: Buffer): Buffer {
  return Buffer.concat([u16(bytes.length), bytes]);
}

function extension(type: number, body: Buffer): Buffer {
  return Buffer.concat([u16(type), sized16(body)]);
}

/** The first message of a handshake, in its record. `serverName` is only sent where it is a name. */
export function clientHello({ version, suites, groups = USUAL_GROUPS }: Offer, serverName: string): Buffer {
  if (version === SSL2) return ssl2Hello();
  const isTls13 = version === TLS13;
  const extensions = [
    ...(serverName === '' || isIP(serverName) !== 0
      ? []
      : [extension(0x0000, sized16(Buffer.concat([u8(0), sized16(Buffer.from(serverName, 'latin1'))])))]),
    extension(0x000a, list16(groups)),
    extension(0x000b, sized8(u8(0))),
    extension(0x000d, list16(SIGNATURES)),
    // status_request: an OCSP answer is welcome.
    extension(0x0005, Buffer.of(1, 0, 0, 0, 0)),
    // Some servers end the handshake with a client that cannot renegotiate safely.
    extension(0xff01, u8(0)),
    ...(isTls13
      ? [
          extension(0x002b, sized8(u16(TLS13))),
          // No share at all: a server that would speak TLS 1.3 asks for one and names its group [RFC 8446 4.1.4].
          extension(0x0033, u16(0)),
          extension(0x002d, sized8(u8(1))),
        ]
      : []),
  ];
  const body = Buffer.concat([
    u16(Math.min(version, TLS12)),
    randomBytes(32),
    sized8(isTls13 ? randomBytes(32) : Buffer.alloc(0)),
    list16(suites),
    sized8(u8(0)),
    ...(version === SSL3 ? [] : [sized16(Buffer.concat(extensions))]),
  ]);
  const message = Buffer.concat([u8(1), u8(body.length >> 16), u16(body.length & 0xffff), body]);
  return Buffer.concat([u8(22), u16(version === SSL3 ? SSL3 : TLS10), sized16(message)]);
}

function ssl2Hello(): Buffer {
  const ciphers = Buffer.concat(SSL2_CIPHERS.map((cipher) => Buffer.concat([u8(cipher >> 16), u16(cipher & 0xffff)])));
  const body = Buffer.concat([u8(1), u16(SSL2), u16(ciphers.length), u16(0), u16(16), ciphers, randomBytes(16)]);
  return Buffer.concat([u16(0x8000 | body.length), body]);
}
