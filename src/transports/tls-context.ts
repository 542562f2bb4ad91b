/** Certificates, keys and trust as files hold them, checked and made into what a TLS listener works with. */
import { constants, createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { createSecureContext, type SecureContext, type SecureContextOptions } from 'node:tls';
import { fingerprintOf } from '../policy/identity/x509/certificate-facts.ts';
import { ListenerError } from './listener-error.ts';
import type { CertificateOptions, PskOptions, TlsOptions } from './listener-options.ts';

/** What events tell of a certificate. */
export interface LoadedCertificate {
  subject: string;
  /** SHA-256, lower-case hex. */
  fingerprint: string;
  expiresAtMs: number;
}

/** Everything that an update swaps. */
export interface TlsMaterial {
  readonly certificates: readonly LoadedCertificate[];
  /** Options of the first certificate's context. */
  readonly primary: SecureContextOptions;
  /** The context for a name that a client asked for; undefined: the first. */
  contextFor(serverName: string): SecureContext | undefined;
  readonly clientCertificate: 'none' | 'request' | 'require';
  /** Where clients have keys instead of certificates. */
  readonly psk: PskOptions | undefined;
  readonly ocspStapling: boolean;
  readonly ticketRotationMs: number;
  /** Changes whenever a session that was agreed on before may not be resumed: another trust, another demand. */
  readonly trustKey: string;
}

/** AEAD with forward secrecy and nothing else; the first that both sides have is taken, in this order. */
const CIPHERS = [
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'TLS_AES_128_GCM_SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
].join(':');

/**
 * With pre-shared keys too: forward secrecy, so that a key that gets known opens nothing that was said before. In TLS 1.3 such a
 * key goes with SHA-256 alone, so that no other suite may be chosen.
 */
const PSK_CIPHERS = [
  'TLS_AES_128_GCM_SHA256',
  'TLS_CHACHA20_POLY1305_SHA256',
  'ECDHE-PSK-CHACHA20-POLY1305',
  'DHE-PSK-AES256-GCM-SHA384',
  'DHE-PSK-CHACHA20-POLY1305',
  'DHE-PSK-AES128-GCM-SHA256',
].join(':');

/** The hybrid with ML-KEM first: what is recorded today shall not be read by tomorrow's quantum computer. */
const GROUPS = 'X25519MLKEM768:X25519:P-256:P-384';

const TICKET_ROTATION_MS = 8 * 3_600_000;

/** How long a session may be resumed; with client certificates it is also how late an expiry could be noticed, so it is short. */
const SESSION_TIMEOUT_S = 7200;

/** Checks everything and builds the contexts. Throws `ListenerError`, with one sentence that names file and cure. */
export function loadTls(name: string, options: TlsOptions, epochMs: number): TlsMaterial {
  const fail = (code: ListenerError['code'], says: string, cause?: unknown): never => {
    throw new ListenerError(code, name, says, cause);
  };
  const clientCertificate = options.clientCertificate ?? 'none';
  const { clientCaPem } = options;
  const clientCaFile = options.clientCaFile ?? 'the client CA';
  if (clientCertificate !== 'none') {
    if (clientCaPem === undefined) {
      fail(
        'client_ca_missing',
        `client certificates are wanted (${clientCertificate}), but no client CA is named to check them against; name its file`,
      );
    }
    for (const pem of pemBlocks(clientCaPem!, 'CERTIFICATE', () =>
      fail(
        'client_ca_unreadable',
        `${clientCaFile} holds no PEM certificate; it should start with -----BEGIN CERTIFICATE-----`,
      ),
    )) {
      readCertificate(pem, () =>
        fail('client_ca_unreadable', `${clientCaFile} holds a certificate that cannot be read; write it anew`),
      );
    }
  }

  const common: SecureContextOptions = {
    ciphers: CIPHERS,
    ecdhCurve: GROUPS,
    honorCipherOrder: true,
    minVersion: options.versionMin ?? 'TLSv1.2',
    maxVersion: 'TLSv1.3',
    secureOptions: constants.SSL_OP_NO_RENEGOTIATION | constants.SSL_OP_PRIORITIZE_CHACHA,
    // One value for all contexts: a session begun under one name may be resumed under another of the same listener.
    sessionIdContext: 'sallyport',
    sessionTimeout: SESSION_TIMEOUT_S,
  };
  // Revocation is judged at the login, where the client can be told; OpenSSL could only close.
  if (clientCertificate !== 'none') common.ca = clientCaPem!;

  if (options.psk !== undefined) return pskMaterial(options, options.psk, common);
  if (options.certificates.length === 0)
    fail('settings_invalid', 'TLS needs a certificate and a key; name their files');
  const loaded: LoadedCertificate[] = [];
  const exact = new Map<string, SecureContext>();
  const wildcard = new Map<string, SecureContext>();
  let primary: SecureContextOptions | undefined;
  for (const certificate of options.certificates) {
    const leaf = checkCertificate(name, certificate, epochMs);
    const contextOptions: SecureContextOptions = {
      ...common,
      cert: certificate.certificatePem,
      key: certificate.keyPem,
    };
    if (certificate.passphrase !== undefined) contextOptions.passphrase = certificate.passphrase;
    let context: SecureContext;
    try {
      context = createSecureContext(contextOptions);
    } catch (error) {
      throw contextError(name, certificate, error as Error);
    }
    primary ??= contextOptions;
    for (const host of hostNames(leaf)) {
      const isWildcard = host.startsWith('*.');
      const map = isWildcard ? wildcard : exact;
      const key = isWildcard ? host.slice(2) : host;
      if (!map.has(key)) map.set(key, context);
    }
    loaded.push({
      subject: commonName(leaf.subject) ?? leaf.subject.replaceAll('\n', ', '),
      fingerprint: fingerprintOf(leaf),
      expiresAtMs: leaf.validToDate.getTime(),
    });
  }
  return {
    certificates: loaded,
    primary: primary!,
    contextFor(serverName) {
      const host = serverName.toLowerCase();
      return exact.get(host) ?? wildcard.get(host.slice(host.indexOf('.') + 1));
    },
    clientCertificate,
    psk: undefined,
    ocspStapling: options.ocspStapling ?? false,
    ticketRotationMs: options.ticketRotationMs ?? TICKET_ROTATION_MS,
    trustKey: JSON.stringify([clientCertificate, clientCaPem ?? '', options.versionMin ?? '']),
  };
}

/**
 * INVARIANT: there is no certificate, no suite without a key, and no ticket; a handshake that is through has proven a key.
 */
function pskMaterial(options: TlsOptions, psk: PskOptions, common: SecureContextOptions): TlsMaterial {
  const secureOptions = (common.secureOptions ?? 0) | constants.SSL_OP_NO_TICKET;
  return {
    certificates: [],
    primary: { ...common, ciphers: PSK_CIPHERS, dhparam: 'auto', secureOptions },
    contextFor: () => undefined,
    clientCertificate: 'none',
    psk,
    ocspStapling: false,
    ticketRotationMs: options.ticketRotationMs ?? TICKET_ROTATION_MS,
    trustKey: 'psk',
  };
}

/** The leaf of a certificate file, once it and its key have proved usable at `epochMs`. */
function checkCertificate(listener: string, options: CertificateOptions, epochMs: number): X509Certificate {
  const { certificatePem, certificateFile, keyFile } = options;
  const fail = (code: ListenerError['code'], says: string, cause?: unknown): never => {
    throw new ListenerError(code, listener, says, cause);
  };
  const [leafPem] = pemBlocks(certificatePem, 'CERTIFICATE', () =>
    fail(
      'certificate_unreadable',
      `${certificateFile} holds no PEM certificate; it should start with -----BEGIN CERTIFICATE-----`,
    ),
  );
  const leaf = readCertificate(leafPem!, () =>
    fail('certificate_unreadable', `the certificate in ${certificateFile} cannot be read; write it anew`),
  );
  const key = readKey(listener, options);
  if (!leaf.checkPrivateKey(key)) {
    fail(
      'key_mismatch',
      `the key in ${keyFile} does not belong to the certificate in ${certificateFile}; name the key it was made with, and put the server's own certificate first`,
    );
  }
  if (leaf.validToDate.getTime() <= epochMs) {
    fail('certificate_expired', `the certificate in ${certificateFile} expired on ${day(leaf.validToDate)}; renew it`);
  }
  if (leaf.validFromDate.getTime() > epochMs) {
    fail(
      'certificate_not_yet_valid',
      `the certificate in ${certificateFile} is valid only from ${leaf.validFromDate.toISOString()}; check this machine's clock, or wait`,
    );
  }
  return leaf;
}

function readKey(listener: string, { keyPem, keyFile, passphrase }: CertificateOptions): KeyObject {
  if (!/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(keyPem)) {
    throw new ListenerError(
      'key_unreadable',
      listener,
      `${keyFile} holds no PEM private key; it should start with -----BEGIN PRIVATE KEY-----`,
    );
  }
  const encrypted = /-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type: 4,ENCRYPTED/m.test(keyPem);
  if (encrypted && (passphrase === undefined || passphrase === '')) {
    throw new ListenerError(
      'passphrase_missing',
      listener,
      `the key in ${keyFile} is encrypted; name a file or variable with its passphrase`,
    );
  }
  try {
    return createPrivateKey(passphrase === undefined ? keyPem : { key: keyPem, passphrase });
  } catch (error) {
    throw encrypted
      ? new ListenerError(
          'passphrase_wrong',
          listener,
          `the passphrase does not open the key in ${keyFile}; correct it`,
          error,
        )
      : new ListenerError(
          'key_unreadable',
          listener,
          `the private key in ${keyFile} cannot be read; write it anew`,
          error,
        );
  }
}

/** What the TLS library itself refuses: a key too small for today, a broken chain. */
function contextError(listener: string, certificate: CertificateOptions, cause: Error): ListenerError {
  const text = cause.message;
  if (/key too small|md too weak/.test(text)) {
    return new ListenerError(
      'certificate_unreadable',
      listener,
      `the certificate in ${certificate.certificateFile} is too weak (RSA below 2048 bits, or signed with SHA-1); renew it with a stronger key`,
      cause,
    );
  }
  return new ListenerError(
    'certificate_unreadable',
    listener,
    `the certificates in ${certificate.certificateFile} cannot be used (${text}); write them anew, the server's own first`,
    cause,
  );
}

function pemBlocks(text: string, label: string, onNone: () => never): string[] {
  const blocks = text.match(new RegExp(`-----BEGIN ${label}-----[^-]+-----END ${label}-----`, 'g'));
  return blocks ?? onNone();
}

function readCertificate(pem: string, onBad: () => never): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch {
    return onBad();
  }
}

/** Host names a certificate was made for, lower case, wildcards among them. */
function hostNames(certificate: X509Certificate): string[] {
  const names: string[] = [];
  for (const match of (certificate.subjectAltName ?? '').matchAll(/(?:^|, )DNS:([^,"]+)/g)) {
    names.push(match[1]!.toLowerCase());
  }
  return names;
}

/** The common name in a subject that the runtime prints one attribute a line; the last is the most specific. */
export function commonName(subject: string): string | undefined {
  let name: string | undefined;
  for (const line of subject.split('\n')) if (line.startsWith('CN=')) name = line.slice(3);
  return name;
}

function day(date: Date): string {
  return date.toISOString().slice(0, 10);
}
