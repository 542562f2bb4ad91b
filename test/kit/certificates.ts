/** Certificates for tests: authorities, servers, clients, expired ones, and revocation lists, made in memory. */
import { X509Certificate as NodeCertificate, webcrypto } from 'node:crypto';
import { isIP } from 'node:net';
import { loadX509 } from '../../src/app/init/x509-library.ts';

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const DAY_MS = 86_400_000;

/** Keys that can be asked for; all but the first are there to be judged. */
const KEYS = {
  'P-256': ALGORITHM,
  'P-384': { ...ALGORITHM, namedCurve: 'P-384' },
  'RSA-1024': { name: 'RSASSA-PKCS1-v1_5', modulusLength: 1024, publicExponent: Buffer.of(1, 0, 1), hash: 'SHA-256' },
  'RSA-2048': { name: 'RSASSA-PKCS1-v1_5', modulusLength: 2048, publicExponent: Buffer.of(1, 0, 1), hash: 'SHA-256' },
  Ed25519: { name: 'Ed25519' },
} as const;
export type TestKey = keyof typeof KEYS;

const {
  AuthorityInfoAccessExtension,
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  CRLDistributionPointsExtension,
  Extension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509CertificateGenerator,
  X509CrlGenerator,
  X509CrlReason,
} = await loadX509();

export interface TestAuthority {
  name: string;
  certificatePem: string;
  keyPem: string;
  key: webcrypto.CryptoKey;
  publicKey: webcrypto.CryptoKey;
}

export interface TestCertificate {
  certificatePem: string;
  keyPem: string;
  /** SHA-256, lower-case hex. */
  fingerprint: string;
  /** Hex. */
  serialNumber: string;
  notAfter: Date;
}

/** Where revocations of a certificate are told. */
export interface RevocationPlaces {
  crlUris?: readonly string[];
  ocspUri?: string;
}

export interface Validity {
  /** Default: since yesterday. */
  notBefore?: Date;
  /** Default: for a year. */
  notAfter?: Date;
}

export interface CertificateRequest extends Validity, RevocationPlaces {
  commonName: string;
  use: 'server' | 'client' | 'ocsp';
  organizationalUnits?: readonly string[];
  /** Host names (wildcards too) and addresses. Default for servers: localhost, 127.0.0.1 and ::1. */
  hosts?: readonly string[];
  uris?: readonly string[];
  emails?: readonly string[];
  /** Default P-256. */
  key?: TestKey;
  /** Default SHA-256. */
  signatureHash?: 'SHA-1' | 'SHA-256';
}

export async function makeCa(
  name = 'Test CA',
  validity: Validity = {},
  key: TestKey = 'P-256',
): Promise<TestAuthority> {
  const keys = await makeKeys(key);
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: `CN=${name}`,
    keys,
    ...datesOf(validity),
    signingAlgorithm: KEYS[key],
    extensions: await authorityExtensions(keys.publicKey),
  });
  return authority(name, certificate.toString('pem'), keys);
}

/** An authority between `ca` and the certificates that it signs. */
export async function makeIntermediate(
  ca: TestAuthority,
  name: string,
  places: RevocationPlaces & { key?: TestKey } = {},
): Promise<TestAuthority & TestCertificate> {
  const keys = await makeKeys(places.key);
  const certificate = await X509CertificateGenerator.create({
    subject: `CN=${name}`,
    issuer: `CN=${ca.name}`,
    publicKey: keys.publicKey,
    signingKey: ca.key,
    ...datesOf({}),
    signingAlgorithm: signingAlgorithm(ca),
    extensions: [
      ...(await authorityExtensions(keys.publicKey)),
      await AuthorityKeyIdentifierExtension.create(ca.publicKey),
      ...placeExtensions(places),
    ],
  });
  const pem = certificate.toString('pem');
  return { ...(await authority(name, pem, keys)), ...factsOf(certificate) };
}

async function authority(name: string, certificatePem: string, keys: webcrypto.CryptoKeyPair): Promise<TestAuthority> {
  const { privateKey, publicKey } = keys;
  return { name, certificatePem, keyPem: await pemOf(privateKey), key: privateKey, publicKey };
}

async function authorityExtensions(publicKey: webcrypto.CryptoKey): Promise<import('@peculiar/x509').Extension[]> {
  return [
    new BasicConstraintsExtension(true, undefined, true),
    new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
    await SubjectKeyIdentifierExtension.create(publicKey),
  ];
}

