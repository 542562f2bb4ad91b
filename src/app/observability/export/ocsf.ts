/** Open Cybersecurity Schema Framework 1.3: one JSON document a record. */
import { isIP } from 'node:net';
import type { LogLevel } from '../../event-level.ts';
import type { JournalRecord } from '../journal/record.ts';
import { changeOf, fieldsOf, type RecordFields } from './fields.ts';
import { isRefusal, levelOf } from './severity.ts';

const OCSF_VERSION = '1.3.0';
const SEVERITY: Readonly<Record<LogLevel, number>> = { debug: 1, info: 1, warn: 3, error: 4 };
/** What detectors, alerts and audits say themselves. */
const NAMED_SEVERITY: ReadonlyMap<string | undefined, number> = new Map([
  ['info', 1],
  ['low', 2],
  ['medium', 3],
  ['warning', 3],
  ['high', 4],
  ['critical', 5],
]);
const APP = { name: 'Sallyport', vendor_name: 'Sallyport' };

/** `status_id` of what was done, and of a finding, whose status is where its handling stands. */
const SUCCESS = 1;
const FAILURE = 2;
const NEW = 1;
const RESOLVED = 4;
/** An activity that the schema does not list: `activity_name` says which. */
const OTHER = 99;

type ClassName = 'detection' | 'authentication' | 'network' | 'lifecycle' | 'operation';

/** `category_uid` and `class_uid`: Detection Finding, Authentication, Network Activity, Application Lifecycle, API Activity. */
const CLASSES: Readonly<Record<ClassName, readonly [category: number, uid: number]>> = {
  detection: [2, 2004],
  authentication: [3, 3002],
  network: [4, 4001],
  lifecycle: [6, 6002],
  operation: [6, 6003],
};

/** `activity_id` of events in their class. */
const ACTIVITIES: ReadonlyMap<string, number> = new Map([
  // Close; what else is of an attack is Create or Update.
  ['attack.ended', 3],
  // Logoff; what else is of an authentication is Logon.
  ['operator.session.ended', 2],
  // Open, Close, Reset, Refuse; what else is of a connection is Traffic.
  ['connection.accepted', 1],
  ['client.connected', 1],
  ['quarantine.diverted', 1],
  ['connection.closed', 2],
  ['connection.shed', 3],
  ['connection.rejected', 5],
  ['connect.refused', 5],
  ['certificate.revoked', 5],
  // Start and Stop.
  ['gateway.started', 3],
  ['gateway.stopped', 4],
]);
const TRAFFIC = 6;
const CHANGES = { creation: 1, change: 3, deletion: 4 };

/** Isolated for who is sent to the decoy, Blocked for who is refused. */
const ISOLATED = 4;
const BLOCKED = 2;
const DENIED = 2;

function classOf({ k, d }: JournalRecord, name: string): ClassName {
  if (k === 'action' || name === 'control.refused') return 'operation';
  if (/^authentication\.|^operator\.(login|session)\./.test(name)) return 'authentication';
  if (name.startsWith('attack.')) return 'detection';
  return 'connectionId' in d ? 'network' : 'lifecycle';
}

function activityOf(kind: ClassName, record: JournalRecord, { name, number }: RecordFields): number {
  const listed = ACTIVITIES.get(name);
  if (record.k === 'event' && listed !== undefined) return listed;
  switch (kind) {
    case 'detection':
      return (number('repetition') ?? 1) > 1 ? 2 : 1;
    case 'authentication':
      return 1;
    case 'network':
      return TRAFFIC;
    case 'operation':
      return record.k === 'action' ? CHANGES[changeOf(name)] : OTHER;
    case 'lifecycle':
      return OTHER;
  }
}

function statusOf(kind: ClassName, record: JournalRecord, name: string): number {
  if (kind === 'detection') return name === 'attack.ended' ? RESOLVED : NEW;
  return isRefusal(record) ? FAILURE : SUCCESS;
}

function severityOf(record: JournalRecord, { text }: RecordFields): number {
  const bySource = isRefusal(record) ? NAMED_SEVERITY.get(text('severity')) : undefined;
  return bySource ?? SEVERITY[levelOf(record)];
}

export function toOcsf(record: JournalRecord, version: string): string {
  const fields = fieldsOf(record);
  const { name, sentence, number } = fields;
  const kind = classOf(record, name);
  const [category, uid] = CLASSES[kind];
  const activity = activityOf(kind, record, fields);
  const isControlled = kind === 'network' && isRefusal(record);
  return JSON.stringify({
    category_uid: category,
    class_uid: uid,
    activity_id: activity,
    ...(activity === OTHER ? { activity_name: name } : {}),
    type_uid: uid * 100 + activity,
    time: record.t,
    severity_id: severityOf(record, fields),
    status_id: statusOf(kind, record, name),
    status_code: number('reason')?.toString(),
    status_detail: fields.text('says'),
    message: sentence,
    metadata: {
      version: OCSF_VERSION,
      // The attributes of a profile count only where it is named.
      ...(isControlled ? { profiles: ['security_control'] } : {}),
      product: { ...APP, version },
      event_code: name,
      sequence: record.n,
      uid: fields.hash,
    },
    ...(isControlled ? { action_id: DENIED, disposition_id: name === 'quarantine.diverted' ? ISOLATED : BLOCKED } : {}),
    ...specificOf(kind, record, fields),
    unmapped: record.d,
  });
}

/** What a class asks for beyond what all have. */
function specificOf(kind: ClassName, record: JournalRecord, fields: RecordFields): object {
  const { name, sentence, text } = fields;
  switch (kind) {
    case 'authentication':
      return {
        user: { name: text('username') ?? text('operator') ?? 'anonymous' },
        src_endpoint: endpointOf(fields, text('address')),
        dst_endpoint: destinationOf(fields),
        auth_protocol_id: OTHER,
        auth_protocol: text('method') ?? 'unknown',
      };
    case 'detection': {
      // The same from the first word of an attack to the last, so that they become one finding.
      const uid = [text('detector') ?? name, text('subjectKind') ?? '', text('subject') ?? ''].join(':');
      return { finding_info: { uid, title: sentence, types: [text('detector') ?? name] } };
    }
    case 'network':
      return {
        src_endpoint: endpointOf(fields, text('address')),
        dst_endpoint: destinationOf(fields),
        connection_info: { protocol_name: 'tcp', direction_id: 1 },
      };
    case 'operation': {
      const isAction = record.k === 'action';
      return {
        actor: { user: { name: (isAction ? text('by') : text('operator')) ?? 'unknown' } },
        api: { operation: isAction ? name : (text('request') ?? name) },
        src_endpoint: endpointOf(fields, isAction ? text('from') : (text('address') ?? 'control socket')),
      };
    }
    case 'lifecycle':
      return { app: APP };
  }
}

function endpointOf({ number }: RecordFields, address = 'unknown'): object {
  return { ...(isIP(address) === 0 ? { name: address } : { ip: address }), port: number('port') };
}

/** A listener of ours, or the control API. */
function destinationOf({ name, text }: RecordFields): object {
  return name.startsWith('operator.')
    ? { name: 'control', svc_name: 'https' }
    : { name: text('listener') ?? 'unknown', svc_name: 'mqtt' };
}
