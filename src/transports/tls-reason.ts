/** What went wrong in a TLS handshake, in plain words, from the codes that OpenSSL gives. */

/** By OpenSSL's reason, without the prefixes that differ between its versions. */
const HANDSHAKE: Readonly<Record<string, string>> = {
  NO_SHARED_CIPHER: 'the client offers no cipher suite that this listener allows',
  UNSUPPORTED_PROTOCOL: 'the client offers only TLS versions that this listener refuses',
  VERSION_TOO_LOW: 'the client offers only TLS versions that this listener refuses',
  INAPPROPRIATE_FALLBACK: 'the client came back with an older TLS version than it can speak',
  WRONG_VERSION_NUMBER: 'the client does not speak TLS (wrong version number)',
  PACKET_LENGTH_TOO_LONG: 'the client does not speak TLS (record too long)',
  HTTP_REQUEST: 'the client speaks HTTP without TLS',
  HTTPS_PROXY_REQUEST: 'the client takes this listener for an HTTP proxy',
  NO_SUITABLE_KEY_SHARE: 'the client offers no key exchange that this listener allows',
  NO_SHARED_GROUP: 'the client offers no key exchange that this listener allows',
  NO_SUITABLE_GROUPS: 'the client offers no key exchange that this listener allows',
  NO_SHARED_SIGNATURE_ALGORITHMS: "the client takes no signature that this listener's certificate can make",
  NO_SUITABLE_SIGNATURE_ALGORITHM: "the client takes no signature that this listener's certificate can make",
  NO_APPLICATION_PROTOCOL: 'the client asks (by ALPN) for another protocol than this listener speaks',
  UNKNOWN_CA: "the client does not trust the authority of this listener's certificate (unknown CA)",
  BAD_CERTIFICATE: "the client finds this listener's certificate bad",
  CERTIFICATE_EXPIRED: "the client finds this listener's certificate expired",
  CERTIFICATE_UNKNOWN: "the client does not accept this listener's certificate",
  CERTIFICATE_REVOKED: "the client finds this listener's certificate revoked",
  UNSUPPORTED_CERTIFICATE: "the client cannot use this listener's certificate",
  HANDSHAKE_FAILURE: 'the client found no common ground (handshake failure)',
  PROTOCOL_VERSION: 'the client refuses the TLS versions of this listener',
  UNRECOGNIZED_NAME: "the client does not find the name it wants in this listener's certificate",
  UNEXPECTED_EOF_WHILE_READING: 'the client closed in the middle of the TLS handshake',
};

/** By the code of a certificate check that failed. */
const VERIFICATION: Readonly<Record<string, string>> = {
  UNABLE_TO_GET_ISSUER_CERT: 'the client certificate is from an unknown authority (unknown CA)',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'the client certificate is from an unknown authority (unknown CA)',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'the client certificate is from an unknown authority (unknown CA)',
  SELF_SIGNED_CERT_IN_CHAIN: 'the client certificate is from an unknown authority (unknown CA)',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'the client certificate is signed by itself, not by a known authority',
  CERT_HAS_EXPIRED: 'the client certificate has expired',
  CERT_NOT_YET_VALID: 'the client certificate is not valid yet',
  CERT_SIGNATURE_FAILURE: "the client certificate's signature is wrong",
  INVALID_PURPOSE: 'the client certificate is not made for clients',
};

/** What a wrong pre-shared key leads to, in TLS 1.2 and in TLS 1.3. */
const WRONG_KEY: readonly string[] = ['DECRYPTION_FAILED_OR_BAD_RECORD_MAC', 'BINDER_DOES_NOT_VERIFY'];
const IDENTITY_SHOWN_LENGTH = 64;

/** For an error of a handshake with a pre-shared key. It does not tell whether the identity exists: nor was the client told. */
export function pskReason(error: NodeJS.ErrnoException, identity: string | undefined): string {
  const short = shortCode(error);
  if (identity !== undefined && WRONG_KEY.includes(short)) {
    const shown = JSON.stringify(identity.slice(0, IDENTITY_SHOWN_LENGTH));
    return `the pre-shared key of ${shown} is wrong, or there is no such identity`;
  }
  if (short === 'NO_SUITABLE_SIGNATURE_ALGORITHM')
    return 'the client offers no pre-shared key, which this listener requires';
  return handshakeReason(error);
}

function shortCode({ code = '' }: NodeJS.ErrnoException): string {
  return code.replace(/^ERR_SSL_/, '').replace(/^.*ALERT_/, '');
}

/** For an error of the handshake. */
export function handshakeReason(error: NodeJS.ErrnoException): string {
  const code = error.code ?? '';
  const short = shortCode(error);
  const says = HANDSHAKE[short];
  if (says !== undefined) return says;
  if (code === 'ECONNRESET' || code === 'EPIPE') return 'the client closed in the middle of the TLS handshake';
  return code === ''
    ? 'the TLS handshake failed'
    : `the TLS handshake failed (${short.toLowerCase().replaceAll('_', ' ')})`;
}

/** For a client certificate that did not pass. */
export function verificationReason(code: string): string {
  return VERIFICATION[code] ?? `the client certificate does not pass (${code.toLowerCase().replaceAll('_', ' ')})`;
}
