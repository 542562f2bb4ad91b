/** Elastic Common Schema 8.17: one JSON document a record. */
import { isIP } from 'node:net';
import type { JournalRecord } from '../journal/record.ts';
import { fieldsOf } from './fields.ts';
import { isRefusal, levelOf } from './severity.ts';

const ECS_VERSION = '8.17.0';

/** `event.category` and `event.type`, from the lists that the schema allows. */
function kindOf(name: string): { category: string[]; type: string[] } {
  const [subject = ''] = name.split('.');
  switch (subject) {
    case 'authentication':
    case 'password':
      return { category: ['authentication'], type: [name.endsWith('failed') ? 'denied' : 'start'] };
    case 'attack':
    case 'patch':
      return { category: ['intrusion_detection', 'network'], type: ['info'] };
    case 'publish':
    case 'subscribe':
    case 'subscription':
    case 'will':
    case 'delivery':
    case 'ban':
    case 'limit':
      return { category: ['network'], type: ['denied'] };
    case 'connection':
    case 'connect':
    case 'packet':
    case 'client':
      return { category: ['network'], type: ['connection'] };
    case 'config':
    case 'settings':
    case 'certificate':
    case 'revocation':
      return { category: ['configuration'], type: ['change'] };
    case 'gateway':
    case 'listener':
    case 'worker':
      return { category: ['process'], type: ['info'] };
    default:
      return { category: ['host'], type: ['info'] };
  }
}

export function toEcs(record: JournalRecord, version: string): string {
  const { name, sentence, time, text, number } = fieldsOf(record);
  const address = text('address');
  const isAction = record.k === 'action';
  return JSON.stringify({
    '@timestamp': time,
    ecs: { version: ECS_VERSION },
    message: sentence,
    log: { level: levelOf(record) },
    event: {
      kind: name.startsWith('attack.') ? 'alert' : 'event',
      module: 'sallyport',
      dataset: 'sallyport.journal',
      provider: 'sallyport',
      action: name,
      ...(isAction ? { category: ['configuration'], type: ['change'] } : kindOf(name)),
      outcome: isRefusal(record) ? 'failure' : 'success',
      reason: text('says'),
      code: number('reason')?.toString(),
      sequence: record.n,
      hash: record.h,
    },
    observer: { vendor: 'Sallyport', product: 'Sallyport', type: 'gateway', version },
    ...(address === undefined
      ? {}
      : { source: { address, port: number('port'), ...(isIP(address) === 0 ? {} : { ip: address }) } }),
    ...(text('username') === undefined ? {} : { user: { name: text('username') } }),
    ...(isAction ? { user: { name: text('by') } } : {}),
    network: { protocol: 'mqtt', transport: 'tcp' },
    ...(text('by') === undefined || isAction ? {} : { rule: { name: text('by') } }),
    labels: labelsOf({
      client_id: text('clientId'),
      topic: text('topic') ?? text('filter'),
      listener: text('listener'),
    }),
  });
}

function labelsOf(labels: Readonly<Record<string, string | undefined>>): Record<string, string> | undefined {
  const given = Object.entries(labels).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return given.length === 0 ? undefined : Object.fromEntries(given);
}
