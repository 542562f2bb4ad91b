/** Family W: what only people can say, from the dated attestations of the audit file. */
import type { Catalogue } from '../../model/check.ts';

const attest = (key: string) => `Write it down under \`attestations.${key}\` of the audit file, with date and owner.`;

export const AWARENESS = {
  W01: {
    title: 'Security policy was reviewed',
    severity: 'info',
    exposure: 'local',
    why: 'Without a policy nobody can say what is wrong; with an old one, everybody says it of something else.',
    remediation: {
      text: `Review the policy once a year. ${attest('policy')}`,
      impact: 'None.',
      risk: 'low',
      ease: 'moderate',
    },
    standards: { nist: ['GV.PO-01'] },
  },
  W02: {
    title: 'People were trained',
    severity: 'info',
    exposure: 'local',
    why: 'Most incidents begin with somebody who did not know.',
    remediation: {
      text: `Train those who operate brokers and devices once a year. ${attest('training')}`,
      impact: 'None.',
      risk: 'low',
      ease: 'moderate',
    },
    standards: { cis: ['14.1'], nist: ['PR.AT-01'] },
  },
  W03: {
    title: 'An incident was rehearsed',
    severity: 'info',
    exposure: 'local',
    why: 'A plan that was never tried fails on its first day.',
    remediation: {
      text: `Rehearse an attack or an outage once a year. ${attest('drill')}`,
      impact: 'As the rehearsal goes.',
      risk: 'low',
      ease: 'moderate',
    },
    standards: { cis: ['17.7'], nist: ['ID.IM-02'] },
  },
  W04: {
    title: 'A contact for reports of flaws is published',
    severity: 'info',
    exposure: 'network',
    why: 'Who finds a flaw and cannot tell you tells others.',
    remediation: {
      text: `Publish a contact, such as in a security.txt, and confirm once a year that somebody reads it. ${attest('disclosure')}`,
      impact: 'Reports arrive.',
      risk: 'low',
      ease: 'easy',
    },
    standards: { etsi: ['5.2-1'] },
  },
  W05: {
    title: 'Credentials are rotated',
    severity: 'low',
    exposure: 'network',
    why: 'A credential that was copied years ago still opens the door.',
    remediation: {
      text: `Make the oldest passwords and certificates anew at least once a year. ${attest('rotation')}`,
      impact: 'Devices need their new credentials before the old ones go.',
      risk: 'medium',
      ease: 'hard',
    },
    standards: { nist: ['PR.AA-01'] },
  },
} as const satisfies Catalogue;
