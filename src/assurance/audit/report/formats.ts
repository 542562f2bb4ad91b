/** The formats that a report can have, and which one a file's name asks for. */
import { csvReport } from './csv.ts';
import { htmlReport } from './html.ts';
import { junitReport } from './junit.ts';
import { markdownReport } from './markdown.ts';
import { sarifReport } from './sarif.ts';
import { terminalReport } from './terminal-report.ts';
import type { ReportView } from './view.ts';

/** What is shown is filtered; score and gate are of everything. */
function jsonReport(view: ReportView): string {
  return `${JSON.stringify({ ...view.report, results: view.results }, null, 2)}\n`;
}

export const FORMATS = {
  text: (view) => `${terminalReport(view, (_, text) => text)}\n`,
  json: jsonReport,
  sarif: sarifReport,
  junit: junitReport,
  csv: csvReport,
  html: htmlReport,
  markdown: markdownReport,
} as const satisfies Record<string, (view: ReportView) => string>;
export type FormatName = keyof typeof FORMATS;

const BY_EXTENSION: Readonly<Record<string, FormatName>> = {
  txt: 'text',
  json: 'json',
  sarif: 'sarif',
  xml: 'junit',
  csv: 'csv',
  html: 'html',
  md: 'markdown',
};

export const EXTENSIONS: readonly string[] = Object.keys(BY_EXTENSION);

export function formatOfFile(path: string): FormatName | undefined {
  const extension = path.slice(path.lastIndexOf('.') + 1).toLowerCase();
  return Object.hasOwn(BY_EXTENSION, extension) ? BY_EXTENSION[extension] : undefined;
}
