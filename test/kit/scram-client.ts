/** The client's half of SCRAM for tests, written from the RFC alone and sharing no code with the server's half. */
import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto';

export interface ScramClientInit {
  username: string;
  password: string;
  hash?: 'sha256' | 'sha512';
  /** Default: random. */
  nonce?: string;
  /** Default: `n,,`. */
  gs2Header?: string;
}

export class ScramClient {
  readonly #init: Required<ScramClientInit>;
  readonly #bare: string;
  #serverSignature = '';

  constructor(init: ScramClientInit) {
    this.#init = { hash: 'sha256', gs2Header: 'n,,', nonce: randomBytes(18).toString('base64'), ...init };
    const name = init.username.replaceAll('=', '=3D').replaceAll(',', '=2C');
    this.#bare = `n=${name},r=${this.#init.nonce}`;
  }

  first(): Buffer {
    return Buffer.from(this.#init.gs2Header + this.#bare);
  }

  /** The answer to the server's first message; parts of it can be replaced. */
  final(serverFirst: Uint8Array, change: { channelBinding?: string; nonce?: string } = {}): Buffer {
    const text = Buffer.from(serverFirst).toString();
    const [, nonce = '', salt = '', iterations = ''] = /^r=([^,]*),s=([^,]*),i=(\d+)$/.exec(text) ?? [];
    const { hash, password, gs2Header } = this.#init;
    const hmac = (key: Uint8Array, data: string): Buffer => createHmac(hash, key).update(data).digest();
    const salted = pbkdf2Sync(
      password,
      Buffer.from(salt, 'base64'),
      Number(iterations),
      hash === 'sha256' ? 32 : 64,
      hash,
    );
    const clientKey = hmac(salted, 'Client Key');
    const storedKey = createHash(hash).update(clientKey).digest();
    const channelBinding = change.channelBinding ?? Buffer.from(gs2Header).toString('base64');
    const withoutProof = `c=${channelBinding},r=${change.nonce ?? nonce}`;
    const signed = `${this.#bare},${text},${withoutProof}`;
    const signature = hmac(storedKey, signed);
    const proof = clientKey.map((byte, at) => byte ^ signature[at]!);
    this.#serverSignature = hmac(hmac(salted, 'Server Key'), signed).toString('base64');
    return Buffer.from(`${withoutProof},p=${Buffer.from(proof).toString('base64')}`);
  }

  /** Whether the server has proven that it knows the password too. */
  trusts(serverFinal: Uint8Array | undefined): boolean {
    return Buffer.from(serverFinal ?? '').toString() === `v=${this.#serverSignature}`;
  }
}
