/** What can be said of every server that knows users: how it is reached, how much it is asked, and how long it is believed. */
import { BlockList, isIP } from 'node:net';
import { z } from 'zod';
import { discreetComplaint, duration, flag, seconds, section, wholeNumber } from '../fields.ts';
import { recognitionFields } from '../recognition-fields.ts';
import { unknownUser } from './unknown-user.ts';

function about(description: string): { description: string } {
  return { description };
}

const NEVER_S = 0;

/** For all of them. `validFor` is in seconds, 0 for never. */
export function backendFields(directory: string) {
  return {
    plaintext: flag()
      .prefault(false)
      .meta(
        about('Whether it may be asked without TLS although it is on another machine, where passwords can be read.'),
      ),
    tls: section(recognitionFields(directory)).prefault({}).meta(about('How it is recognized.')),
    timeout: duration({ min: '50ms', max: '1m' })
      .prefault('3s')
      .meta(about('For one login, with the wait for its turn; after it the login is denied.')),
    concurrencyMax: wholeNumber({ min: 1, max: 1000 })
      .prefault(8)
      .meta(about('Logins that it is asked about at once.')),
    queueMax: wholeNumber({ min: 0, max: 100_000 })
      .prefault(256)
      .meta(about('Logins that may wait for their turn; more are told the server is busy.')),
    failuresMax: wholeNumber({ min: 1, max: 1000 })
      .prefault(5)
      .meta(about('Failures one after another after which it is left alone.')),
    pause: duration({ min: '100ms', max: '10m' })
      .prefault('10s')
      .meta(about('For how long; logins are denied meanwhile, and then one tries.')),
    validFor: seconds({ min: '1m', max: '365d' }, NEVER_S)
      .prefault('24h')
      .meta(about('How long an identity is good for; then its session ends, and the client has to log in anew.')),
  };
}

/** For those that know user names. */
export function directoryFields(directory: string) {
  return { ...backendFields(directory), unknownUser: unknownUser() };
}

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

export function isLoopbackHost(host: string): boolean {
  const plain = host.replace(/^\[|\]$/g, '');
  const family = isIP(plain);
  if (family === 0) return plain === 'localhost';
  return loopback.check(plain, family === 6 ? 'ipv6' : 'ipv4');
}

export interface BackendUrl {
  readonly scheme: string;
  /** Without the brackets of an IPv6 address. */
  readonly host: string;
  readonly port: number | undefined;
  /** Without the slash in front. */
  readonly path: string;
}

/** Undefined where it is no URL of these schemes, or says more than belongs in it: credentials have a place of their own. */
export function parseBackendUrl(given: string, schemes: readonly string[]): BackendUrl | undefined {
  const scheme = /^([a-z]+):\/\//.exec(given)?.[1] ?? '';
  // With a scheme that the runtime knows, it reads the rest as it would there.
  if (!schemes.includes(scheme) || !URL.canParse(given)) return undefined;
  const { hostname, port, pathname, username, password, search, hash } = new URL(given);
  if (hostname === '' || username !== '' || password !== '' || search !== '' || hash !== '') return undefined;
  return {
    scheme,
    host: hostname.replace(/^\[|\]$/g, ''),
    port: port === '' ? undefined : Number(port),
    path: pathname.replace(/^\//, ''),
  };
}

export function backendUrl(schemes: readonly string[], example: string) {
  const wanted = `a URL such as ${example}, without credentials`;
  // What was written may have a password in it.
  const error = (issue: { input?: unknown }): string => discreetComplaint(issue.input, wanted);
  return z.string({ error }).refine((given) => parseBackendUrl(given, schemes) !== undefined, { error });
}

/** As much of an entry as may be there while it is still being checked. */
interface Given {
  readonly url?: unknown;
  readonly plaintext?: unknown;
}

/** Why passwords would travel in the clear; undefined when they do not, or may. */
export function plaintextProblem(
  given: Given,
  isPlain: (url: BackendUrl) => boolean,
  cure: string,
): string | undefined {
  if (typeof given.url !== 'string' || given.plaintext === true) return undefined;
  const url = parseBackendUrl(given.url, ['http', 'https', 'ldap', 'ldaps', 'redis', 'rediss', 'postgresql']);
  if (url === undefined || !isPlain(url) || isLoopbackHost(url.host)) return undefined;
  return `has no TLS, so that passwords could be read on the way: ${cure}, or say plaintext: true`;
}
