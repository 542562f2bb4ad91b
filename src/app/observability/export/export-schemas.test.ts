/**
 * Every export format against what its publisher says of it. The schemas themselves are not ours to ship, so the tables here hold
 * the facts of them that our documents meet: what exists, what is required, of which type, and which values are allowed.
 */
import assert from 'node:assert/strict';
import { isIP, isIPv4, isIPv6 } from 'node:net';
import { describe, it } from 'node:test';
import { HOSTILE, ONE_OF_EACH_EVENT } from '../../../../test/kit/one-of-each-event.ts';
import { ROUTES } from '../../control/route-table.ts';
import { EVENT_LEVELS } from '../../event-level.ts';
import { boundedEvent } from '../bounded-event.ts';
import type { JournalRecord, RecordKind } from '../journal/record.ts';
import { EXPORT_FORMATS } from './formats.ts';

const VERSION = '1.2|3\\=4';
const HASH = 'h'.repeat(43);
type Json = Record<string, unknown>;

const recordOf = (k: RecordKind, d: object, h = HASH): JournalRecord => ({
  n: 7,
  t: 1_800_000_000_123,
  k,
  d: JSON.parse(JSON.stringify(d)) as Json,
  h,
});
const actionOf = (name: string, more: object = {}): JournalRecord =>
  recordOf('action', { name, by: HOSTILE, from: 'control socket', words: [HOSTILE], outcome: 'done', ...more });

const ACTIONS = ROUTES.flatMap(({ action }) => (action === undefined ? [] : [action.name]));
const RECORDS: readonly JournalRecord[] = [
  ...ONE_OF_EACH_EVENT.map((event) => recordOf('event', event)),
  // As long as what a peer chooses can be in an event.
  ...ONE_OF_EACH_EVENT.map((event) =>
    recordOf('event', boundedEvent(JSON.parse(JSON.stringify(event).replaceAll('a\\"b', 'x\\u0000'.repeat(600))))),
  ),
  // Over syslog an event is of no chain.
  ...ONE_OF_EACH_EVENT.map((event) => recordOf('event', event, '')),
  ...ACTIONS.map((name) => actionOf(name)),
  ...ACTIONS.map((name) => actionOf(name, { from: '2001:db8::7', outcome: 'refused', says: HOSTILE })),
  recordOf('open', { segment: 1, version: '1.2.3' }),
  recordOf('seal', { segment: 1 }),
  recordOf('lost', { records: 3 }),
  recordOf('pruned', { segments: 2, n: 6 }),
  // Written by a version that had other events.
  recordOf('event', { name: 'event.of.another.version', says: HOSTILE }),
];

const labelOf = ({ k, d }: JournalRecord): string => String(d['name'] ?? k);
const exported = (format: string, record: JournalRecord): string => EXPORT_FORMATS[format]!(record, VERSION);
/** Of the first event of that name. */
const documentOf = (format: 'ecs' | 'ocsf', name: string): Json =>
  JSON.parse(exported(format, RECORDS.find((record) => labelOf(record) === name)!)) as Json;

type Check = (value: unknown) => boolean;
const isText: Check = (value) => typeof value === 'string';
const isFilled: Check = (value) => typeof value === 'string' && value !== '';
const isInteger: Check = Number.isSafeInteger;
const isPort: Check = (value) => isInteger(value) && Number(value) >= 0 && Number(value) <= 65_535;
const isAddress: Check = (value) => typeof value === 'string' && isIP(value) !== 0;
const isRecord = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isOneOf =
  (...allowed: readonly unknown[]): Check =>
  (value) =>
    allowed.includes(value);
const isListOf =
  (check: Check): Check =>
  (value) =>
    Array.isArray(value) && value.length > 0 && value.every(check);

/** An object of a schema: its attributes, by a check or as an object; those that must be there; and of which one must be. */
interface Shape {
  readonly has: Readonly<Record<string, Check | Shape>>;
  readonly required?: readonly string[];
  readonly atLeastOne?: readonly string[];
}

