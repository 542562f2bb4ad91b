/** What a record of the journal can be found by. */
import { normaliseAddress } from '../../../base/ip-address.ts';
import { OperatorError } from '../../config/problem.ts';
import type { JournalRecord } from './record.ts';

/** Fields that are searched for. */
export const FIELDS = ['event', 'client', 'user', 'address', 'author', 'topic'] as const;
export type Field = (typeof FIELDS)[number];

/** Each a whole word, or the beginning of one and a `*`. */
export type WantedFields = Partial<Readonly<Record<Field, string>>>;

/** The same question of one record, without an index. */
export function fits(record: JournalRecord, wanted: WantedFields): boolean {
  const found = fieldsOf(record);
  return FIELDS.every((field) => {
    const word = wanted[field];
    if (word === undefined) return true;
    const value = found[field];
    return value !== undefined && (word.endsWith('*') ? value.startsWith(word.slice(0, -1)) : value === word);
  });
}

/** What a record can be found by. An event names things as the vocabulary does; an operator's action names who acted as its author. */
export function fieldsOf({ k, d }: JournalRecord): Readonly<Record<Field, string | undefined>> {
  const text = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined);
  return {
    event: text(d['name']) ?? k,
    client: text(d['clientId']),
    user: text(d['username']),
    address: text(d['address']),
    author: text(d['by']),
    topic: text(d['topic']) ?? text(d['filter']),
  };
}

/** As records have it. @throws {OperatorError} where no record can have it. */
export function wantedAddress(text: string): string {
  if (text.endsWith('*')) return text;
  const address = normaliseAddress(text);
  if (address !== undefined) return address;
  throw new OperatorError(
    `"${text.slice(0, 60)}" is no address: give one such as 192.0.2.7, or the beginning of several such as 192.0.2.*`,
  );
}
