/** Entries of the family L: what other scanners have found on the host, and what their reports are worth. */
import type { Catalogue } from '../../model/check.ts';

export const SCANNERS = {
  L01: {
    title: 'Lynis warns of nothing',
    severity: 'medium',
    exposure: 'local',
    why: 'Lynis looks at much of a host that this audit does not. What it warns of is what it holds to be wrong, not only improvable.',
    remediation: {
      text: 'Look up what the test says, mend it, and run Lynis again.',
      command: 'lynis show details TEST',
      impact: 'Depends on the finding.',
      risk: 'medium',
      ease: 'moderate',
    },
    standards: { cis: ['4.1'], nist: ['ID.RA-01'] },
  },
  L02: {
    title: 'Lynis has nothing to suggest',
    severity: 'info',
    exposure: 'local',
    why: 'Suggestions harden a host further. Which of them fit is for those to say who know what the host is for, so that they weigh nothing.',
    remediation: {
      text: 'Take what fits the host, and skip the rest in the profile of Lynis, with a reason.',
      command: 'lynis show details TEST',
      impact: 'Depends on the suggestion.',
      risk: 'medium',
      ease: 'moderate',
    },
    standards: { cis: ['4.1'] },
  },
  L03: {
    title: 'No rule of the SCAP checklist failed',
    severity: 'medium',
    exposure: 'local',
    why: 'The checklist is what an organization has decided to hold its hosts to.',
    remediation: {
      text: 'Follow the description of the rule in the HTML report or the guide, and evaluate the checklist again.',
      command: 'oscap xccdf generate report RESULTS.xml > report.html',
      impact: 'Depends on the rule.',
      risk: 'medium',
      ease: 'moderate',
    },
    standards: { cis: ['4.1'], nist: ['PR.PS-01'] },
  },
  L04: {
    title: 'The scan came to its end, and was about this host',
    severity: 'low',
    exposure: 'local',
    why: 'A scan that was cut short, or whose checklist is for another system, finds nothing and looks clean: Debian 12 has content for Debian 10 and 11 alone, whose rules all turn out not applicable.',
    remediation: {
      text: 'Run it to its end, with a checklist that is made for this release.',
      impact: 'None.',
      risk: 'low',
      ease: 'easy',
    },
    standards: { nist: ['ID.RA-01'] },
  },
  L05: {
    title: 'The report is recent',
    severity: 'info',
    exposure: 'local',
    why: 'What was true a year ago says nothing of today: an old report is not taken for an answer.',
    remediation: {
      text: 'Run the scanner again, and let a timer do so from now on.',
      impact: 'None.',
      risk: 'low',
      ease: 'easy',
    },
    standards: { cis: ['4.1'] },
  },
} as const satisfies Catalogue;