function faultsOf(value: unknown, shape: Shape, path = ''): string[] {
  if (!isRecord(value)) return [`${path} is no object`];
  const faults = Object.entries(value).flatMap(([key, inner]) => {
    const at = `${path}.${key}`;
    const expected = Object.hasOwn(shape.has, key) ? shape.has[key] : undefined;
    if (expected === undefined) return [`${at} is unknown`];
    if (typeof expected !== 'function') return faultsOf(inner, expected, at);
    return expected(inner) ? [] : [`${at} is ${JSON.stringify(inner)}`];
  });
  for (const key of shape.required ?? []) if (!Object.hasOwn(value, key)) faults.push(`${path}.${key} is missing`);
  if (shape.atLeastOne?.every((key) => !Object.hasOwn(value, key))) faults.push(`${path} has none of its keys`);
  return faults;
}

// OCSF 1.3.0, schema.ocsf.io/1.3.0: objects product, metadata, user, actor, api, network_endpoint, network_connection_info, finding_info.
const PRODUCT: Shape = {
  has: { name: isFilled, vendor_name: isFilled, version: isText, uid: isText },
  required: ['vendor_name'],
};
const METADATA: Shape = {
  has: {
    version: isOneOf('1.3.0'),
    product: PRODUCT,
    profiles: isListOf(isOneOf('security_control')),
    event_code: isText,
    sequence: isInteger,
    uid: isFilled,
  },
  required: ['product', 'version'],
};
const USER: Shape = { has: { name: isText, uid: isText, account: isRecord }, atLeastOne: ['account', 'name', 'uid'] };
const ACTOR: Shape = {
  has: { user: USER, process: isRecord, session: isRecord },
  atLeastOne: ['user', 'process', 'session'],
};
const API: Shape = { has: { operation: isText, request: isRecord, service: isRecord }, required: ['operation'] };
const ENDPOINT: Shape = {
  has: { ip: isAddress, name: isText, hostname: isText, port: isPort, svc_name: isText, uid: isText },
  atLeastOne: ['ip', 'uid', 'name', 'hostname', 'svc_name'],
};
const CONNECTION: Shape = {
  // Unknown, Inbound, Outbound, Lateral, Other.
  has: { direction_id: isOneOf(0, 1, 2, 3, 99), protocol_name: isText, protocol_num: isInteger },
  required: ['direction_id'],
};
const FINDING: Shape = {
  has: { uid: isFilled, title: isFilled, types: isListOf(isText), desc: isText },
  required: ['uid', 'title'],
};

// Classes base_event and those that extend it; `type_uid` is a class's number times 100 and the activity's.
const OUTCOME = isOneOf(0, 1, 2, 99);
const BASE: Shape = {
  has: {
    category_uid: isInteger,
    class_uid: isInteger,
    activity_id: isInteger,
    activity_name: isFilled,
    type_uid: isInteger,
    time: isInteger,
    // Unknown, Informational, Low, Medium, High, Critical, Fatal, Other.
    severity_id: isOneOf(0, 1, 2, 3, 4, 5, 6, 99),
    status_id: OUTCOME,
    status_code: isText,
    status_detail: isText,
    message: isText,
    metadata: METADATA,
    unmapped: isRecord,
  },
  required: ['activity_id', 'category_uid', 'class_uid', 'metadata', 'severity_id', 'time', 'type_uid'],
};
/** Of the profile security_control: Unknown, Allowed, Denied; a disposition is of 0 to 27 or Other. */
const CONTROL: Shape = {
  has: {
    action_id: isOneOf(0, 1, 2),
    disposition_id: (value) => value === 99 || (isInteger(value) && Number(value) >= 0 && Number(value) <= 27),
  },
  required: ['action_id'],
};
interface ClassFacts extends Shape {
  readonly category: number;
  readonly activities: readonly number[];
}
const OCSF_CLASSES: Readonly<Record<number, ClassFacts>> = {
  // Detection Finding. Activities Create, Update, Close. Status New, In Progress, Suppressed, Resolved: that of a finding.
  2004: {
    category: 2,
    activities: [0, 1, 2, 3, 99],
    has: { finding_info: FINDING, status_id: isOneOf(0, 1, 2, 3, 4, 99) },
    required: ['finding_info'],
  },
  // Authentication. Logon, Logoff, and those of Kerberos. Protocols NTLM to RADIUS.
  3002: {
    category: 3,
    activities: [0, 1, 2, 3, 4, 5, 6, 99],
    has: {
      user: USER,
      src_endpoint: ENDPOINT,
      dst_endpoint: ENDPOINT,
      service: isRecord,
      auth_protocol: isText,
      auth_protocol_id: isOneOf(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 99),
    },
    required: ['user'],
    atLeastOne: ['service', 'dst_endpoint'],
  },
  // Network Activity. Open, Close, Reset, Fail, Refuse, Traffic.
  4001: {
    category: 4,
    activities: [0, 1, 2, 3, 4, 5, 6, 99],
    has: { src_endpoint: ENDPOINT, dst_endpoint: ENDPOINT, connection_info: CONNECTION },
    required: ['dst_endpoint'],
  },
  // Application Lifecycle. Install, Remove, Start, Stop.
  6002: { category: 6, activities: [0, 1, 2, 3, 4, 99], has: { app: PRODUCT }, required: ['app'] },
  // API Activity. Create, Read, Update, Delete.
  6003: {
    category: 6,
    activities: [0, 1, 2, 3, 4, 99],
    has: { actor: ACTOR, api: API, src_endpoint: ENDPOINT, dst_endpoint: ENDPOINT },
    required: ['actor', 'api', 'src_endpoint'],
  },
};

