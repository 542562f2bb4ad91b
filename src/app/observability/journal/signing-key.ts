/** The Ed25519 key that signs segments and the head of the journal: made at the first start, 0600, its public half beside it. */
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
  verify,
} from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { OperatorError } from '../../config/problem.ts';
import { createFile } from '../../init/durable-file.ts';

export const PRIVATE_KEY_FILE = 'signing.key';
export const PUBLIC_KEY_FILE = 'signing.pub';
const PRIVATE_MODE = 0o600;
const PUBLIC_MODE = 0o644;
/** Keeps a signature of the journal's from being one of anything else. */
const CONTEXT = 'sallyport journal 1';

export interface SigningKey {
  /** SHA-256 of the public key's DER, hexadecimal: what is compared with a copy kept elsewhere. */
  readonly fingerprint: string;
  sign(what: string): string;
}

export interface VerifyingKey {
  readonly fingerprint: string;
  verify(what: string, signature: string): boolean;
}

/** @throws {OperatorError} where there is a key that cannot be used, or none can be made. */
export async function openSigningKey(directory: string): Promise<SigningKey> {
  const path = join(directory, PRIVATE_KEY_FILE);
  try {
    const { privateKey } = generateKeyPairSync('ed25519');
    await createFile(path, privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(), PRIVATE_MODE);
    const key = createPrivateKey(await readFile(path));
    if (key.asymmetricKeyType !== 'ed25519') throw new Error('it is not an Ed25519 key');
    const publicKey = createPublicKey(key);
    await createFile(
      join(directory, PUBLIC_KEY_FILE),
      publicKey.export({ type: 'spki', format: 'pem' }).toString(),
      PUBLIC_MODE,
    );
    return {
      fingerprint: fingerprintOf(publicKey),
      sign: (what) => sign(null, messageOf(what), key).toString('base64url'),
    };
  } catch (error) {
    throw new OperatorError(`The journal's key ${path} cannot be used: ${(error as Error).message}.`);
  }
}

/** @throws {OperatorError} where the file is missing or holds no such key. */
export async function readVerifyingKey(path: string): Promise<VerifyingKey> {
  try {
    const key = createPublicKey(await readFile(path));
    if (key.asymmetricKeyType !== 'ed25519') throw new Error('it is not an Ed25519 key');
    return {
      fingerprint: fingerprintOf(key),
      verify: (what, signature) => verify(null, messageOf(what), key, Buffer.from(signature, 'base64url')),
    };
  } catch (error) {
    const { code = '', message } = error as NodeJS.ErrnoException;
    // OpenSSL's own words name none of what an operator has in hand.
    const says = code.startsWith('ERR_OSSL') ? 'it is no public key in PEM' : message;
    throw new OperatorError(
      `The public key ${path} cannot be used: ${says}. Give the one that was kept aside with --key.`,
    );
  }
}

function messageOf(what: string): Buffer {
  return Buffer.from(`${CONTEXT}\n${what}`);
}

function fingerprintOf(key: KeyObject): string {
  return createHash('sha256')
    .update(key.export({ type: 'spki', format: 'der' }))
    .digest('hex');
}
