/** Reads lynis-report.dat: lines of `key=value` and `key[]=value`, written as the scan goes on and ended by `finish=true`. */
import { type Unknown, unknown } from '../model/fact.ts';
import { FINDINGS_MAX, type ScannerFinding, type ScannerReport } from './scanner-report.ts';

const TEST_ID = /^[A-Z][A-Z0-9]{1,9}(?:-\d{1,6})?$/;

export function isLynisReport(text: string): boolean {
  return /^(?:# Lynis Report|report_version_major=|lynis_version=)/m.test(text.slice(0, 4096));
}

export function parseLynis(file: string, text: string): ScannerReport | Unknown {
  const findings: ScannerFinding[] = [];
  const values = new Map<string, string>();
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    const at = line.indexOf('=');
    if (line.startsWith('#') || at <= 0) continue;
    const [key, value] = [line.slice(0, at), line.slice(at + 1)];
    const degree = key === 'warning[]' ? 'warning' : key === 'suggestion[]' ? 'suggestion' : undefined;
    if (degree === undefined) {
      values.set(key, value);
      continue;
    }
    const finding = findingOf(degree, value, index + 1);
    if (finding === undefined) return unknown('malformed', `${file}:${index + 1} is no ${degree} of Lynis.`);
    findings.push(finding);
    if (findings.length > FINDINGS_MAX) return unknown('too-large', `${file} has more than ${FINDINGS_MAX} findings.`);
  }
  return {
    scanner: 'Lynis',
    endedMs: momentOf(values.get('report_datetime_end')),
    isWhole: values.get('finish') === 'true',
    findings,
    judged: (values.get('tests_executed') ?? '').split('|').filter((id) => TEST_ID.test(id)).length,
    notApplicable: 0,
    untold: [],
  };
}

/** `ID|text|details|solution|`, where a hyphen is for nothing. */
function findingOf(degree: 'warning' | 'suggestion', value: string, line: number): ScannerFinding | undefined {
  const [id = '', title = '', details = ''] = value.split('|');
  if (!TEST_ID.test(id) || title === '') return undefined;
  // In brackets Lynis writes what the value is and should be, which is no part of what it is about.
  const about = details.replace(/\s*\(.*$/, '').trim();
  return {
    id,
    degree,
    title: details === '' || details === '-' ? title : `${title}: ${details}`,
    about: about === '' || about === '-' ? title : about,
    severity: degree === 'warning' ? 'medium' : 'info',
    line,
  };
}

/** Lynis writes the local time without its zone: it is off by hours at most, where days count. */
function momentOf(text: string | undefined): number | undefined {
  if (text === undefined || !/^\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}$/.test(text)) return undefined;
  const ms = Date.parse(`${text.replace(' ', 'T')}Z`);
  return Number.isNaN(ms) ? undefined : ms;
}
