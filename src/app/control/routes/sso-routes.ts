/** Single sign-on: to the provider, and back from there. */
import { z } from 'zod';
import { flag, section } from '../../config/fields.ts';
import { cookieIn, endedCookie, SSO_COOKIE, sessionCookie, ssoCookie } from '../../operators/cookies.ts';
import { ControlProblem } from '../problem-details.ts';
import { type AnyRoute, Reply, route } from '../route.ts';
import type { ControlServices } from '../services.ts';
import { operatorsOf, originOf, problemOf } from './login-answer.ts';

const COOKIE_LIFETIME_S = 600;

/**
 * A page of our own, and no redirect: browsers would keep the new cookie, which is never sent from another site, out of one that
 * began at the provider.
 */
const BACK = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Logged in</title></head>
<body><p>You are logged in: <a href="/v1/session">the session</a>.</p></body></html>
`;

export const ssoRoutes: readonly AnyRoute[] = [
  route({
    method: 'POST',
    path: '/v1/login/sso',
    operationId: 'beginSso',
    summary: 'Begins a login at the provider of single sign-on; the browser goes to the URL in the answer.',
    tag: 'login',
    role: 'anyone',
    body: section({
      again: flag()
        .optional()
        .meta({ description: 'To prove once more who it is: the provider asks, whatever it remembers.' }),
    }),
    response: z.strictObject({ url: z.string() }),
    handler: async (services, { body }) => {
      const { url, secret } = await ssoOf(services).begin(body.again === true);
      return new Reply({ url }, { 'set-cookie': ssoCookie(secret, COOKIE_LIFETIME_S) });
    },
  }),
  route({
    method: 'GET',
    path: '/v1/login/sso/callback',
    operationId: 'finishSso',
    summary: 'Where the provider sends the browser back to.',
    tag: 'login',
    role: 'anyone',
    mediaType: 'text/html; charset=utf-8',
    query: z.record(z.string(), z.string('is given twice')).meta({ description: 'As OpenID Connect has it.' }),
    handler: async (services, input) => {
      const secret = cookieIn(input.headers['cookie'], SSO_COOKIE);
      const outcome = await ssoOf(services).finish(new URLSearchParams(input.query), secret, originOf(input));
      if (outcome.kind !== 'opened') throw problemOf(outcome);
      return new Reply(BACK, { 'set-cookie': [sessionCookie(outcome.secret), endedCookie(SSO_COOKIE)] });
    },
  }),
];

function ssoOf(services: ControlServices) {
  const { sso } = operatorsOf(services);
  if (sso !== undefined) return sso;
  throw new ControlProblem('unavailable', 'Single sign-on is not configured here (control.operators.sso).');
}