function ocsfFaults(document: Json): string[] {
  const facts = OCSF_CLASSES[Number(document['class_uid'])];
  if (facts === undefined) return [`.class_uid is ${document['class_uid']}`];
  const profiles = (document['metadata'] as Json | undefined)?.['profiles'];
  const parts: Shape[] = [
    BASE,
    facts,
    ...(Array.isArray(profiles) && profiles.includes('security_control') ? [CONTROL] : []),
  ];
  const faults = faultsOf(document, {
    has: Object.assign({}, ...parts.map(({ has }) => has)) as Shape['has'],
    required: parts.flatMap(({ required }) => required ?? []),
    ...(facts.atLeastOne === undefined ? {} : { atLeastOne: facts.atLeastOne }),
  });
  const { category_uid, class_uid, activity_id, type_uid } = document as Record<string, number>;
  if (category_uid !== facts.category) faults.push('.category_uid is not of the class');
  if (!facts.activities.includes(activity_id!)) faults.push('.activity_id is not of the class');
  if (type_uid !== class_uid! * 100 + activity_id!) faults.push('.type_uid is not class_uid * 100 + activity_id');
  // Other needs its name beside it.
  if (activity_id === 99 && !Object.hasOwn(document, 'activity_name')) faults.push('.activity_name is missing');
  if (document['auth_protocol_id'] === 99 && !isFilled(document['auth_protocol']))
    faults.push('.auth_protocol is missing');
  return faults;
}

// ECS 8.17, elastic.co/guide/en/ecs/8.17: "ECS Field Reference", and the types that each category of "Categorization Fields" expects.
const ECS_TYPES: Readonly<Record<string, readonly string[]>> = {
  api: ['access', 'admin', 'allowed', 'change', 'creation', 'deletion', 'denied', 'end', 'info', 'start', 'user'],
  authentication: ['start', 'end', 'info'],
  configuration: ['access', 'change', 'creation', 'deletion', 'info'],
  host: ['access', 'change', 'end', 'info', 'start'],
  iam: ['admin', 'change', 'creation', 'deletion', 'group', 'info', 'user'],
  intrusion_detection: ['allowed', 'denied', 'info'],
  network: ['access', 'allowed', 'connection', 'denied', 'end', 'info', 'protocol', 'start'],
  process: ['access', 'change', 'end', 'info', 'start'],
  session: ['start', 'end', 'info'],
  vulnerability: ['info'],
};
const keywords = (...names: readonly string[]): Shape => ({
  has: Object.fromEntries(names.map((name) => [name, isText])),
});
const ECS: Shape = {
  has: {
    '@timestamp': (value) => isText(value) && new Date(String(value)).toISOString() === value,
    ecs: { has: { version: isOneOf('8.17.0') }, required: ['version'] },
    message: isText,
    // An object of keywords, without another level.
    labels: (value) => isRecord(value) && Object.values(value).every(isText),
    log: keywords('level'),
    event: {
      has: {
        ...keywords('action', 'code', 'dataset', 'module', 'provider', 'reason').has,
        hash: isFilled,
        sequence: isInteger,
        // Of those allowed, `signal` is reserved.
        kind: isOneOf('alert', 'asset', 'enrichment', 'event', 'metric', 'state', 'pipeline_error'),
        category: isListOf(isOneOf(...Object.keys(ECS_TYPES))),
        type: isListOf(isOneOf(...new Set(Object.values(ECS_TYPES).flat()))),
        outcome: isOneOf('failure', 'success', 'unknown'),
      },
      required: ['kind'],
    },
    observer: keywords('product', 'type', 'vendor', 'version'),
    source: { has: { address: isText, ip: isAddress, port: isPort } },
    user: { has: { name: isFilled } },
    network: { has: { protocol: isOneOf('mqtt'), transport: isOneOf('tcp') } },
    rule: keywords('name'),
  },
  // Of all documents only these two are asked for.
  required: ['@timestamp', 'ecs'],
};

