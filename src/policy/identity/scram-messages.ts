/**
 * The messages of SCRAM as text [RFC 5802 7], read strictly: attributes in their order, no others, every value in its one
 * proper spelling.
 */
import { decodeBase64 } from './scram-verifier.ts';

export interface ClientFirst {
  /** What the last message has to repeat: how the client sees channel binding, and whom it speaks for. */
  readonly gs2Header: string;
  /** The message without that: part of what is signed. */
  readonly bare: string;
  readonly username: string;
  readonly nonce: string;
  /** The user that the client wants to act as; undefined: itself. */
  readonly authorizationName: string | undefined;
}

export interface ClientFinal {
  readonly channelBinding: string;
  readonly nonce: string;
  readonly proof: Buffer;
  /** The message without its proof: part of what is signed. */
  readonly withoutProof: string;
}

export type ScramFault = 'malformed' | 'channel-binding' | 'extension';

/** No honest message comes near: a name of 256 characters, a nonce, a proof. */
const MESSAGE_MAX_CHARACTERS = 2048;
const NONCE = '[\\x21-\\x2b\\x2d-\\x7e]{8,512}';
/** Printable ASCII but for the comma; the equals sign only as one of two escapes. */
const NAME = '(?:[\\x20-\\x2b\\x2d-\\x3c\\x3e-\\x7e]|=2C|=3D)+';

const CLIENT_FIRST = new RegExp(
  `^((?:n|y|p=[A-Za-z0-9.-]+),(?:a=(${NAME}))?,)((m=[^,]*,)?n=(${NAME}),r=(${NONCE})(,.*)?)$`,
);
const CLIENT_FINAL = new RegExp(`^(c=([A-Za-z0-9+/=]+),r=(${NONCE})(,.*)?),p=([A-Za-z0-9+/=]+)$`);

export function readClientFirst(data: Uint8Array): ClientFirst | ScramFault {
  const match = CLIENT_FIRST.exec(textOf(data));
  if (match === null) return 'malformed';
  const [, gs2Header = '', authorization, bare = '', mandatory, name = '', nonce = '', further] = match;
  // The server offers no mechanism with channel binding, so none is asked for by a client that was not tampered with.
  if (gs2Header.startsWith('p')) return 'channel-binding';
  if (mandatory !== undefined || further !== undefined) return 'extension';
  const authorizationName = authorization === undefined ? undefined : unescaped(authorization);
  return { gs2Header, bare, username: unescaped(name), nonce, authorizationName };
}

export function readClientFinal(data: Uint8Array): ClientFinal | ScramFault {
  const match = CLIENT_FINAL.exec(textOf(data));
  if (match === null) return 'malformed';
  const [, withoutProof = '', channelBinding = '', nonce = '', further, proofText = ''] = match;
  if (further !== undefined) return 'extension';
  const proof = decodeBase64(proofText);
  return proof === undefined ? 'malformed' : { channelBinding, nonce, proof, withoutProof };
}

/** Bytes beyond ASCII stay themselves, and match nothing. */
function textOf(data: Uint8Array): string {
  return data.length > MESSAGE_MAX_CHARACTERS ? '' : Buffer.from(data).toString('latin1');
}

function unescaped(name: string): string {
  return name.replaceAll('=2C', ',').replaceAll('=3D', '=');
}
