/** Certificates for tests: authorities, servers, clients, expired ones, and revocation lists, made in memory. */
import { X509Certificate as NodeCertificate, webcrypto } from 'node:crypto';
import { isIP } from 'node:net';
import { loadX509 } from '../../src/app/init/x509-library.ts';

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const DAY_MS = 86_400_000;

const {
  BasicConstraintsExtension,
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
}

export interface TestCertificate {
  certificatePem: string;
  keyPem: string;
  /** SHA-256, lower-case hex. */
  fingerprint: string;
  /** Hex. */
  serialNumber: string;
}

export interface Validity {
  /** Default: since yesterday. */
  notBefore?: Date;
  /** Default: for a year. */
  notAfter?: Date;
}

export interface CertificateRequest extends Validity {
  commonName: string;
  use: 'server' | 'client';
  /** Host names (wildcards too) and addresses. Default for servers: localhost, 127.0.0.1 and ::1. */
  hosts?: readonly string[];
}

export async function makeCa(name = 'Test CA', validity: Validity = {}): Promise<TestAuthority> {
  const keys = await makeKeys();
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: `CN=${name}`,
    keys,
    ...datesOf(validity),
    signingAlgorithm: ALGORITHM,
    extensions: [
      new BasicConstraintsExtension(true, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return {
    name,
    certificatePem: certificate.toString('pem'),
    keyPem: await pemOf(keys.privateKey),
    key: keys.privateKey,
  };
}

export async function makeCertificate(ca: TestAuthority, request: CertificateRequest): Promise<TestCertificate> {
  const { commonName, use } = request;
  const keys = await makeKeys();
  const hosts = request.hosts ?? (use === 'server' ? ['localhost', '127.0.0.1', '::1'] : []);
  const extensions: import('@peculiar/x509').Extension[] = [
    new BasicConstraintsExtension(false, undefined, true),
    new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
    new ExtendedKeyUsageExtension([use === 'server' ? ExtendedKeyUsage.serverAuth : ExtendedKeyUsage.clientAuth]),
  ];
  if (hosts.length > 0) {
    extensions.push(
      new SubjectAlternativeNameExtension(hosts.map((value) => ({ type: isIP(value) === 0 ? 'dns' : 'ip', value }))),
    );
  }
  const certificate = await X509CertificateGenerator.create({
    subject: [{ CN: [commonName] }],
    issuer: `CN=${ca.name}`,
    publicKey: keys.publicKey,
    signingKey: ca.key,
    ...datesOf(request),
    signingAlgorithm: ALGORITHM,
    extensions,
  });
  const certificatePem = certificate.toString('pem');
  return {
    certificatePem,
    keyPem: await pemOf(keys.privateKey),
    fingerprint: new NodeCertificate(certificatePem).fingerprint256.replaceAll(':', '').toLowerCase(),
    serialNumber: certificate.serialNumber,
  };
}

/** A revocation list of `ca`, as PEM. */
export async function makeCrl(ca: TestAuthority, revoked: readonly TestCertificate[]): Promise<string> {
  const crl = await X509CrlGenerator.create({
    issuer: `CN=${ca.name}`,
    thisUpdate: new Date(Date.now() - DAY_MS),
    nextUpdate: new Date(Date.now() + 30 * DAY_MS),
    signingAlgorithm: ALGORITHM,
    signingKey: ca.key,
    entries: revoked.map(({ serialNumber }) => ({
      serialNumber,
      revocationDate: new Date(Date.now() - DAY_MS),
      reason: X509CrlReason.keyCompromise,
    })),
  });
  return PemConverter.encode(crl.rawData, 'X509 CRL');
}

async function makeKeys(): Promise<webcrypto.CryptoKeyPair> {
  return (await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])) as webcrypto.CryptoKeyPair;
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