function ecsFaults(document: Json): string[] {
  const faults = faultsOf(document, ECS);
  const { category, type } = document['event'] as { category: string[]; type: string[] };
  for (const each of category)
    if (!type.every((one) => ECS_TYPES[each]?.includes(one))) faults.push(`.event.type ${type} is not of ${each}`);
  return faults;
}

// ArcSight Common Event Format, implementation standard, revision 25: "Header Information", "Character Encoding", "Extension Dictionary".
const isUpTo =
  (lengthMax: number): Check =>
  (value) =>
    String(value).length <= lengthMax;
const isDecimal: Check = (value) => /^-?\d+$/.test(String(value));
const CEF_KEYS: Readonly<Record<string, Check>> = {
  rt: (value) => /^\d{13}$/.test(String(value)),
  externalId: isUpTo(40),
  msg: isUpTo(1023),
  src: (value) => isIPv4(String(value)),
  c6a2: (value) => isIPv6(String(value)),
  c6a2Label: isOneOf('Source IPv6 Address'),
  spt: (value) => isDecimal(value) && isPort(Number(value)),
  suser: isUpTo(1023),
  app: isUpTo(31),
  act: isUpTo(63),
  outcome: isUpTo(63),
  reason: isUpTo(1023),
  deviceInboundInterface: isUpTo(128),
  ...Object.fromEntries(
    ['cs1', 'cs2', 'cs3'].flatMap((key) => [
      [key, isUpTo(4000)],
      [`${key}Label`, isUpTo(1023)],
    ]),
  ),
  cn1: isDecimal,
  cn1Label: isUpTo(1023),
};

interface CefLine {
  readonly header: readonly string[];
  readonly extension: ReadonlyMap<string, string>;
  readonly faults: readonly string[];
}

/** As a parser of the format reads it: bars of the header that no backslash precedes, then keys before bare equal signs. */
function parseCef(line: string): CefLine {
  const faults: string[] = [];
  if (/[\r\n]/.test(line)) faults.push('more than one line');
  const match = /^CEF:(\d+)((?:\|(?:[^|\\]|\\[|\\])*){6})\|(.*)$/s.exec(line);
  if (match === null) return { header: [], extension: new Map(), faults: ['no header of seven fields'] };
  const [, version = '', rest = '', tail = ''] = match;
  const fields = [...rest.matchAll(/\|((?:[^|\\]|\\[|\\])*)/g)].map(([, field = '']) => field.replace(/\\(.)/g, '$1'));
  const extension = new Map<string, string>();
  const PAIR = /(?:^| )(\w+)=((?:[^=\\]|\\[\\=nr])*?)(?= \w+=|$)/sy;
  while (PAIR.lastIndex < tail.length) {
    const at = PAIR.lastIndex;
    const pair = PAIR.exec(tail);
    if (pair === null) return { header: [], extension, faults: [...faults, `no pair at: ${tail.slice(at, at + 60)}`] };
    const [, key = '', value = ''] = pair;
    if (extension.has(key)) faults.push(`${key} comes twice`);
    extension.set(
      key,
      value.replace(/\\(.)/g, (_, character: string) => ({ n: '\n', r: '\r' })[character] ?? character),
    );
  }
  return { header: [version, ...fields], extension, faults };
}

