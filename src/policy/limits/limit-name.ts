/** Every limit that a scope can have, in one table: of what kind it is, and in which scopes it makes sense. */
import { nearestWord } from '../../base/nearest-word.ts';

/** Who shares one budget. */
export const SCOPES = ['global', 'listener', 'network', 'address', 'user', 'client', 'role', 'topic'] as const;
export type Scope = (typeof SCOPES)[number];

export const EXCESS_ACTIONS = ['delay', 'drop', 'refuse', 'disconnect'] as const;
export type ExcessAction = (typeof EXCESS_ACTIONS)[number];

export type LimitForm =
  /** How often; `bytes` are sizes, `perSecond` is in the name, so that a plain number needs no window. */
  | { readonly form: 'rate'; readonly bytes: boolean; readonly perSecond: boolean }
  | { readonly form: 'count'; readonly min: number; readonly max: number }
  | { readonly form: 'size'; readonly minBytes: number; readonly maxBytes: number }
  | { readonly form: 'action'; readonly actions: readonly ExcessAction[] };

interface LimitRow {
  readonly form: LimitForm;
  readonly scopes: readonly Scope[];
}

const PER_SECOND: LimitForm = { form: 'rate', bytes: false, perSecond: true };
const BYTES_PER_SECOND: LimitForm = { form: 'rate', bytes: true, perSecond: true };
const RATE: LimitForm = { form: 'rate', bytes: false, perSecond: false };
const PACKET_BYTES: LimitForm = { form: 'size', minBytes: 256, maxBytes: 268_435_456 };

const CONNECTING: readonly Scope[] = ['global', 'listener', 'network', 'address'];
const KNOWN_AFTER_CONNECT: readonly Scope[] = [...CONNECTING, 'user', 'client'];
const TRAFFIC: readonly Scope[] = [...KNOWN_AFTER_CONNECT, 'role'];
/** Ceilings of one connection, by who it turned out to be. */
const PERSONAL: readonly Scope[] = ['user', 'client', 'role'];

const TABLE = {
  connects: { form: RATE, scopes: CONNECTING },
  authentications: { form: RATE, scopes: KNOWN_AFTER_CONNECT },
  authenticationFailures: { form: RATE, scopes: KNOWN_AFTER_CONNECT },
  connectionsMax: { form: { form: 'count', min: 1, max: 10_000_000 }, scopes: [...CONNECTING, 'user', 'role'] },
  'publish.messagesPerSecond': { form: PER_SECOND, scopes: [...TRAFFIC, 'topic'] },
  'publish.bytesPerSecond': { form: BYTES_PER_SECOND, scopes: [...TRAFFIC, 'topic'] },
  'publish.onExcess': { form: { form: 'action', actions: EXCESS_ACTIONS }, scopes: [...TRAFFIC, 'topic'] },
  'deliver.messagesPerSecond': { form: PER_SECOND, scopes: TRAFFIC },
  'deliver.bytesPerSecond': { form: BYTES_PER_SECOND, scopes: TRAFFIC },
  'deliver.onExcess': { form: { form: 'action', actions: ['delay', 'drop'] }, scopes: TRAFFIC },
  'subscribe.filtersPerSecond': { form: PER_SECOND, scopes: TRAFFIC },
  'subscribe.onExcess': { form: { form: 'action', actions: ['refuse', 'disconnect'] }, scopes: TRAFFIC },
  packetSizeMax: { form: PACKET_BYTES, scopes: [...PERSONAL, 'topic'] },
  willSizeMax: { form: { form: 'size', minBytes: 0, maxBytes: 65_535 }, scopes: PERSONAL },
  inflightMax: { form: { form: 'count', min: 1, max: 65_535 }, scopes: PERSONAL },
  subscriptionsPerClientMax: { form: { form: 'count', min: 1, max: 1_000_000 }, scopes: PERSONAL },
  topicAliasMax: { form: { form: 'count', min: 0, max: 65_535 }, scopes: PERSONAL },
  userPropertiesMax: { form: { form: 'count', min: 0, max: 10_000 }, scopes: PERSONAL },
  retainedMessagesMax: { form: { form: 'count', min: 0, max: 1_000_000 }, scopes: PERSONAL },
  retainedBytesMax: { form: { form: 'size', minBytes: 0, maxBytes: 17_179_869_184 }, scopes: PERSONAL },
} as const satisfies Record<string, LimitRow>;

export type LimitName = keyof typeof TABLE;

/** Names of the ceilings that a connection has one value of, whatever the scope it comes from. */
export type CeilingName =
  | 'packetSizeMax'
  | 'willSizeMax'
  | 'inflightMax'
  | 'subscriptionsPerClientMax'
  | 'topicAliasMax'
  | 'userPropertiesMax'
  | 'retainedMessagesMax'
  | 'retainedBytesMax';

/** What is charged to a budget as it happens. */
export type RateName = {
  [Name in LimitName]: (typeof TABLE)[Name]['form'] extends { readonly form: 'rate' } ? Name : never;
}[LimitName];

export const LIMIT_NAMES = Object.keys(TABLE) as LimitName[];

export const CEILING_NAMES: readonly CeilingName[] = [
  'packetSizeMax',
  'willSizeMax',
  'inflightMax',
  'subscriptionsPerClientMax',
  'topicAliasMax',
  'userPropertiesMax',
  'retainedMessagesMax',
  'retainedBytesMax',
];

export function isLimitName(text: string): text is LimitName {
  return Object.hasOwn(TABLE, text);
}

export function formOf(name: LimitName): LimitForm {
  return TABLE[name].form;
}

export function isLimitOf(name: LimitName, scope: Scope): boolean {
  return (TABLE[name].scopes as readonly Scope[]).includes(scope);
}

/** The limits that a scope can have. */
export function limitsOf(scope: Scope): LimitName[] {
  return LIMIT_NAMES.filter((name) => isLimitOf(name, scope));
}

/** A sentence about a name that is no limit of the scope, with the nearest that is. */
export function unknownLimit(text: string, scope: Scope): string {
  const known = limitsOf(scope);
  const meant = nearestWord(text, known);
  if (isLimitName(text)) return `${text} is no limit of the scope ${scope}; it has: ${known.join(', ')}`;
  return meant === undefined
    ? `there is no limit "${text.slice(0, 60)}"; the scope ${scope} has: ${known.join(', ')}`
    : `there is no limit "${text.slice(0, 60)}"; did you mean ${meant}?`;
}
