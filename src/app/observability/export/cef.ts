/** ArcSight Common Event Format, version 0 (implementation standard, revision 25): one line a record. */
import { isIP } from 'node:net';
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

/** What a value may not; a line feed is written `\n`. The backslash of a character that is spelt out is escaped like any. */
function inValue(text: string, lengthMax: number): string {
  const spelt = text
    .split(/\r\n?|\n/)
    .map(printable)
    .join('\n');
  return spelt.slice(0, lengthMax).replace(/[\\=]/g, '\\$&').replaceAll('\n', '\\n');
}

/** Characters that the dictionary has room for. */
const LENGTH_MAX = 4000;
const LENGTHS: Readonly<Record<string, number>> = {
  msg: 1023,
  suser: 1023,
  reason: 1023,
  deviceInboundInterface: 128,
  act: 63,
};

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
  const isAction = record.k === 'action';
  const address = text('address') ?? (isAction ? text('from') : undefined);
  const isMqtt = 'connectionId' in record.d;
  const extension: [key: string, value: string | number | undefined][] = [
    ['rt', record.t],
    ['externalId', record.n],
    ['msg', sentence],
    ['src', addressOf(address, 4)],
    ['c6a2', addressOf(address, 6)],
    ['c6a2Label', addressOf(address, 6) === undefined ? undefined : 'Source IPv6 Address'],
    ['spt', addressOf(address) === undefined ? undefined : number('port')],
    ['suser', text('username') ?? text('operator') ?? (isAction ? text('by') : undefined)],
    ['app', isMqtt ? 'MQTT' : undefined],
    ['act', text('action') ?? text('outcome')],
    ['outcome', isRefusal(record) ? 'failure' : 'success'],
    ['reason', text('says')],
    ['deviceInboundInterface', text('listener')],
    ...labelled('cs1', 'clientId', text('clientId')),
    ...labelled('cs2', 'author', text('by')),
    ...labelled('cs3', 'topic', text('topic') ?? text('filter')),
    ...labelled('cn1', 'reasonCode', number('reason')),
  ];
  const pairs = extension.flatMap(([key, value]) =>
    value === undefined ? [] : [`${key}=${inValue(String(value), LENGTHS[key] ?? LENGTH_MAX)}`],
  );
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

/** The address, where it is one, and of that family. */
function addressOf(address: string | undefined, family?: 4 | 6): string | undefined {
  const found = isIP(address ?? '');
  return found !== 0 && (family ?? found) === found ? address : undefined;
}
