/** Who gets in: without a name, with any password, without a certificate, from any page, and how often one may try. */
import { type Fact, known, type Unknown, unknown } from '../model/fact.ts';
import { LineFailure } from './line.ts';
import { type Answer, type LoggedIn, leave, type ProbeSession } from './session.ts';

/** As the vendors' own documentation has them. */
const DEFAULT_LOGINS: readonly (readonly [username: string, password: string])[] = [
  ['admin', 'public'],
  ['admin', 'admin'],
  ['admin', 'hivemq'],
  ['admin', 'password'],
  ['guest', 'guest'],
  ['mqtt', 'mqtt'],
  ['mosquitto', 'mosquitto'],
  ['user', 'user'],
  ['test', 'test'],
  ['root', 'root'],
];
const PAUSE_MS = 300;
const ATTEMPTS = 50;
const ATTEMPTS_AT_ONCE = 10;

export interface AnonymousAnswers {
  readonly v311: Answer;
  readonly v5: Answer;
}

export interface Throttling {
  readonly attempts: number;
  /** Attempts that were answered as the first one was: no delay, no ban. */
  readonly answered: number;
}

function url(session: ProbeSession): string {
  return session.endpoint.url;
}

function isUnknown(value: unknown): value is Unknown {
  return typeof value === 'object' && value !== null && (value as { state?: unknown }).state === 'unknown';
}

/** Logs in as the first of the given logins, or without a name where there is none. */
export async function enter(
  session: ProbeSession,
  init: Parameters<ProbeSession['connect']>[0] = {},
): Promise<LoggedIn | Unknown> {
  const outcome = await session.connect({ login: session.endpoint.logins[0], ...init });
  if ('line' in outcome || isUnknown(outcome)) return outcome;
  const says =
    session.endpoint.logins.length === 0
      ? 'Nobody gets in without a name: give --user.'
      : 'The login that was given is refused.';
  return unknown('permission-denied', says);
}

export async function probeAnonymous(session: ProbeSession): Promise<Fact<AnonymousAnswers>> {
  const v311 = await session.tryLogin({ version: 4 });
  const v5 = await session.tryLogin({ version: 5 });
  if (isUnknown(v311)) return v311;
  return isUnknown(v5) ? v5 : known({ v311, v5 }, url(session));
}

export async function probeAnyPassword(session: ProbeSession): Promise<Fact<Answer>> {
  const login = { username: `nobody-${session.nonce()}`, password: session.nonce() };
  const answer = await session.tryLogin({ version: 4, login });
  return isUnknown(answer) ? answer : known(answer, url(session));
}

export async function probeDefaultCredentials(session: ProbeSession): Promise<Fact<readonly string[]>> {
  const accepted: string[] = [];
  for (const [username, password] of DEFAULT_LOGINS) {
    const answer = await session.tryLogin({ version: 4, login: { username, password } });
    if (isUnknown(answer)) return answer;
    if (answer === 0 && !accepted.includes(username)) accepted.push(username);
    await pause(session, PAUSE_MS);
  }
  return known(accepted, url(session));
}

function pause({ services }: ProbeSession, ms: number): Promise<void> {
  return new Promise((resolve) => void services.clock.after(ms, resolve));
}

export async function probeThrottling(session: ProbeSession): Promise<Fact<Throttling>> {
  const login = { username: `nobody-${session.nonce()}`, password: 'wrong' };
  const first = await session.tryLogin({ version: 4, login });
  if (isUnknown(first)) return first;
  if (first === 0) return unknown('unsupported', 'Any password is let in: there is nothing to slow down.');
  let answered = 1;
  for (let done = 1; done < ATTEMPTS; done += ATTEMPTS_AT_ONCE) {
    const wave = Array.from({ length: ATTEMPTS_AT_ONCE }, () => session.tryLogin({ version: 4, login }));
    answered += (await Promise.all(wave)).filter((answer) => answer === first).length;
  }
  return known({ attempts: ATTEMPTS, answered: Math.min(answered, ATTEMPTS) }, url(session));
}

export async function probeKeepAlive(session: ProbeSession): Promise<Fact<number | undefined>> {
  const entered = await enter(session, { keepAliveS: 0 });
  if (isUnknown(entered)) return entered;
  const seconds = entered.connack.properties.serverKeepAliveS;
  leave(entered.line);
  return known(seconds, url(session));
}

export async function probeWithoutCertificate(session: ProbeSession): Promise<Fact<Answer>> {
  const { scheme, logins } = session.endpoint;
  if (scheme !== 'mqtts' && scheme !== 'wss') return unknown('unsupported', 'There is no TLS.');
  const answer = await session.tryLogin({ login: logins[0], line: { withoutCertificate: true } });
  // A handshake that fails without a certificate is what is wanted.
  if (isUnknown(answer)) return session.endpoint.certificate === undefined ? answer : known('closed', url(session));
  return known(answer, url(session));
}

export async function probeOrigin(session: ProbeSession): Promise<Fact<boolean>> {
  const { scheme } = session.endpoint;
  if (scheme !== 'ws' && scheme !== 'wss') return unknown('unsupported', 'There is no WebSocket.');
  const line = await session.open(5, { origin: 'https://attacker.example' });
  if (line instanceof LineFailure) return known(false, url(session));
  line.close();
  return known(true, url(session));
}
