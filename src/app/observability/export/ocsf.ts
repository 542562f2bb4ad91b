/** Open Cybersecurity Schema Framework 1.3: one JSON document a record. */
import { isIP } from 'node:net';
import type { LogLevel } from '../../event-level.ts';
import type { JournalRecord } from '../journal/record.ts';
import { fieldsOf, type RecordFields } from './fields.ts';
import { isRefusal, levelOf } from './severity.ts';

const OCSF_VERSION = '1.3.0';
const SEVERITY: Readonly<Record<LogLevel, number>> = { debug: 1, info: 1, warn: 3, error: 4 };

interface EventClass {
  readonly category: number;
  readonly class: number;
  readonly activity: number;
}

/** Identity and Access Management: Authentication, a logon. */
const AUTHENTICATION: EventClass = { category: 3, class: 3002, activity: 1 };
/** Findings: Detection Finding, created. */
const DETECTION: EventClass = { category: 2, class: 2004, activity: 1 };
/** Network Activity: opened, and refused. */
const OPENED: EventClass = { category: 4, class: 4001, activity: 1 };
const REFUSED: EventClass = { category: 4, class: 4001, activity: 5 };
/** Application Activity: API Activity, an update. */
const OPERATION: EventClass = { category: 6, class: 6003, activity: 3 };
/** Application Activity: Application Lifecycle, another one than the schema lists. */
const LIFECYCLE: EventClass = { category: 6, class: 6002, activity: 99 };

function classOf(record: JournalRecord, name: string): EventClass {
  if (record.k === 'action') return OPERATION;
  if (name.startsWith('authentication.')) return AUTHENTICATION;
  if (name.startsWith('attack.')) return DETECTION;
  if ('address' in record.d) return isRefusal(record) ? REFUSED : OPENED;
  return LIFECYCLE;
}

export function toOcsf(record: JournalRecord, version: string): string {
  const fields = fieldsOf(record);
  const { name, sentence, number } = fields;
  const kind = classOf(record, name);
  return JSON.stringify({
    category_uid: kind.category,
    class_uid: kind.class,
    activity_id: kind.activity,
    ...(kind.activity === 99 ? { activity_name: name } : {}),
    type_uid: kind.class * 100 + kind.activity,
    time: record.t,
    severity_id: SEVERITY[levelOf(record)],
    status_id: isRefusal(record) ? 2 : 1,
    status_code: number('reason')?.toString(),
    status_detail: fields.text('says'),
    message: sentence,
    metadata: {
      version: OCSF_VERSION,
      product: { name: 'Sallyport', vendor_name: 'Sallyport', version },
      event_code: name,
      sequence: record.n,
      uid: record.h,
    },
    ...specificOf(kind, record, fields),
    unmapped: record.d,
  });
}

/** What a class asks for beyond what all have. */
function specificOf(kind: EventClass, record: JournalRecord, fields: RecordFields): object {
  const { name, sentence, text } = fields;
  switch (kind) {
    case AUTHENTICATION:
      return {
        user: { name: text('username') ?? 'anonymous' },
        src_endpoint: endpointOf(fields),
        dst_endpoint: { name: text('listener') ?? 'unknown', svc_name: 'mqtt' },
        auth_protocol_id: 99,
        auth_protocol: text('method') ?? 'unknown',
      };
    case DETECTION:
      return { finding_info: { uid: record.h, title: sentence, types: [text('detector') ?? name] } };
    case OPENED:
    case REFUSED:
      return {
        src_endpoint: endpointOf(fields),
        dst_endpoint: { name: text('listener') ?? 'unknown', svc_name: 'mqtt' },
        connection_info: { protocol_name: 'tcp', direction_id: 1 },
        ...(kind === REFUSED ? { action_id: 2, disposition_id: 2 } : {}),
      };
    case OPERATION:
      return {
        actor: { user: { name: text('by') ?? 'unknown' } },
        api: { operation: name },
        src_endpoint: { name: text('from') ?? 'unknown' },
      };
    default:
      return { app: { name: 'Sallyport', vendor_name: 'Sallyport' } };
  }
}

function endpointOf({ text, number }: RecordFields): object {
  const address = text('address') ?? 'unknown';
  return { ...(isIP(address) === 0 ? { name: address } : { ip: address }), port: number('port') };
}
