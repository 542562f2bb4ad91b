/** What an OCSP responder answers [RFC 6960 4.2], believed only with the right signature of somebody who may say so. */
import { createHash, createPublicKey, type KeyObject } from 'node:crypto';
import { readCertificate } from '../x509/certificate-fields.ts';
import { constructed, DerFault, DerReader, primitive, Tag } from '../x509/der.ts';
import { isSignedBy, readSigned, type Signed } from '../x509/signed.ts';
import type { Authority } from './certificate-path.ts';

export interface OcspAnswer {
  readonly status: 'good' | 'revoked' | 'unknown';
  readonly thisUpdateMs: number;
  /** Made up from `thisUpdateMs` where the responder gives none. */
  readonly nextUpdateMs: number;
}

export interface OcspQuestion {
  /** `certificateId` of the certificate. */
  readonly id: Uint8Array;
  readonly issuer: Authority;
  readonly nonce: Uint8Array | undefined;
  readonly epochMs: number;
}

/** Clocks differ. */
const CLOCK_SKEW_MS = 300_000;
/** Where the responder says that it always knows better, its word holds for so long. */
const WITHOUT_NEXT_UPDATE_MS = 3_600_000;

const BASIC_RESPONSE = '1.3.6.1.5.5.7.48.1.1';
const NONCE = '1.3.6.1.5.5.7.48.1.2';
const OCSP_SIGNING = '1.3.6.1.5.5.7.3.9';
const RESPONDERS_MAX = 4;

const REFUSALS: Readonly<Record<number, string>> = {
  1: 'it finds the question malformed',
  2: 'it has an internal error',
  3: 'it asks to try again later',
  5: 'it wants the question signed',
  6: 'it does not answer us',
};

interface Basic {
  readonly signed: Signed;
  readonly responses: DerReader;
  readonly nonce: Uint8Array | undefined;
  /** Who says that it answers: the DER of its name, or the SHA-1 of its key. */
  readonly responderName: Uint8Array | undefined;
  readonly responderKeyHash: Uint8Array | undefined;
  readonly certificates: readonly Uint8Array[];
}

/** A string instead of an answer says what is wrong with it. */
export async function readOcspResponse(der: Uint8Array, question: OcspQuestion): Promise<OcspAnswer | string> {
  try {
    const basic = readBasic(der);
    if (typeof basic === 'string') return basic;
    const { nonce } = question;
    if (basic.nonce !== undefined && nonce !== undefined && Buffer.compare(basic.nonce, nonce) !== 0) {
      return 'the answer is to another question (nonce)';
    }
    const key = await authorizedKey(basic, question);
    if (key === undefined) return 'the answer is not from the issuer, nor from a responder that it has authorized';
    if (!(await isSignedBy(basic.signed, key))) return 'the signature of the answer is wrong';
    return readAnswer(basic.responses, question);
  } catch (error) {
    if (error instanceof DerFault) return `the answer is no OCSP response: ${error.message}`;
    throw error;
  }
}

function readBasic(der: Uint8Array): Basic | string {
  const outer = new DerReader(der);
  const response = outer.read(Tag.Sequence).inside();
  outer.finish();
  const status = response.read(Tag.Enumerated).body();
  if (status.length !== 1 || status[0] !== 0) {
    return `the responder refuses: ${REFUSALS[status[0] ?? 0] ?? `status ${status[0]}`}`;
  }
  const bytes = response.read(constructed(0)).inside().read(Tag.Sequence).inside();
  if (bytes.oid() !== BASIC_RESPONSE) return 'the answer is of a kind that nobody writes';
  const basic = bytes.read(Tag.OctetString).inside().read(Tag.Sequence).inside();

  const content = basic.read(Tag.Sequence).whole();
  const data = basic.inside();
  const algorithm = basic.read(Tag.Sequence).whole();
  const signature = basic.bits();
  const certificates: Uint8Array[] = [];
  if (basic.optional(constructed(0))) {
    const all = basic.inside().read(Tag.Sequence).inside();
    while (!all.isDone && certificates.length < RESPONDERS_MAX) certificates.push(all.read(Tag.Sequence).whole());
  }

  data.optional(constructed(0));
  data.read();
  const responderName = data.tag === constructed(1) ? data.inside().read(Tag.Sequence).whole() : undefined;
  const responderKeyHash = data.tag === constructed(2) ? data.inside().read(Tag.OctetString).body() : undefined;
  data.timeMs();
  const responses = data.read(Tag.Sequence).inside();
  const nonce = data.optional(constructed(1)) ? readNonce(data.inside()) : undefined;
  return { signed: { content, algorithm, signature }, responses, nonce, responderName, responderKeyHash, certificates };
}

