/** Whether a request over HTTPS is meant for us: by a name of ours, and not on behalf of another site that a browser shows. */
import type { IncomingHttpHeaders } from 'node:http';
import { isIP } from 'node:net';
import { ControlProblem } from './problem-details.ts';

const SAFE_METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);

/**
 * Against DNS rebinding, in which another site's name leads to our address: such a request carries that name. An address as Host
 * cannot be of another site. @throws {ControlProblem} 421
 */
export function demandOwnHost({ host }: IncomingHttpHeaders, names: readonly string[]): void {
  const name = nameOf(host);
  if (name !== undefined && (isIP(name) !== 0 || name === 'localhost' || names.some((own) => covers(own, name))))
    return;
  throw new ControlProblem(
    'wrong-host',
    'The Host header names none of ours: use a name of the certificate, or add it to control.hosts.',
  );
}

/** Lower-case, without the port; undefined where it is none. */
function nameOf(host: string | undefined): string | undefined {
  const match = /^(?:\[([0-9a-fA-F:.]{2,45})\]|([A-Za-z0-9._-]{1,253}))(?::\d{1,5})?$/.exec(host ?? '');
  return (match?.[1] ?? match?.[2])?.toLowerCase();
}

/** A name of a certificate, whose first label may be a star. */
function covers(own: string, name: string): boolean {
  if (!own.startsWith('*.')) return own === name;
  const dot = name.indexOf('.');
  return dot > 0 && name.slice(dot) === own.slice(1);
}

/**
 * Against requests that another site makes a browser send with the operator's cookie. Browsers say so themselves; a request
 * without these headers does not come from one. @throws {ControlProblem} 403
 */
export function demandSameSite(method: string, headers: IncomingHttpHeaders): void {
  if (SAFE_METHODS.has(method)) return;
  const { origin, host } = headers;
  const site = headers['sec-fetch-site'];
  const isOwn = origin === undefined || origin.toLowerCase() === `https://${host}`.toLowerCase();
  if (isOwn && (site === undefined || site === 'same-origin' || site === 'none')) return;
  throw new ControlProblem(
    'forbidden',
    'The request comes from another site (Origin, Sec-Fetch-Site): send it from here.',
  );
}
