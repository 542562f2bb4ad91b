/** TLS of one listener: what it shows, what it asks of clients, and what their certificates have to be. */
import { parseIdentityTemplate } from '../../policy/identity/identity-template.ts';
import { choice, duration, flag, list, path, section, text } from './fields.ts';
import { secret } from './secret.ts';

const CERTIFICATES_MAX = 64;
const CRL_FILES_MAX = 64;

function identityTemplate() {
  return text({ pattern: /^.{1,256}$/, wanted: 'a template such as ${cert.cn}' }).superRefine((given, context) => {
    const template = parseIdentityTemplate(given);
    if (typeof template === 'string') context.addIssue({ code: 'custom', message: template });
  });
}

function revocationSchema(directory: string) {
  return section({
    mode: choice(['hard-fail', 'soft-fail']).meta({
      description:
        'Whether a client is refused or let in, with an event, when nobody can tell if its certificate is revoked.',
    }),
    crlFiles: list(path(directory), { min: 0, max: CRL_FILES_MAX, what: 'files' })
      .prefault([])
      .meta({ description: 'Revocation lists, PEM or DER; a reload reads them anew.' }),
    crlDistributionPoints: flag()
      .prefault(false)
      .meta({ description: 'Whether lists are fetched from the http places that certificates name.' }),
    ocsp: flag().prefault(false).meta({ description: 'Whether the responders that certificates name are asked.' }),
    timeout: duration({ min: '100ms', max: '30s' })
      .prefault('3s')
      .meta({ description: 'How long a login waits for a list or an answer.' }),
    cacheDirectory: path(directory)
      .prefault('revocation')
      .meta({ description: 'Where fetched lists are kept over a restart.' }),
  })
    .superRefine(
      (revocation, context) => {
        if (revocation.crlFiles?.length !== 0 || revocation.crlDistributionPoints || revocation.ocsp) return;
        const message = 'asks nobody: name crlFiles, or set crlDistributionPoints or ocsp to true';
        context.addIssue({ code: 'custom', path: [], message });
      },
      { when: ({ value }) => typeof value === 'object' && value !== null },
    )
    .transform(({ timeout, ...rest }) => ({ ...rest, timeoutMs: timeout }));
}

/** Keys that say something of client certificates, and mean nothing where none are asked for. */
const ABOUT_CLIENTS = ['clientCa', 'identity', 'pinFile', 'revocation'] as const;

export function tlsSchema(directory: string) {
  const certificate = section({
    certificate: path(directory).meta({ description: 'PEM file: the certificate, then its intermediates.' }),
    key: path(directory).meta({ description: 'PEM file with the private key.' }),
    passphrase: secret(directory).optional().meta({ description: 'Where the passphrase of an encrypted key is kept.' }),
  });
  return section({
    certificates: list(certificate, { min: 1, max: CERTIFICATES_MAX, what: 'certificates' }).optional().meta({
      description: 'Chosen by the name a client asks for (SNI); the first one answers where none fits.',
    }),
    pskFile: path(directory).optional().meta({
      description: "Pre-shared keys in Mosquitto's format, in place of certificates; the identity is the user name.",
    }),
    pskIdentityHint: text({ pattern: /^[\x21-\x7e]{1,128}$/, wanted: '1 to 128 visible characters' })
      .optional()
      .meta({
        description: 'What clients with TLS 1.2 and several identities are told.',
      }),
    ocspStapling: flag().prefault(false).meta({
      description: "Whether clients are shown what their CA's OCSP responder says of our certificates.",
    }),
    versionMin: choice(['TLSv1.2', 'TLSv1.3']).prefault('TLSv1.2').meta({ description: 'Lowest TLS version.' }),
    clientCertificate: choice(['none', 'request', 'require'])
      .prefault('none')
      .meta({ description: 'Whether clients are asked for a certificate, and whether they may go without.' }),
    clientCa: path(directory)
      .optional()
      .meta({ description: 'PEM file of the CAs that client certificates must come from.' }),
    identityFromCertificate: flag()
      .prefault(false)
      .meta({ description: "The client certificate's common name is the user name; no password is asked." }),
    identity: identityTemplate().optional().meta({
      description: 'The user name is made of the client certificate by this template, such as "${cert.san.dns}".',
    }),
    pinFile: path(directory)
      .optional()
      .meta({ description: 'File of SHA-256 fingerprints, one a line: only these client certificates may come.' }),
    revocation: revocationSchema(directory)
      .optional()
      .meta({ description: 'Who tells whether client certificates, and the CAs between, are revoked.' }),
  })
    .superRefine(
      (tls, context) => {
        const complain = (key: string, message: string): void =>
          context.addIssue({ code: 'custom', path: [key], message });
        if (tls.certificates === undefined && tls.pskFile === undefined) {
          complain('certificates', 'is missing: give a list of 1 to 64 certificates, or pskFile for pre-shared keys');
        }
        if (tls.pskFile !== undefined) {
          const beside = 'does not go together with pskFile: remove one of them, or make two listeners';
          if (tls.certificates !== undefined) complain('certificates', beside);
          if (tls.clientCertificate !== 'none') complain('clientCertificate', beside);
          if (tls.ocspStapling === true) complain('ocspStapling', beside);
        } else if (tls.pskIdentityHint !== undefined) {
          complain('pskIdentityHint', 'has no effect without pskFile: remove it');
        }
        const asks = tls.clientCertificate === 'request' || tls.clientCertificate === 'require';
        if (asks && tls.clientCa === undefined) {
          complain('clientCertificate', `"${tls.clientCertificate}" needs clientCa, the file of the CAs to trust`);
        }
        if (tls.clientCertificate === 'none') {
          const useless =
            'has no effect while clientCertificate is "none": set that to request or require, or remove this key';
          for (const key of ABOUT_CLIENTS) if (tls[key] !== undefined) complain(key, useless);
          if (tls.identityFromCertificate === true) complain('identityFromCertificate', useless);
        }
      },
      { when: ({ value }) => typeof value === 'object' && value !== null },
    )
    .transform(({ certificates = [], ...rest }) => ({ ...rest, certificates }));
}