function cefFaults(line: string): string[] {
  const { header, extension, faults: broken } = parseCef(line);
  const faults = [...broken];
  const severity = header[6];
  if (header[0] !== '0') faults.push('the version is not 0');
  if (!/^(\d|10)$/.test(severity ?? '')) faults.push(`severity is ${severity}`);
  if (header.slice(1, 6).some((field) => field === '')) faults.push('a header field is empty');
  for (const [key, value] of extension) {
    const check = Object.hasOwn(CEF_KEYS, key) ? CEF_KEYS[key] : undefined;
    if (check === undefined) faults.push(`${key} is unknown`);
    else if (!check(value)) faults.push(`${key} is ${value}`);
    // A custom field means nothing without its label, and a label nothing without its field.
    if (/^(c6a|cs|cn)\d$/.test(key) && !extension.has(`${key}Label`)) faults.push(`${key}Label is missing`);
    if (key.endsWith('Label') && !extension.has(key.slice(0, -5))) faults.push(`${key} labels nothing`);
  }
  return faults;
}

const UNPRINTABLE = /[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/;

function holds(format: string, faultsIn: (line: string) => string[]): void {
  const all = RECORDS.flatMap((record) => {
    const line = exported(format, record);
    const faults = faultsIn(line);
    if (UNPRINTABLE.test(line)) faults.push('has unprintable characters');
    return faults.map((fault) => `${labelOf(record)}: ${fault}`);
  });
  assert.deepEqual([...new Set(all)], []);
}

describe('exported records', () => {
  it('are checked for every event and every action of an operator', () => {
    assert.deepEqual(ONE_OF_EACH_EVENT.map(({ name }) => name).sort(), Object.keys(EVENT_LEVELS).sort());
    assert.ok(ACTIONS.length > 20 && ACTIONS.includes('ban-add'));
  });

  it('are OCSF 1.3', () => holds('ocsf', (line) => ocsfFaults(JSON.parse(line) as Json)));
  it('are ECS 8.17', () => holds('ecs', (line) => ecsFaults(JSON.parse(line) as Json)));
  it('are CEF 0', () => holds('cef', cefFaults));
  it('are JSON Lines, each the record as it is', () => {
    holds('jsonl', (line) => (/[\r\n]/.test(line) ? ['more than one line'] : []));
    for (const record of RECORDS) assert.deepEqual(JSON.parse(exported('jsonl', record)), record);
  });
});

describe('the checks', () => {
  const refused = documentOf('ocsf', 'publish.refused');
  const login = documentOf('ocsf', 'authentication.failed');
  const brokenOcsf: [what: string, document: Json][] = [
    ['an attribute that the class has not', { ...login, finding_info: {} }],
    ['a required one left out', { ...login, user: undefined }],
    [
      'one of a profile that is not named',
      { ...refused, metadata: { ...(refused['metadata'] as Json), profiles: undefined } },
    ],
    ['a type that is another activity’s', { ...refused, type_uid: 400_101 }],
    ['a category that is another class’s', { ...refused, category_uid: 6 }],
    ['an activity that the class has not', { ...refused, activity_id: 8, type_uid: 400_108 }],
    ['a text for a number', { ...refused, severity_id: '3' }],
    ['a status that none is', { ...refused, status_id: 4 }],
    ['an endpoint without any name', { ...refused, dst_endpoint: { port: 1 } }],
    ['an address that is none', { ...refused, src_endpoint: { ip: 'here' } }],
    ['a product of nobody', { ...documentOf('ocsf', 'gateway.started'), app: { name: 'Sallyport' } }],
    ['a finding without a title', { ...documentOf('ocsf', 'attack.detected'), finding_info: { uid: 'x' } }],
  ];
  for (const [what, document] of brokenOcsf)
    it(`find in OCSF ${what}`, () => assert.notDeepEqual(ocsfFaults(JSON.parse(JSON.stringify(document)) as Json), []));

  const ecs = documentOf('ecs', 'authentication.failed');
  const event = ecs['event'] as Json;
  const brokenEcs: [what: string, document: Json][] = [
    ['a field that is none', { ...ecs, sallyport: {} }],
    ['a type that its category does not expect', { ...ecs, event: { ...event, type: ['denied'] } }],
    ['a category that is none', { ...ecs, event: { ...event, category: ['login'] } }],
    ['a category that is no list', { ...ecs, event: { ...event, category: 'authentication', type: [] } }],
    ['an outcome that is none', { ...ecs, event: { ...event, outcome: 'refused' } }],
    ['a number for a keyword', { ...ecs, event: { ...event, code: 135 } }],
    ['labels with another level', { ...ecs, labels: { a: { b: 'c' } } }],
    ['no version', { ...ecs, ecs: {} }],
  ];
  for (const [what, document] of brokenEcs)
    it(`find in ECS ${what}`, () =>
      assert.notDeepEqual(ecsFaults({ ...document, event: { ...(document['event'] as Json) } }), []));

  const START = 'CEF:0|a|b|1|x|y|3|';
  const brokenCef: [what: string, line: string][] = [
    ['six fields', 'CEF:0|a|b|1|x|3|rt=1800000000123'],
    ['a bar that is not escaped', 'CEF:0|a|b|1|x|y|z|3|rt=1800000000123'],
    ['a severity above the scale', 'CEF:0|a|b|1|x|y|11|rt=1800000000123'],
    ['a line feed', `${START}msg=a\nb`],
    ['an equal sign that is not escaped', `${START}msg=a =b`],
    ['a backslash that escapes nothing', `${START}msg=\\u0000`],
    ['a key that is none', `${START}client=a`],
    ['a key that comes twice', `${START}msg=a msg=b`],
    ['an IPv6 address where IPv4 is meant', `${START}src=::1`],
    ['a custom field without its label', `${START}cs1=a`],
    ['a text that is too long', `${START}msg=${'a'.repeat(1024)}`],
  ];
  for (const [what, line] of brokenCef) it(`find in CEF ${what}`, () => assert.notDeepEqual(cefFaults(line), []));
});

describe('what is said in the words of other systems', () => {
  const ocsf = (name: string): unknown[] => {
    const { class_uid, activity_id, status_id, severity_id, action_id } = documentOf('ocsf', name);
    return [class_uid, activity_id, status_id, severity_id, action_id];
  };

  it('has the class and the activity that a reader expects in OCSF', () => {
    assert.deepEqual(ocsf('authentication.failed'), [3002, 1, 2, 3, undefined]);
    assert.deepEqual(ocsf('operator.login.succeeded'), [3002, 1, 1, 1, undefined]);
    assert.deepEqual(ocsf('operator.session.ended'), [3002, 2, 1, 1, undefined]);
    assert.deepEqual(ocsf('client.connected'), [4001, 1, 1, 1, undefined]);
    assert.deepEqual(ocsf('connection.closed'), [4001, 2, 1, 1, undefined]);
    assert.deepEqual(ocsf('connection.shed'), [4001, 3, 2, 3, 2]);
    assert.deepEqual(ocsf('connect.refused'), [4001, 5, 2, 3, 2]);
    assert.deepEqual(ocsf('publish.refused'), [4001, 6, 2, 3, 2]);
    assert.deepEqual(ocsf('delivery.withheld'), [4001, 6, 2, 1, 2]);
    assert.deepEqual(ocsf('listener.opened'), [6002, 99, 1, 1, undefined]);
    assert.deepEqual(ocsf('gateway.started'), [6002, 3, 1, 1, undefined]);
    assert.deepEqual(ocsf('control.refused'), [6003, 99, 2, 3, undefined]);
    assert.deepEqual(ocsf('ban-add'), [6003, 1, 1, 1, undefined]);
    assert.deepEqual(ocsf('ban-remove'), [6003, 4, 1, 1, undefined]);
  });

  it('makes one finding of an attack, which is updated and resolved', () => {
    const uid = (name: string): unknown => (documentOf('ocsf', name)['finding_info'] as Json)['uid'];
    assert.equal(uid('attack.detected'), uid('attack.ended'));
    assert.deepEqual(ocsf('attack.detected'), [2004, 2, 1, 5, undefined]);
    assert.deepEqual(ocsf('attack.ended'), [2004, 3, 4, 1, undefined]);
  });

  it('keeps in CEF what a peer chose in the value it belongs to', () => {
    const { extension } = parseCef(exported('cef', RECORDS.find((record) => labelOf(record) === 'publish.refused')!));
    assert.equal(extension.get('src'), '192.0.2.9');
    for (const key of ['suser', 'cs1', 'cs3', 'reason'])
      assert.match(extension.get(key)!, /^a"b\\c\|d=e f=g\nCEF:0\|x\|y\nsrc=192\.0\.2\.66\\u0000/);
  });
});
