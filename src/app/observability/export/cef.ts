/** ArcSight Common Event Format, version 0 (implementation standard, revision 25): one line a record. */
import { printable } from '../../../base/printable.ts';
import type { LogLevel } from '../../event-level.ts';
import type { JournalRecord } from '../journal/record.ts';
import { fieldsOf } from './fields.ts';
import { isRefusal, levelOf } from './severity.ts';

const SEVERITY: Readonly<Record<LogLevel, number>> = { debug: 2, info: 3, warn: 6, error: 8 };

/** What a header field may not hold unescaped. */
function inHeader(text: string): string {
  return printable(text).replace(/[\\|]/g, '\\$&');
}

/** What a value may not; a line feed is written `\n`. */
function inValue(text: string): string {
  return text
    .replace(/[\\=]/g, '\\$&')
    .split(/\r\n?|\n/)
    .map(printable)
    .join('\\n');
}

export function toCef(record: JournalRecord, version: string): string {
  const { name, sentence, text, number } = fieldsOf(record);
  const header = [
    'CEF:0',
    'Sallyport',
    'Sallyport',
    version,
    name,
    name.replaceAll('.', ' '),
    SEVERITY[levelOf(record)],
  ];
  const extension: [key: string, value: string | number | undefined][] = [
    ['rt', record.t],
    ['externalId', record.n],
    ['msg', sentence],
    ['src', addressOf(text('address'), 4)],
    ['c6a2', addressOf(text('address'), 6)],
    ['c6a2Label', addressOf(text('address'), 6) === undefined ? undefined : 'Source IPv6 Address'],
    ['spt', number('port')],
    ['suser', text('username')],
    ['app', 'MQTT'],
    ['act', text('action') ?? text('outcome')],
    ['outcome', isRefusal(record) ? 'failure' : 'success'],
    ['reason', text('says')],
    ['deviceInboundInterface', text('listener')],
    ...labelled('cs1', 'clientId', text('clientId')),
    ...labelled('cs2', 'author', text('by')),
    ...labelled('cs3', 'topic', text('topic') ?? text('filter')),
    ...labelled('cn1', 'reasonCode', number('reason')),
  ];
  const pairs = extension.flatMap(([key, value]) => (value === undefined ? [] : [`${key}=${inValue(String(value))}`]));
  return `${header.map((part, i) => (i === 0 ? part : inHeader(String(part)))).join('|')}|${pairs.join(' ')}`;
}

function labelled(
  key: string,
  label: string,
  value: string | number | undefined,
): [string, string | number | undefined][] {
  return value === undefined
    ? []
    : [
        [key, value],
        [`${key}Label`, label],
      ];
}

function addressOf(address: string | undefined, family: 4 | 6): string | undefined {
  return address !== undefined && address.includes(':') === (family === 6) ? address : undefined;
}
