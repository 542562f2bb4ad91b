/** A report of another scanner as a target: Lynis's where it is always written, others where they are named. */
import { scanners } from '../checks/scanners/scanners.ts';
import { defineSubject, type Subject } from '../model/subject.ts';
import { placedTarget } from '../model/target.ts';
import { collectScannerReport } from './facts.ts';

export const LYNIS_REPORT = '/var/log/lynis-report.dat';

export const scannerSubject: Subject = defineSubject({
  kind: 'scanner-report',
  families: [scanners],
  async discover({ system }) {
    const status = await system.status(LYNIS_REPORT);
    return status.state === 'absent' ? [] : [placedTarget('scanner-report', LYNIS_REPORT)];
  },
  targetAt: (place, options) => placedTarget('scanner-report', place, options),
  collect: collectScannerReport,
});
