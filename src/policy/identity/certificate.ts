/** The verified client certificate, where the listener takes its common name for the user name. */
import { Reason } from '../../mqtt/reason.ts';
import type { AuthenticationResult, Credentials, IdentityMethod } from './identity.ts';
import { reservedInUsername } from './reserved-characters.ts';
import { accept, deny } from './results.ts';

export const certificateMethod: IdentityMethod = Object.freeze({
  name: 'certificate',

  authenticate(credentials: Credentials): Promise<AuthenticationResult> | undefined {
    return credentials.certificateName === undefined ? undefined : Promise.resolve(judge(credentials));
  },

  /** The certificate itself (expiry, revocation, trust) is judged where TLS ends. */
  stillValid(): boolean {
    return true;
  },
});

/**
 * A user name beside the certificate has to be the certificate's: otherwise the broker behind would be told a name that
 * nobody vouched for. A password beside it is not looked at.
 */
function judge(credentials: Credentials): AuthenticationResult {
  const { certificateName = '', username } = credentials;
  if (certificateName === '' || reservedInUsername(certificateName) >= 0) {
    const says = "The certificate's common name is empty, or has a wildcard, a slash or a control character in it.";
    return deny(Reason.BadUserNameOrPassword, 'identity:reserved-characters', says, 'certificate');
  }
  if (username !== undefined && username !== certificateName) {
    const says = "The user name is not the certificate's common name.";
    return deny(Reason.BadUserNameOrPassword, 'certificate', says, 'certificate');
  }
  return accept(credentials, certificateName, 'certificate', `certificate:${certificateName}`);
}
