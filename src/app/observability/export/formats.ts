/** The formats in which records of the journal leave it. */
import { printableJson } from '../../../base/printable.ts';
import type { JournalRecord } from '../journal/record.ts';
import { toCef } from './cef.ts';
import { toEcs } from './ecs.ts';
import { toOcsf } from './ocsf.ts';

/** By name: a record as one line, without its line feed. */
export const EXPORT_FORMATS: Readonly<Record<string, (record: JournalRecord, version: string) => string>> = {
  jsonl: (record) => printableJson(JSON.stringify(record)),
  cef: toCef,
  ecs: (record, version) => printableJson(toEcs(record, version)),
  ocsf: (record, version) => printableJson(toOcsf(record, version)),
};
