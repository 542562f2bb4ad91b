/** The private certificate authority of one data directory: makes itself, and the server's certificates. */
import { createPrivateKey, createPublicKey, generateKeyPairSync, webcrypto, X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import type { Chance } from '../../base/chance.ts';
import type { Clock } from '../../base/clock.ts';
import { OperatorError } from '../config/problem.ts';
import { loadX509 } from './x509-library.ts';

export const DAY_MS = 86_400_000;
const CA_VALIDITY_MS = 3652 * DAY_MS;
/** Apple's and the CA/Browser Forum's bound is 398 days; one day is left for clocks that disagree. */
export const SERVER_VALIDITY_MS = 397 * DAY_MS;
/** Certificates begin to be valid a little earlier than now: a device's clock may be slow. */
const BACKDATE_MS = 3_600_000;
const SERIAL_BYTES = 16;
/** Longest common name [RFC 5280, ub-common-name]. */
const COMMON_NAME_MAX = 64;

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;

type CryptoKey = webcrypto.CryptoKey;

export interface Authority {
  readonly certificatePem: string;
  readonly keyPem: string;
}

export function generateKeyPem(): string {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
}

async function importKeys(keyPem: string): Promise<{ privateKey: CryptoKey; publicKey: CryptoKey }> {
  const key = createPrivateKey(keyPem);
  const { subtle } = webcrypto;
  const pkcs8 = key.export({ type: 'pkcs8', format: 'der' });
  const spki = createPublicKey(key).export({ type: 'spki', format: 'der' });
  return {
    privateKey: await subtle.importKey('pkcs8', pkcs8, ALGORITHM, false, ['sign']),
    publicKey: await subtle.importKey('spki', spki, ALGORITHM, true, ['verify']),
  };
}

/** Positive, and of full length [RFC 5280 4.1.2.2]. */
function serialNumber(chance: Chance): string {
  const bytes = chance.bytes(SERIAL_BYTES);
  bytes[0] = (bytes[0]! & 0x3f) | 0x40;
  return bytes.toString('hex');
}

/** The authority's own certificate, which signs servers and no further authority. */
export async function makeAuthorityCertificate(keyPem: string, clock: Clock, chance: Chance): Promise<string> {
  const x509 = await loadX509();
  const keys = await importKeys(keyPem);
  const nowMs = clock.epochMs();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(chance),
    // Two data directories on one machine have to be told apart in a trust store.
    name: `CN=Sallyport private CA ${chance.bytes(4).toString('hex')}`,
    notBefore: new Date(nowMs - BACKDATE_MS),
    notAfter: new Date(nowMs + CA_VALIDITY_MS),
    signingAlgorithm: ALGORITHM,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return `${certificate.toString('pem')}\n`;
}

/** A server certificate for `names`, host names and IP addresses alike; the first is also the common name. */
export async function issueServerCertificate(
  authority: Authority,
  keyPem: string,
  names: readonly string[],
  clock: Clock,
  chance: Chance,
): Promise<string> {
  if (!new X509Certificate(authority.certificatePem).checkPrivateKey(createPrivateKey(authority.keyPem))) {
    throw new OperatorError('The key of the private CA does not belong to its certificate: put the right one back.');
  }
  const x509 = await loadX509();
  const issuer = new x509.X509Certificate(authority.certificatePem);
  const { privateKey: signingKey, publicKey: issuerKey } = await importKeys(authority.keyPem);
  const { publicKey } = await importKeys(keyPem);
  const nowMs = clock.epochMs();
  const commonName = names.find((name) => name.length <= COMMON_NAME_MAX) ?? 'sallyport';
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serialNumber(chance),
    issuer: issuer.subjectName,
    subject: `CN=${commonName}`,
    notBefore: new Date(nowMs - BACKDATE_MS),
    // Backdating counts as validity too, and nothing outlives its issuer.
    notAfter: new Date(Math.min(nowMs - BACKDATE_MS + SERVER_VALIDITY_MS, issuer.notAfter.getTime())),
    signingAlgorithm: ALGORITHM,
    publicKey,
    signingKey,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension(
        names.map((value) => ({ type: isIP(value) === 0 ? 'dns' : 'ip', value })),
      ),
      await x509.SubjectKeyIdentifierExtension.create(publicKey),
      await x509.AuthorityKeyIdentifierExtension.create(issuerKey),
    ],
  });
  return `${certificate.toString('pem')}\n`;
}

const DNS_NAME = /^(?=.{1,253}$)(\*\.)?([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

/** Whether a certificate can be made for this name. */
export function isServerName(name: string): boolean {
  return isIP(name) !== 0 || DNS_NAME.test(name);
}

/** Host names and addresses that a certificate is good for. */
export function namesOf(certificate: X509Certificate): string[] {
  const entries = certificate.subjectAltName?.split(', ') ?? [];
  return entries.map((entry) => entry.replace(/^(DNS|IP Address):/, ''));
}

export function wasIssuedBy(certificate: X509Certificate, authority: X509Certificate): boolean {
  return certificate.checkIssued(authority) && certificate.verify(authority.publicKey);
}
