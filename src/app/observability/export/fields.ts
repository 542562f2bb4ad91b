/** A record of the journal as other formats need it: its name, its sentence, and typed fields where it has them. */
import type { GatewayEvent } from '../../../base/events.ts';
import { eventSentence } from '../../event-sentence.ts';
import type { JournalRecord } from '../journal/record.ts';

export interface RecordFields {
  readonly name: string;
  readonly sentence: string;
  readonly time: string;
  /** Absent where the record is of no chain, as over syslog. */
  readonly hash: string | undefined;
  text(field: string): string | undefined;
  number(field: string): number | undefined;
}

export function fieldsOf(record: JournalRecord): RecordFields {
  const { k, t, d, h } = record;
  const text = (field: string): string | undefined => {
    const value = d[field];
    return typeof value === 'string' ? value : undefined;
  };
  return {
    name: text('name') ?? `journal.${k}`,
    sentence: sentenceOf(record),
    time: new Date(t).toISOString(),
    hash: h === '' ? undefined : h,
    text,
    number: (field) => {
      const value = d[field];
      return typeof value === 'number' ? value : undefined;
    },
  };
}

/** What an operator's action of that name, such as `ban-add` or `reload`, does to what it is about. */
export function changeOf(action: string): 'creation' | 'change' | 'deletion' {
  if (/(^|-)(add|create)$/.test(action)) return 'creation';
  return /(^|-)(remove|revoke)$/.test(action) ? 'deletion' : 'change';
}

/** One line for people. */
export function sentenceOf({ k, d }: JournalRecord): string {
  switch (k) {
    case 'event': {
      // Written by another version, an event may lack what the sentence wants.
      const sentence = eventSentence(d as unknown as GatewayEvent) as string | undefined;
      return sentence ?? String(d['says'] ?? d['name']);
    }
    case 'action': {
      const words = Array.isArray(d['words']) && d['words'].length > 0 ? ` ${d['words'].join(' ')}` : '';
      const refused = d['outcome'] === 'refused' ? `, which was refused: ${d['says']}` : '';
      return `${d['by']} did ${d['name']}${words} (${d['from']})${refused}`;
    }
    case 'open':
      return `Segment ${d['segment']} begins, written by version ${d['version']}`;
    case 'seal':
      return `Segment ${d['segment']} is sealed`;
    case 'lost':
      return `${d['records']} records could not be kept`;
    case 'pruned':
      return `Retention removed ${d['segments']} segments, through record ${d['n']}`;
  }
}
