/** The pre-shared key that TLS has proven: its identity is the user name. */
import { Reason } from '../../mqtt/reason.ts';
import type { AuthenticationResult, Credentials, Identity, IdentityMethod } from './identity.ts';
import type { PskFile } from './psk-file.ts';
import { accept, deny } from './results.ts';

export class PskMethod implements IdentityMethod {
  readonly name = 'psk';
  readonly #file: PskFile;

  constructor(file: PskFile) {
    this.#file = file;
  }

  authenticate(credentials: Credentials): Promise<AuthenticationResult> | undefined {
    const { presharedKey } = credentials;
    return presharedKey === undefined ? undefined : Promise.resolve(this.#judge(credentials, presharedKey));
  }

  /** A user name beside it has to be the same, as beside a certificate; a password is not looked at. */
  #judge(
    credentials: Credentials,
    { identity, credential }: NonNullable<Credentials['presharedKey']>,
  ): AuthenticationResult {
    const by = `psk:${this.#file.file}`;
    // A reload may have come between the handshake and the CONNECT.
    if (!this.#isCurrent(identity, credential)) {
      return deny(Reason.NotAuthorized, by, 'The pre-shared key is no longer valid.', this.name);
    }
    if (credentials.username !== undefined && credentials.username !== identity) {
      const says = 'The user name is not the identity of the pre-shared key.';
      return deny(Reason.BadUserNameOrPassword, by, says, this.name);
    }
    return accept(credentials, identity, this.name, credential);
  }

  stillValid({ username, credential }: Identity): boolean {
    return username !== undefined && this.#isCurrent(username, credential);
  }

  #isCurrent(identity: string, credential: string): boolean {
    return this.#file.keys.get(identity)?.credential === credential;
  }
}
