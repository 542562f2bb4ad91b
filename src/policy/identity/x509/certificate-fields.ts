/** The fields of an X.509 certificate [RFC 5280] that decisions are made on, read from its DER. */
import { constructed, DerFault, DerReader, primitive, Tag } from './der.ts';

/** OIDs of subject attributes and extensions that are read. */
const COMMON_NAME = '2.5.4.3';
const ORGANIZATIONAL_UNIT = '2.5.4.11';
const SUBJECT_ALTERNATIVE_NAME = '2.5.29.17';
const KEY_USAGE = '2.5.29.15';
const BASIC_CONSTRAINTS = '2.5.29.19';
const CRL_DISTRIBUTION_POINTS = '2.5.29.31';
const EXTENDED_KEY_USAGE = '2.5.29.37';
const AUTHORITY_INFO_ACCESS = '1.3.6.1.5.5.7.1.1';
const ACCESS_OCSP = '1.3.6.1.5.5.7.48.1';

/** A certificate has a handful of each; what a hostile one has beyond is not looked at. */
const NAMES_MAX = 64;
const URIS_MAX = 8;

export interface CertificateFields {
  /** Lower-case hex, without zero octets in front. */
  readonly serial: string;
  /** Names and key as DER: equal bytes are equal names. */
  readonly issuer: Uint8Array;
  readonly subject: Uint8Array;
  readonly publicKeyInfo: Uint8Array;
  /** The key's own octets, which OCSP takes the hash of. */
  readonly publicKeyBits: Uint8Array;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** The last of them where there are several, since the last is the most specific. */
  readonly commonName: string | undefined;
  readonly organizationalUnits: readonly string[];
  readonly dnsNames: readonly string[];
  readonly uris: readonly string[];
  readonly emails: readonly string[];
  readonly isAuthority: boolean;
  /** Undefined where the certificate does not limit its use. */
  readonly maySignLists: boolean | undefined;
  readonly extendedKeyUsages: readonly string[];
  /** Where its revocation list and its OCSP responder are. */
  readonly listUris: readonly string[];
  readonly responderUris: readonly string[];
}

/** @throws {DerFault} when it is none. */
export function readCertificate(der: Uint8Array): CertificateFields {
  const outer = new DerReader(der);
  const certificate = outer.read(Tag.Sequence).inside();
  outer.finish();
  const fields = certificate.read(Tag.Sequence).inside();
  fields.optional(constructed(0));
  const serial = fields.integerHex();
  fields.read(Tag.Sequence);
  const issuer = fields.read(Tag.Sequence).whole();
  const validity = fields.read(Tag.Sequence).inside();
  const notBeforeMs = validity.timeMs();
  const notAfterMs = validity.timeMs();
  const subject = fields.read(Tag.Sequence).whole();
  const names = readName(fields.inside());
  const publicKeyInfo = fields.read(Tag.Sequence).whole();
  const key = fields.inside();
  key.read(Tag.Sequence);
  const publicKeyBits = key.bits();
  const found = new Extensions();
  while (!fields.isDone) {
    fields.read();
    if (fields.tag === constructed(3)) forEachExtension(fields.inside(), (oid, value) => found.take(oid, value));
  }
  return { serial, issuer, subject, publicKeyInfo, publicKeyBits, notBeforeMs, notAfterMs, ...names, ...found };
}

/** Calls with each extension of `[n] EXPLICIT Extensions`. */
export function forEachExtension(
  explicit: DerReader,
  take: (oid: string, value: DerReader, isCritical: boolean) => void,
): void {
  const all = explicit.read(Tag.Sequence).inside();
  while (!all.isDone) {
    const one = all.read(Tag.Sequence).inside();
    const oid = one.oid();
    const isCritical = one.nextIs(Tag.Boolean) ? one.boolean() : false;
    take(oid, one.read(Tag.OctetString).inside(), isCritical);
  }
}

class Extensions {
  readonly dnsNames: string[] = [];
  readonly uris: string[] = [];
  readonly emails: string[] = [];
  readonly extendedKeyUsages: string[] = [];
  readonly listUris: string[] = [];
  readonly responderUris: string[] = [];
  isAuthority = false;
  maySignLists: boolean | undefined;

