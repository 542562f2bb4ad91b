/** The verified client certificate, where the listener makes a user name of it. */
import { Reason } from '../../mqtt/reason.ts';
import type { AuthenticationResult, Credentials, Identity, IdentityMethod, Standing } from './identity.ts';
import { certificateAttributes } from './identity-template.ts';
import { reservedInUsername } from './reserved-characters.ts';
import { accept, deny } from './results.ts';

export const certificateMethod: IdentityMethod = Object.freeze({
  name: 'certificate',

  authenticate(credentials: Credentials): Promise<AuthenticationResult> | undefined {
    return credentials.certificateName === undefined ? undefined : Promise.resolve(judge(credentials));
  },

  /** The certificate itself (trust, pins, revocation) is the guard's concern; here it is the name that is made of it. */
  stillValid(identity: Identity, { certificateName }: Standing): boolean {
    return identity.username === certificateName;
  },
});

/**
 * A user name beside the certificate has to be the certificate's: otherwise the broker behind would be told a name that
 * nobody vouched for. A password beside it is not looked at.
 */
function judge(credentials: Credentials): AuthenticationResult {
  const { certificate, certificateName = '', username } = credentials;
  if (certificateName === '' || reservedInUsername(certificateName) >= 0) {
    const says =
      'The certificate lacks the name that the user name is made of, or it has a wildcard, a slash or a control character in it.';
    return deny(Reason.BadUserNameOrPassword, 'identity:reserved-characters', says, 'certificate');
  }
  if (username !== undefined && username !== certificateName) {
    const says = 'The user name is not the one that the certificate proves.';
    return deny(Reason.BadUserNameOrPassword, 'certificate', says, 'certificate');
  }
  if (certificate === undefined) return accept(credentials, certificateName, 'certificate', 'certificate');
  return accept(credentials, certificateName, 'certificate', `certificate:${certificate.fingerprint}`, {
    attributes: certificateAttributes(certificate),
    expiresAtMs: certificate.notAfterMs,
  });
}
