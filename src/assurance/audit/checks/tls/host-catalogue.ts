/** Family T, of hosts: OpenSSL itself, keys and authorities that configurations name, and who shares a certificate. */
import type { Catalogue } from '../../model/check.ts';

export const TLS_HOST = {
  T01: {
    title: 'OpenSSL gets security updates',
    severity: 'high',
    exposure: 'network',
    why: 'Its flaws are read by everybody within hours of the update that mends them; without updates they stay.',
    remediation: {
      text: 'Upgrade the distribution, and remove libraries that are left from the one before.',
      command: 'apt-get full-upgrade && apt-get autoremove',
      impact: 'Programs that still need the old library have to be rebuilt or replaced.',
      risk: 'medium',
      ease: 'moderate',
    },
    standards: { cis: ['2.2'], nist: ['PR.PS-02'] },
  },
  T02: {
    title: 'The system demands TLS 1.2 and keys of 112 bits',
    severity: 'medium',
    exposure: 'network',
    why: 'What openssl.cnf allows, every program allows that has no opinion of its own.',
    remediation: {
      text: 'In the section that system_default names, set MinProtocol = TLSv1.2 and CipherString = DEFAULT@SECLEVEL=2.',
      impact: 'Programs can no longer talk to peers that know nothing newer.',
      risk: 'medium',
      ease: 'easy',
    },
    standards: { iec: ['CR 4.3'] },
  },
  T03: {
    title: 'Brokers use the TLS library of the system',
    severity: 'medium',
    exposure: 'network',
    why: 'A copy that no package owns gets no update: nobody knows which version it is.',
    remediation: {
      text: 'Install the broker from a package that uses the library of the system, or make its update a task of somebody.',
      impact: 'The broker restarts.',
      risk: 'medium',
      ease: 'hard',
    },
    standards: { nist: ['ID.RA-01'] },
  },
  T19: {
    title: 'Private keys are for their broker alone',
    severity: 'critical',
    exposure: 'local',
    why: 'Who can read the key is the broker, for every client; who can replace it, too.',
    remediation: {
      text: "Give the key to the broker's user with mode 0600, in folders that nobody else may write to.",
      command: 'chmod 0600 KEY',
      impact: 'None, as long as the owner is the user that the broker runs as.',
      risk: 'low',
      ease: 'easy',
    },
    standards: { iec: ['CR 1.5'], etsi: ['5.4-1'] },
  },
  T21: {
    title: "Clients' certificates come from an authority of your own",
    severity: 'high',
    exposure: 'network',
    why: 'With public authorities, whoever owns any domain name has a certificate that gets in.',
    remediation: {
      text: 'Name a file that holds the authority of your devices and nothing else.',
      impact: 'Clients with certificates from elsewhere are refused.',
      risk: 'medium',
      ease: 'moderate',
    },
    standards: { iec: ['CR 1.8'] },
  },
  T24: {
    title: 'No certificate is shared by several clients',
    severity: 'high',
    exposure: 'network',
    why: 'One stolen device is all of them then, and it cannot be revoked without the others.',
    remediation: {
      text: 'Give every device a certificate of its own, then revoke the shared one.',
      impact: 'Devices need new certificates.',
      risk: 'high',
      ease: 'hard',
    },
    standards: { iec: ['CR 1.2'] },
  },
} as const satisfies Catalogue;
