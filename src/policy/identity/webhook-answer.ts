/** Reads what a webhook answers: every key known, every value of its kind, or no answer at all. */
import { BackendFault } from './backend.ts';
import { reservedInUsername } from './reserved-characters.ts';
import { readAttributes, readNames } from './vouched.ts';

export interface WebhookAnswer {
  readonly result: 'allow' | 'deny' | 'ignore';
  /** The name under which the client goes on; without it the one that it gave. */
  readonly username: string | undefined;
  readonly roles: readonly string[];
  readonly groups: readonly string[];
  readonly attributes: Readonly<Record<string, string>>;
  /** By name, such as `publish.messagesPerSecond`; whether they can be is judged where they are put into force. */
  readonly limits: Readonly<Record<string, string>>;
  readonly expiresInS: number | undefined;
}

const RESULTS: ReadonlySet<unknown> = new Set(['allow', 'deny', 'ignore']);
const KEYS: ReadonlySet<string> = new Set([
  'result',
  'username',
  'roles',
  'groups',
  'attributes',
  'limits',
  'expiresInS',
]);
/** A year; nothing that is asked for anew at each connection is worth remembering for longer. */
const EXPIRES_IN_MAX_S = 31_536_000;

/** @throws {BackendFault} for whatever is not an answer as documented. */
export function readWebhookAnswer(value: unknown): WebhookAnswer {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new BackendFault('the answer is no map');
  const given = value as Readonly<Record<string, unknown>>;
  const stranger = Object.keys(given).find((key) => !KEYS.has(key));
  if (stranger !== undefined) throw new BackendFault('the answer has a key that nobody knows');
  const { result, username, expiresInS } = given;
  if (!RESULTS.has(result)) throw new BackendFault('the result is none of allow, deny and ignore');
  if (username !== undefined && !isUsername(username)) throw new BackendFault('the user name may not be one');
  if (expiresInS !== undefined && !isExpiry(expiresInS)) {
    throw new BackendFault(`expiresInS is no whole number from 1 to ${EXPIRES_IN_MAX_S}`);
  }
  return {
    result: result as WebhookAnswer['result'],
    username,
    roles: readNames(given['roles'], 'roles'),
    groups: readNames(given['groups'], 'groups'),
    attributes: readAttributes(given['attributes'], 'attributes'),
    limits: readAttributes(given['limits'], 'limits'),
    expiresInS,
  };
}

function isUsername(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && value.length <= 65_535 && reservedInUsername(value) < 0;
}

function isExpiry(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 1 && (value as number) <= EXPIRES_IN_MAX_S;
}
