/** The user name that a listener makes of a client certificate, such as `${cert.cn}` or `pump-${cert.serial}`. */
import type { CertificateFields } from './identity.ts';

export interface IdentityTemplate {
  /** As in the configuration. */
  readonly text: string;
  /** Empty when the certificate lacks one of the fields: half a name is somebody else's. */
  expand(certificate: CertificateFields): string;
}

/** What a certificate tells, by the names that templates, grants and attributes know it by. */
const FIELDS: Readonly<Record<string, (certificate: CertificateFields) => string | undefined>> = {
  'cert.cn': (certificate) => certificate.commonName,
  'cert.ou': (certificate) => certificate.organizationalUnits.at(-1),
  'cert.subject': (certificate) => certificate.subject,
  'cert.issuer': (certificate) => certificate.issuer,
  'cert.serial': (certificate) => certificate.serial,
  'cert.fingerprint': (certificate) => certificate.fingerprint,
  'cert.san.dns': (certificate) => certificate.dnsNames[0],
  'cert.san.uri': (certificate) => certificate.uris[0],
  'cert.san.email': (certificate) => certificate.emails[0],
};

export const DEFAULT_IDENTITY_TEMPLATE = '${cert.cn}';

/** Fields of the certificate for authorization; those that it lacks are absent. */
export function certificateAttributes(certificate: CertificateFields): Readonly<Record<string, string>> {
  const attributes: Record<string, string> = {};
  for (const [name, read] of Object.entries(FIELDS)) {
    const value = read(certificate);
    if (value !== undefined && value !== '') attributes[name] = value;
  }
  return Object.freeze(attributes);
}

/** A string instead of a template says what is wrong with it. */
export function parseIdentityTemplate(text: string): IdentityTemplate | string {
  const parts = text.split(/\$\{([^{}]*)\}/);
  const literals = parts.filter((_, index) => index % 2 === 0);
  const names = parts.filter((_, index) => index % 2 === 1);
  if (literals.some((literal) => /[${}]/.test(literal))) return 'a placeholder is not closed: write ${cert.cn}';
  const stranger = names.find((name) => !Object.hasOwn(FIELDS, name));
  if (stranger !== undefined) {
    return `\${${stranger}} is no field of a certificate: take one of ${Object.keys(FIELDS).join(', ')}`;
  }
  if (names.length === 0) return 'it has no placeholder, so that all clients would be the same user: write ${cert.cn}';
  return Object.freeze({
    text,
    expand(certificate: CertificateFields): string {
      let name = '';
      for (let index = 0; index < parts.length; index++) {
        const part = parts[index]!;
        const value = index % 2 === 0 ? part : FIELDS[part]!(certificate);
        if (index % 2 === 1 && (value === undefined || value === '')) return '';
        name += value;
      }
      return name;
    },
  });
}