  take(oid: string, value: DerReader): void {
    switch (oid) {
      case SUBJECT_ALTERNATIVE_NAME:
        this.#takeNames(value.read(Tag.Sequence).inside());
        break;
      case BASIC_CONSTRAINTS: {
        const constraints = value.read(Tag.Sequence).inside();
        this.isAuthority = constraints.nextIs(Tag.Boolean) && constraints.boolean();
        break;
      }
      case KEY_USAGE: {
        const body = value.read(Tag.BitString).body();
        this.maySignLists = ((body[1] ?? 0) & 0x02) !== 0;
        break;
      }
      case EXTENDED_KEY_USAGE: {
        const usages = value.read(Tag.Sequence).inside();
        while (!usages.isDone && this.extendedKeyUsages.length < NAMES_MAX) this.extendedKeyUsages.push(usages.oid());
        break;
      }
      case CRL_DISTRIBUTION_POINTS:
        this.#takeDistributionPoints(value.read(Tag.Sequence).inside());
        break;
      case AUTHORITY_INFO_ACCESS: {
        const all = value.read(Tag.Sequence).inside();
        while (!all.isDone) {
          const access = all.read(Tag.Sequence).inside();
          const method = access.oid();
          if (method === ACCESS_OCSP) takeUri(access, this.responderUris);
        }
        break;
      }
    }
  }

  #takeNames(names: DerReader): void {
    while (!names.isDone) {
      names.read();
      const list =
        names.tag === primitive(1)
          ? this.emails
          : names.tag === primitive(2)
            ? this.dnsNames
            : names.tag === primitive(6)
              ? this.uris
              : undefined;
      if (list !== undefined && list.length < NAMES_MAX) list.push(ascii(names.body()));
    }
  }

  /** A point for some reasons only, or of another issuer, cannot tell that a certificate is good: it is passed over. */
  #takeDistributionPoints(points: DerReader): void {
    while (!points.isDone) {
      const point = points.read(Tag.Sequence).inside();
      const uris = point.optional(constructed(0)) ? readDistributionPointName(point.inside()) : [];
      if (!point.isDone) continue;
      for (const uri of uris) if (this.listUris.length < URIS_MAX) this.listUris.push(uri);
    }
  }
}

/** URIs of `DistributionPointName`; one that is relative to its issuer has none. */
export function readDistributionPointName(name: DerReader): string[] {
  const uris: string[] = [];
  if (!name.optional(constructed(0))) return uris;
  const full = name.inside();
  while (!full.isDone && uris.length < URIS_MAX) takeUri(full, uris);
  return uris;
}

function takeUri(names: DerReader, uris: string[]): void {
  names.read();
  if (names.tag === primitive(6) && uris.length < URIS_MAX) uris.push(ascii(names.body()));
}

function readName(name: DerReader): { commonName: string | undefined; organizationalUnits: string[] } {
  let commonName: string | undefined;
  const organizationalUnits: string[] = [];
  while (!name.isDone) {
    const relative = name.read(Tag.Set).inside();
    while (!relative.isDone) {
      const attribute = relative.read(Tag.Sequence).inside();
      const oid = attribute.oid();
      if (oid === COMMON_NAME) commonName = text(attribute.read());
      else if (oid === ORGANIZATIONAL_UNIT && organizationalUnits.length < NAMES_MAX)
        organizationalUnits.push(text(attribute.read()));
    }
  }
  return { commonName, organizationalUnits };
}

function ascii(bytes: Uint8Array): string {
  for (const byte of bytes) if (byte > 0x7f) throw new DerFault('a name has octets beyond ASCII');
  return Buffer.from(bytes).toString('latin1');
}

const BMP_STRING = 0x1e;
const UNIVERSAL_STRING = 0x1c;
const utf8 = new TextDecoder('utf-8', { fatal: true });

/** A DirectoryString of any of its kinds. */
function text(value: DerReader): string {
  const bytes = value.body();
  switch (value.tag) {
    case Tag.Utf8String:
      try {
        return utf8.decode(bytes);
      } catch {
        throw new DerFault('a name is not UTF-8');
      }
    case BMP_STRING: {
      if (bytes.length % 2 !== 0) throw new DerFault('a name is cut off');
      return Buffer.from(bytes).swap16().toString('utf16le');
    }
    case UNIVERSAL_STRING:
      throw new DerFault('a name is a UniversalString, which nobody writes');
    default:
      // PrintableString, IA5String, NumericString, and TeletexString as it is used in practice.
      return Buffer.from(bytes).toString('latin1');
  }
}