function placeExtensions({ crlUris, ocspUri }: RevocationPlaces): import('@peculiar/x509').Extension[] {
  return [
    ...(crlUris === undefined ? [] : [new CRLDistributionPointsExtension([...crlUris])]),
    ...(ocspUri === undefined ? [] : [new AuthorityInfoAccessExtension({ ocsp: [ocspUri] })]),
  ];
}

function signingAlgorithm({ key }: TestAuthority, hash = 'SHA-256'): webcrypto.EcdsaParams {
  return { name: key.algorithm.name, hash };
}

const USES = {
  server: ExtendedKeyUsage.serverAuth,
  client: ExtendedKeyUsage.clientAuth,
  ocsp: ExtendedKeyUsage.ocspSigning,
};

export async function makeCertificate(ca: TestAuthority, request: CertificateRequest): Promise<TestCertificate> {
  const { commonName, use } = request;
  const keys = await makeKeys(request.key);
  const hosts = request.hosts ?? (use === 'server' ? ['localhost', '127.0.0.1', '::1'] : []);
  const extensions: import('@peculiar/x509').Extension[] = [
    new BasicConstraintsExtension(false, undefined, true),
    new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
    new ExtendedKeyUsageExtension([USES[use]]),
    await AuthorityKeyIdentifierExtension.create(ca.publicKey),
    ...placeExtensions(request),
  ];
  const names: import('@peculiar/x509').JsonGeneralName[] = [
    ...hosts.map((value) => ({ type: isIP(value) === 0 ? ('dns' as const) : ('ip' as const), value })),
    ...(request.uris ?? []).map((value) => ({ type: 'url' as const, value })),
    ...(request.emails ?? []).map((value) => ({ type: 'email' as const, value })),
  ];
  if (names.length > 0) extensions.push(new SubjectAlternativeNameExtension(names));
  const certificate = await X509CertificateGenerator.create({
    subject: [...(request.organizationalUnits ?? []).map((unit) => ({ OU: [unit] })), { CN: [commonName] }],
    issuer: `CN=${ca.name}`,
    publicKey: keys.publicKey,
    signingKey: ca.key,
    ...datesOf(request),
    signingAlgorithm: signingAlgorithm(ca, request.signatureHash),
    extensions,
  });
  return { ...factsOf(certificate), keyPem: await pemOf(keys.privateKey) };
}

function factsOf(certificate: import('@peculiar/x509').X509Certificate): Omit<TestCertificate, 'keyPem'> {
  const certificatePem = certificate.toString('pem');
  return {
    certificatePem,
    fingerprint: new NodeCertificate(certificatePem).fingerprint256.replaceAll(':', '').toLowerCase(),
    serialNumber: certificate.serialNumber,
    notAfter: certificate.notAfter,
  };
}

export interface CrlRequest {
  /** Default: yesterday, and in a month. */
  thisUpdate?: Date;
  nextUpdate?: Date;
  /** Further extensions: OID, whether critical, and value as DER. */
  extensions?: readonly [oid: string, critical: boolean, value: Uint8Array][];
}

/** A revocation list of `ca`, as PEM. */
export async function makeCrl(
  ca: TestAuthority,
  revoked: readonly Pick<TestCertificate, 'serialNumber'>[],
  request: CrlRequest = {},
): Promise<string> {
  const crl = await X509CrlGenerator.create({
    issuer: `CN=${ca.name}`,
    thisUpdate: request.thisUpdate ?? new Date(Date.now() - DAY_MS),
    nextUpdate: request.nextUpdate ?? new Date(Date.now() + 30 * DAY_MS),
    signingAlgorithm: signingAlgorithm(ca),
    signingKey: ca.key,
    extensions: (request.extensions ?? []).map(
      ([oid, critical, value]) => new Extension(oid, critical, Uint8Array.from(value).buffer),
    ),
    entries: revoked.map(({ serialNumber }) => ({
      serialNumber,
      revocationDate: new Date(Date.now() - DAY_MS),
      reason: X509CrlReason.keyCompromise,
    })),
  });
  return PemConverter.encode(crl.rawData, 'X509 CRL');
}

async function makeKeys(key: TestKey = 'P-256'): Promise<webcrypto.CryptoKeyPair> {
  return (await webcrypto.subtle.generateKey(KEYS[key], true, ['sign', 'verify'])) as webcrypto.CryptoKeyPair;
}

async function pemOf(key: webcrypto.CryptoKey): Promise<string> {
  return PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', key), 'PRIVATE KEY');
}

function datesOf(validity: Validity): { notBefore: Date; notAfter: Date } {
  return {
    notBefore: validity.notBefore ?? new Date(Date.now() - DAY_MS),
    notAfter: validity.notAfter ?? new Date(Date.now() + 365 * DAY_MS),
  };
}