function readNonce(extensions: DerReader): Uint8Array | undefined {
  const all = extensions.read(Tag.Sequence).inside();
  while (!all.isDone) {
    const extension = all.read(Tag.Sequence).inside();
    if (extension.oid() === NONCE) return extension.read(Tag.OctetString).inside().read(Tag.OctetString).body();
  }
  return undefined;
}

/** The key of the issuer itself, or of a responder whose certificate the issuer has signed for this purpose. */
async function authorizedKey(basic: Basic, { issuer, epochMs }: OcspQuestion): Promise<KeyObject | undefined> {
  if (isNamed(basic, issuer.fields.subject, issuer.fields.publicKeyBits)) return issuer.key;
  for (const der of basic.certificates) {
    const fields = readCertificate(der);
    if (!isNamed(basic, fields.subject, fields.publicKeyBits)) continue;
    if (!fields.extendedKeyUsages.includes(OCSP_SIGNING)) continue;
    if (epochMs < fields.notBeforeMs - CLOCK_SKEW_MS || epochMs > fields.notAfterMs) continue;
    if (Buffer.compare(fields.issuer, issuer.fields.subject) !== 0) continue;
    if (await isSignedBy(readSigned(der).signed, issuer.key)) return publicKeyOf(fields.publicKeyInfo);
  }
  return undefined;
}

function publicKeyOf(info: Uint8Array): KeyObject | undefined {
  try {
    return createPublicKey({ key: Buffer.from(info), format: 'der', type: 'spki' });
  } catch {
    return undefined;
  }
}

function isNamed({ responderName, responderKeyHash }: Basic, name: Uint8Array, keyBits: Uint8Array): boolean {
  if (responderName !== undefined) return Buffer.compare(responderName, name) === 0;
  if (responderKeyHash === undefined) return false;
  return Buffer.compare(responderKeyHash, createHash('sha1').update(keyBits).digest()) === 0;
}

function readAnswer(responses: DerReader, { id, epochMs }: OcspQuestion): OcspAnswer | string {
  while (!responses.isDone) {
    const single = responses.read(Tag.Sequence).inside();
    if (!isSameId(single.read(Tag.Sequence).inside(), new DerReader(id).read(Tag.Sequence).inside())) continue;
    single.read();
    const status = single.tag === primitive(0) ? 'good' : single.tag === constructed(1) ? 'revoked' : 'unknown';
    const thisUpdateMs = single.timeMs();
    const nextUpdateMs = single.optional(constructed(0))
      ? single.inside().timeMs()
      : thisUpdateMs + WITHOUT_NEXT_UPDATE_MS;
    const answer = Object.freeze({ status, thisUpdateMs, nextUpdateMs });
    const lapse = lapseOf(answer, epochMs);
    // As with lists: what was revoked is not good again because the word is an old one.
    return lapse === undefined || status === 'revoked' ? answer : `the answer is ${lapse}`;
  }
  return 'the answer does not speak of the certificate';
}

export function isFromTheFuture({ thisUpdateMs }: OcspAnswer, epochMs: number): boolean {
  return thisUpdateMs > epochMs + CLOCK_SKEW_MS;
}

/** Why it cannot say now that a certificate is good; undefined while it can. */
export function lapseOf(answer: OcspAnswer, epochMs: number): string | undefined {
  if (isFromTheFuture(answer, epochMs)) return 'from the future: check the clocks';
  const { nextUpdateMs } = answer;
  return nextUpdateMs <= epochMs ? `out of date since ${new Date(nextUpdateMs).toISOString()}` : undefined;
}

/** Some responders leave out the empty parameters of the hash algorithm, so that the octets alone do not tell. */
function isSameId(a: DerReader, b: DerReader): boolean {
  const oids = [a, b].map((id) => id.read(Tag.Sequence).inside().oid());
  if (oids[0] !== oids[1]) return false;
  const rest = [a, b].map((id) => [
    id.read(Tag.OctetString).body(),
    id.read(Tag.OctetString).body(),
    Buffer.from(id.integerHex()),
  ]);
  return rest[0]!.every((part, index) => Buffer.compare(part, rest[1]![index]!) === 0);
}
