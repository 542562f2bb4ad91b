/** Who a client is, once something has vouched for it. */

/** An authenticated identity. Frozen. */
export interface Identity {
  /** What grants are made to; undefined for an anonymous client. */
  readonly username: string | undefined;
  readonly clientId: string;
  /** How it was established. */
  readonly method: string;
  /**
   * Opaque mark of the credential that was used; `Authenticator.stillValid` compares it after a reload, so that a changed
   * password or a removed user ends live sessions.
   */
  readonly credential: string;
  /** Roles, groups and attributes that the method vouches for (claims, directory groups, fields of the certificate). */
  readonly roles?: readonly string[];
  readonly groups?: readonly string[];
  readonly attributes?: Readonly<Record<string, string>>;
  /** Limits that it brings, by name and as they were given; read by whoever puts them into force. */
  readonly limits?: Readonly<Record<string, string>>;
  /** Epoch milliseconds at which it lapses and the session ends, unless the client has authenticated anew by then. */
  readonly expiresAtMs?: number;
}

/** What is known of a client certificate that TLS has verified. */
export interface CertificateFacts {
  readonly commonName: string | undefined;
  /** Distinguished names as OpenSSL prints them on one line, the most specific part last. */
  readonly subject: string;
  readonly issuer: string;
  readonly organizationalUnits: readonly string[];
  /** Lower-case hex. */
  readonly serial: string;
  /** SHA-256 of the certificate, lower-case hex. */
  readonly fingerprint: string;
  readonly dnsNames: readonly string[];
  readonly uris: readonly string[];
  readonly emails: readonly string[];
  /** Epoch milliseconds. */
  readonly notAfterMs: number;
  /** DER of the certificate and of what was sent with it, leaf first. */
  readonly chain: readonly Uint8Array[];
}

/** What of it is still known without its DER: what names are made of. */
export type CertificateFields = Omit<CertificateFacts, 'chain'>;

/** Where the client comes from, for methods that tell others of it. */
export interface Origin {
  readonly listener: string;
  readonly address: string;
  readonly port: number;
  readonly secure: boolean;
}

/** A pre-shared key whose possession a TLS handshake has proven. */
export interface PresharedKeyFacts {
  readonly identity: string;
  /** Mark of the key, as in the file at the time of the handshake. */
  readonly credential: string;
}

/** What an identity's standing is judged by, beside the credential that it was established with. */
export interface Standing {
  readonly anonymousAllowed: boolean;
  /** Its client has gone and cannot prove anything anew: what nobody here can say at the moment is not held against it. */
  readonly isAway?: boolean | undefined;
  /** As in `Credentials`, made anew. */
  readonly certificateName?: string | undefined;
}

/** What the client showed. The password's bytes are not kept after the answer. */
export interface Credentials {
  readonly clientId: string;
  readonly username: string | undefined;
  readonly password: Uint8Array | undefined;
  /** The pre-shared key that TLS was agreed on with. */
  readonly presharedKey?: PresharedKeyFacts | undefined;
  /** What TLS has verified, whether or not the listener takes the identity from there. */
  readonly certificate?: CertificateFacts | undefined;
  /** The user name that the listener makes of the certificate; empty when it lacks what that is made of. */
  readonly certificateName: string | undefined;
  /** The listener's own permission for clients that show nothing. */
  readonly anonymousAllowed: boolean;
  readonly origin?: Origin;
  /** What a v5 client sends in the user property `totp`: the code of a second factor, apart from the password. */
  readonly oneTimeCode?: string | undefined;
  /**
   * Asked when something costly had to wait for its turn: false when nobody waits for the answer any more, because the client has
   * gone, is banned, or has been refused meanwhile.
   */
  readonly isAwaited?: () => boolean;
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

/** Where an exchange stands after the client has spoken. */
export type EnhancedStep =
  /** The client is asked for more, by an AUTH that carries `data`. */
  | { readonly kind: 'continue'; readonly data: Uint8Array | undefined }
  /** `data` goes with the last packet to a client that was accepted. */
  | { readonly kind: 'done'; readonly result: AuthenticationResult; readonly data?: Uint8Array };

/** One run of an enhanced method with one client. */
export interface EnhancedExchange {
  /**
   * Takes the Authentication Data of the client's packet, borrowed until the call returns; undefined where it has none. Of the
   * first packet that has data, the answer may be undefined: it is none of this method's kind. Never rejects.
   */
  step(data: Uint8Array | undefined): Promise<EnhancedStep | undefined>;
}

/** A way of proving who a client is in a conversation of AUTH packets [MQTT5 4.12]. */
export interface EnhancedMethod {
  /** The Authentication Method on the wire, such as `SCRAM-SHA-256`. */
  readonly name: string;
  begin(credentials: Credentials): EnhancedExchange;
}

/** One way of proving who a client is. A chain asks its methods in order; the first that applies decides. */
export interface IdentityMethod {
  /** As in the configuration and in `Identity.method`, such as `password-file`. */
  readonly name: string;
  /** What it offers by AUTH packets. Identities from there bear its name too. */
  readonly enhanced?: readonly EnhancedMethod[];
  /**
   * Undefined, at once or after it has asked its backend, when the client is none of its kind: then the next method is asked.
   * Whatever else goes wrong is a denial; a method never rejects.
   */
  authenticate(credentials: Credentials): Promise<AuthenticationResult | undefined> | undefined;
  /** Of an identity that this method established: whether it would still be today, without its secret. */
  stillValid(identity: Identity, standing: Standing): boolean;
  /** Whether what stands where the user name belongs is a secret, which no event may repeat. */
  isSecret?(username: string): boolean;
}

export interface Authenticator {
  /** Never rejects: what goes wrong inside is a denial that says so. */
  authenticate(credentials: Credentials): Promise<AuthenticationResult>;
  /** Begins an exchange by AUTH packets; undefined when no method has this name on the wire. */
  begin(method: string, credentials: Credentials): EnhancedExchange | undefined;
  /** Whether an identity that was established before would still be today, without its secret. */
  stillValid(identity: Identity, standing: Standing): boolean;
  /** Whether what a client sends as its user name is a secret, which no event may repeat. */
  isSecret(username: string): boolean;
}
