/** What is collected of a scanner's report: which scanner's it is, and what it says. */
import { type Fact, mapFact, unknown } from '../model/fact.ts';
import type { AuditContext } from '../model/subject.ts';
import type { Target } from '../model/target.ts';
import { isLynisReport, parseLynis } from './lynis.ts';
import type { ScannerReport } from './scanner-report.ts';
import { isXccdfReport, parseXccdf } from './xccdf.ts';

/** An ARF carries the checklist and its definitions: Debian's has 8 MB. */
const REPORT_MAX_BYTES = 64 * 1024 * 1024;

export interface ScannerFacts {
  readonly report: Fact<ScannerReport>;
  readonly nowMs: number;
}

export async function collectScannerReport(
  { place }: Target,
  { system, clock }: Pick<AuditContext, 'system' | 'clock'>,
): Promise<ScannerFacts> {
  const text = await system.readText(place, { sizeMaxBytes: REPORT_MAX_BYTES });
  const report = mapFact(text, (value) => {
    if (isLynisReport(value)) return parseLynis(place, value);
    if (isXccdfReport(value)) return parseXccdf(place, value);
    return unknown('unsupported', `${place} is neither a report of Lynis nor results of XCCDF (an ARF, or bare).`);
  });
  return { report, nowMs: clock.epochMs() };
}
