/** Elastic Common Schema 8.17: one JSON document a record. */
import { isIP } from 'node:net';
import type { JournalRecord } from '../journal/record.ts';
import { changeOf, fieldsOf } from './fields.ts';
import { isRefusal, levelOf } from './severity.ts';

const ECS_VERSION = '8.17.0';

interface Kind {
  readonly category: readonly string[];
  readonly type: readonly string[];
}

const one = (category: string, ...type: readonly string[]): Kind => ({ category: [category], type });
const LOGIN = one('authentication', 'start');
const REFUSED = one('network', 'denied');
const CHANGE = one('configuration', 'change');
const OURS = one('process', 'info');
const INTRUSION: Kind = { category: ['intrusion_detection', 'network'], type: ['info'] };
const STOPPED: Kind = { ...INTRUSION, type: ['denied'] };

/** By the event's name, or by its first word; a type is one that the schema expects with each of the categories. */
const KINDS: Readonly<Record<string, Kind>> = {
  authentication: LOGIN,
  'operator.login.succeeded': LOGIN,
  'operator.login.failed': LOGIN,
  'operator.session.ended': one('session', 'end'),
  'operator.changed': one('iam', 'admin', 'change'),
  'session.removed': one('session', 'end'),
  'password.upgraded': one('iam', 'user', 'change'),
  password: one('iam', 'user', 'info'),
  attack: INTRUSION,
  response: INTRUSION,
  quarantine: INTRUSION,
  'quarantine.diverted': STOPPED,
  patch: STOPPED,
  publish: REFUSED,
  subscribe: REFUSED,
  subscription: REFUSED,
  will: REFUSED,
  delivery: REFUSED,
  ban: REFUSED,
  'ban.removed': one('network', 'allowed'),
  'ban.expired': one('network', 'allowed'),
  'ban.refused': one('network', 'info'),
  limit: REFUSED,
  'limit.changed': CHANGE,
  connection: one('network', 'connection', 'denied'),
  'connection.accepted': one('network', 'connection', 'start'),
  'connection.closed': one('network', 'connection', 'end'),
  connect: one('network', 'connection', 'denied'),
  client: one('network', 'connection', 'allowed'),
  packet: one('network', 'protocol', 'denied'),
  shadow: one('network', 'info'),
  upstream: one('network', 'info'),
  firewall: one('network', 'info'),
  config: CHANGE,
  learning: CHANGE,
  certificate: one('configuration', 'info'),
  'certificate.loaded': CHANGE,
  'certificate.revoked': LOGIN,
  revocation: one('configuration', 'info'),
  control: one('api', 'info'),
  'control.refused': one('api', 'denied'),
  audit: one('host', 'info'),
  'audit.finding.new': one('vulnerability', 'info'),
  'audit.finding.mended': one('vulnerability', 'info'),
  'audit.finding.regressed': one('vulnerability', 'info'),
  'gateway.started': one('process', 'start'),
  'gateway.stopped': one('process', 'end'),
  'worker.started': one('process', 'start'),
  'worker.exited': one('process', 'end'),
  'worker.stuck': one('process', 'info'),
};

function kindOf(name: string): Kind {
  for (const key of [name, name.split('.', 1)[0]!]) if (Object.hasOwn(KINDS, key)) return KINDS[key]!;
  return OURS;
}

const ALERTS: ReadonlySet<string> = new Set(['attack.detected', 'alert.fired']);

export function toEcs(record: JournalRecord, version: string): string {
  const { name, sentence, time, hash, text, number } = fieldsOf(record);
  const isAction = record.k === 'action';
  const address = text('address') ?? (isAction ? text('from') : undefined);
  const user = isAction ? text('by') : (text('username') ?? text('operator'));
  return JSON.stringify({
    '@timestamp': time,
    ecs: { version: ECS_VERSION },
    message: sentence,
    log: { level: levelOf(record) },
    event: {
      kind: ALERTS.has(name) ? 'alert' : 'event',
      module: 'sallyport',
      dataset: 'sallyport.journal',
      provider: 'sallyport',
      action: name,
      ...(isAction ? one('configuration', changeOf(name)) : kindOf(name)),
      outcome: isRefusal(record) ? 'failure' : 'success',
      reason: text('says'),
      code: number('reason')?.toString(),
      sequence: record.n,
      hash,
    },
    observer: { vendor: 'Sallyport', product: 'Sallyport', type: 'gateway', version },
    ...(address === undefined
      ? {}
      : { source: { address, port: number('port'), ...(isIP(address) === 0 ? {} : { ip: address }) } }),
    ...(user === undefined || user === '' ? {} : { user: { name: user } }),
    ...('connectionId' in record.d ? { network: { protocol: 'mqtt', transport: 'tcp' } } : {}),
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
