/**
 * Reads results of XCCDF 1.1 and 1.2, bare or within an ARF, as `oscap xccdf eval --results` and `--results-arf` write them. A report
 * carries the whole checklist, millions of bytes of it: only what tells of results is taken apart.
 */
import { parseXml, XmlElement, XmlError } from '@rgrove/parse-xml';
import { type Unknown, unknown } from '../model/fact.ts';
import type { Severity } from '../model/severity.ts';
import { FINDINGS_MAX, type ScannerFinding, type ScannerReport } from './scanner-report.ts';

const RESULTS_MAX_CHARACTERS = 8 * 1024 * 1024;
const TEST_RESULTS_MAX = 64;
const RULES_MAX = 5000;
/** A title stands at the beginning of its rule. */
const TITLE_WITHIN_CHARACTERS = 2048;
const RULE_PREFIX = /^xccdf_.*_rule_/;
const SEVERITY: Readonly<Record<string, Severity>> = { high: 'high', medium: 'medium', low: 'low', info: 'info' };

export function isXccdfReport(text: string): boolean {
  return /<(?:[\w.-]+:)?(?:TestResult|asset-report-collection|Benchmark)[\s>]/.test(text.slice(0, 64 * 1024));
}

export function parseXccdf(file: string, text: string): ScannerReport | Unknown {
  // What is commented out is no result, and a DOCTYPE could make more of the rest than it says.
  const plain = withoutComments(text);
  if (/<!DOCTYPE/i.test(plain)) return unknown('malformed', `${file}: a DOCTYPE is not taken.`);
  const results = testResultsIn(plain).map((part) => readElement(file, part));
  const broken = results.find((one) => !(one instanceof XmlElement));
  if (broken !== undefined) return broken as Unknown;
  // A report that was added to has several: the last one counts.
  const newest = (results as XmlElement[])
    .sort((a, b) => (endOf(a) ?? 0) - (endOf(b) ?? 0) || results.indexOf(a) - results.indexOf(b))
    .at(-1);
  if (newest === undefined) return unknown('malformed', `${file} has no whole TestResult: nothing was evaluated.`);
  return reportOf(file, newest, plain);
}

function withoutComments(text: string): string {
  const parts: string[] = [];
  let from = 0;
  for (;;) {
    const start = text.indexOf('<!--', from);
    const end = start === -1 ? -1 : text.indexOf('-->', start + 4);
    parts.push(text.slice(from, start === -1 ? undefined : start));
    if (end === -1) return parts.join('');
    from = end + 3;
  }
}

/** The whole TestResult elements, as text; they cannot lie in each other. */
function testResultsIn(text: string): string[] {
  const parts: string[] = [];
  for (const match of text.matchAll(/<((?:[\w.-]{1,64}:)?TestResult)[\s>]/g)) {
    const end = text.indexOf(`</${match[1]}>`, match.index);
    // Behind one that has no end there is none that has.
    if (end === -1 || parts.length >= TEST_RESULTS_MAX) break;
    parts.push(text.slice(match.index, end + match[1]!.length + 3));
  }
  return parts;
}

function readElement(file: string, text: string): XmlElement | Unknown {
  if (text.length > RESULTS_MAX_CHARACTERS)
    return unknown('too-large', `${file} has results of more than ${RESULTS_MAX_CHARACTERS} characters.`);
  try {
    return parseXml(text).root!;
  } catch (error) {
    if (error instanceof XmlError || error instanceof RangeError)
      return unknown('malformed', `${file} has a TestResult that is no XML: ${error.message.split('\n')[0]}`);
    throw error;
  }
}

function reportOf(file: string, testResult: XmlElement, text: string): ScannerReport | Unknown {
  const findings: ScannerFinding[] = [];
  const untold: string[] = [];
  const titles = titlesIn(text);
  let [judged, notApplicable] = [0, 0];
  for (const rule of childrenOf(testResult, 'rule-result')) {
    const { idref = '', severity = 'unknown', role = 'full' } = rule.attributes;
    const id = idref.replace(RULE_PREFIX, '');
    const result = childrenOf(rule, 'result')[0]?.text.trim();
    if (id === '' || role === 'unchecked') continue;
    if (result === 'notapplicable') notApplicable++;
    else if (result === 'error' || result === 'unknown' || result === 'notchecked') untold.push(id);
    else if (result === 'pass' || result === 'fixed') judged++;
    else if (result === 'fail') {
      judged++;
      const weighed = role === 'unscored' ? 'info' : (SEVERITY[severity] ?? 'low');
      findings.push({ id, degree: 'failed-rule', title: titles.get(idref) ?? id, severity: weighed });
    }
    if (findings.length > FINDINGS_MAX) return unknown('too-large', `${file} has more than ${FINDINGS_MAX} findings.`);
  }
  const endedMs = endOf(testResult);
  return { scanner: 'OpenSCAP', endedMs, isWhole: endedMs !== undefined, findings, judged, notApplicable, untold };
}

function childrenOf(element: XmlElement, name: string): XmlElement[] {
  return element.children.filter(
    (child): child is XmlElement => child instanceof XmlElement && child.name.replace(/^.*:/, '') === name,
  );
}

function endOf({ attributes }: XmlElement): number | undefined {
  const ms = Date.parse(attributes['end-time'] ?? '');
  return Number.isNaN(ms) ? undefined : ms;
}

/** The titles that the checklist in the same report gives its rules. */
function titlesIn(text: string): Map<string, string> {
  const titles = new Map<string, string>();
  for (const rule of text.matchAll(/<(?:[\w.-]{1,64}:)?Rule\s[^>]{0,1000}?\bid="([^"]{1,300})"/g)) {
    if (titles.size >= RULES_MAX) break;
    const near = text.slice(rule.index, rule.index + TITLE_WITHIN_CHARACTERS);
    const title = /<(?:[\w.-]{1,64}:)?title(?:\s[^>]{0,500})?>([^<]{1,500})</.exec(near)?.[1];
    if (title !== undefined) titles.set(rule[1]!, plainText(title));
  }
  return titles;
}

function plainText(markup: string): string {
  try {
    return parseXml(`<t>${markup}</t>`).root?.text.trim() ?? markup;
  } catch {
    return markup;
  }
}
