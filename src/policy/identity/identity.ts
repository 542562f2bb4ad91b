/** Who a client is, once something has vouched for it. */

/** An authenticated identity. Frozen. */
export interface Identity {
  /** What grants are made to; undefined for an anonymous client. */
  readonly username: string | undefined;
  readonly clientId: string;
  /** How it was established. */
  readonly method: 'anonymous' | 'password-file' | 'certificate';
  /**
   * Opaque mark of the credential that was used; `Authenticator.stillValid` compares it after a reload, so that a changed
   * password or a removed user ends live sessions.
   */
  readonly credential: string;
}

/** What the client showed. The password's bytes are not kept after the answer. */
export interface Credentials {
  readonly clientId: string;
  readonly username: string | undefined;
  readonly password: Uint8Array | undefined;
  /** Common name of the verified client certificate, where the listener takes its identity from there. */
  readonly certificateName: string | undefined;
  /** The listener's own permission for clients that show nothing. */
  readonly anonymousAllowed: boolean;
}

export type AuthenticationResult =
  | { readonly ok: true; readonly identity: Identity }
  | {
      readonly ok: false;
      /** v5 reason code: 0x85 client identifier not valid, 0x86 bad credentials, 0x87 not authorized, 0x88 unavailable, 0x89 busy. */
      readonly reason: number;
      /** Author, such as `password-file:/etc/sallyport/users`. */
      readonly by: string;
      readonly says: string;
      readonly method: string;
    };

export interface Authenticator {
  /** Never rejects: what goes wrong inside is a denial that says so. */
  authenticate(credentials: Credentials): Promise<AuthenticationResult>;
  /** Whether an identity that was established before would still be today, without its secret. */
  stillValid(identity: Identity, listener: { anonymousAllowed: boolean }): boolean;
}
