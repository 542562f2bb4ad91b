/** Words for labels from closed lists: what an event says, cut down to what no peer can choose. */
import { Reason } from '../../../mqtt/reason.ts';
import { OTHER } from './metric-store.ts';

/** What stands before the colon of an author; entries of the chain, which operators name, are one kind. */
export const AUTHOR_KINDS: ReadonlySet<string> = new Set([
  'acl',
  'authentication',
  'ban',
  'certificate',
  'client',
  'client-id',
  'codec',
  'config',
  'crl',
  'detector',
  'first-bytes',
  'gateway',
  'identity',
  'keep-alive',
  'limit',
  'ocsp',
  'operator',
  'overload',
  'policy',
  'proxy-protocol',
  'psk',
  'revocation',
  'shared-subscriptions',
  'tls',
  'totp',
  'transport',
  'upstream',
  'virtual-patch',
  'websocket',
]);

/** `fallback` is for authors of other names. */
export function authorKind(by: string, fallback: string = OTHER): string {
  const at = by.indexOf(':');
  const kind = at === -1 ? by : by.slice(0, at);
  return AUTHOR_KINDS.has(kind) ? kind : fallback;
}

const LOGIN_WORDS: ReadonlyMap<string, string> = new Map([
  ...['password', 'totp', 'passkey', 'sso'].map((method) => [method, method] as const),
  ['one-time code', 'code'],
]);

/** Why logins of operators fail, as metrics name it. */
export const LOGIN_FAILURES: readonly string[] = [...LOGIN_WORDS.values(), 'token', 'throttled'];

/** Of a login that came too soon, that alone. */
export function loginFailureWord(method: string, by: string): string {
  return by.startsWith('limit:') ? 'throttled' : (LOGIN_WORDS.get(method) ?? OTHER);
}

const REASON_WORDS: ReadonlyMap<number, string> = new Map(
  Object.entries(Reason).map(([name, code]) => [
    code,
    name.replace(/[A-Z]/g, (letter, at: number) => `${at === 0 ? '' : '_'}${letter.toLowerCase()}`),
  ]),
);

/** Such as `not_authorized`. */
export function reasonWord(reason: number): string {
  return REASON_WORDS.get(reason) ?? OTHER;
}

export type VersionWord = '3.1' | '3.1.1' | '5.0' | 'none';

const VERSION_WORDS: Readonly<Record<number, VersionWord>> = { 3: '3.1', 4: '3.1.1', 5: '5.0' };

export function versionWord(version: number | undefined): VersionWord {
  return VERSION_WORDS[version ?? 0] ?? 'none';
}
