/** What operators do about themselves: sessions, password, authenticator app, and tokens of their own. */
import { z } from 'zod';
import { duration, section, text } from '../../config/fields.ts';
import { sessionCookie } from '../../operators/cookies.ts';
import { ControlProblem } from '../problem-details.ts';
import { type AnyRoute, Reply, route } from '../route.ts';
import {
  authorFrom,
  demandFresh,
  loginRecord,
  loginSchema,
  operatorsOf,
  originOf,
  ownSession,
  problemOf,
  sessionOf,
  unauthenticated,
} from './login-answer.ts';
import {
  codeField,
  operatorRecord,
  operatorSchema,
  passwordField,
  scopesField,
  sessionRecord,
  sessionSchema,
  tokenRecord,
  tokenSchema,
} from './operator-records.ts';

export const idParam = section({ id: text({ pattern: /^[A-Za-z0-9_-]{1,1024}$/, wanted: 'an id of the list' }) });

export const newTokenBody = section({
  label: text({ pattern: /^[^\0]{1,100}$/, wanted: 'what it is for, in at most 100 characters' }),
  scopes: scopesField().optional().meta({ description: 'What it may; without, all that its operator may.' }),
  lifetime: duration({ min: '1m', max: '3650d' }).meta({
    description: 'How long it holds, such as 90d; at most `control.operators.tokenLifetimeMax`.',
  }),
});

export const newTokenSchema = z.strictObject({
  token: tokenSchema,
  secret: z.string().meta({ description: 'For the header Authorization, as a Bearer. Shown only now.' }),
});

export const accountRoutes: readonly AnyRoute[] = [
  route({
    method: 'GET',
    path: '/v1/account',
    operationId: 'getAccount',
    summary: "The account of the session's operator.",
    tag: 'account',
    role: 'viewer',
    response: operatorSchema,
    handler: (services, _input, principal) => operatorRecord(sessionOf(services, principal).operator),
  }),
  route({
    method: 'GET',
    path: '/v1/sessions',
    operationId: 'listSessions',
    summary: "The operator's own open sessions, the one used last first.",
    tag: 'account',
    role: 'viewer',
    response: z.strictObject({ sessions: z.array(sessionSchema) }),
    handler: (services, _input, principal) => {
      const { session, operator } = sessionOf(services, principal);
      const live = operatorsOf(services).store.sessions.liveOf(operator.name);
      return { sessions: live.map((each) => sessionRecord(each, session.id)) };
    },
  }),
  route({
    method: 'DELETE',
    path: '/v1/sessions/{id}',
    operationId: 'endSession',
    summary: "Ends one of the operator's own sessions.",
    tag: 'account',
    role: 'viewer',
    params: idParam,
    action: { name: 'session-end', words: ({ params }) => [params.id] },
    handler: (services, { params }, principal) => {
      const { operator } = sessionOf(services, principal);
      const { sessions } = operatorsOf(services).store;
      if (!sessions.end(params.id, operator.name, 'Its operator has ended it.')) throw absent('session');
    },
  }),
  route({
    method: 'POST',
    path: '/v1/account/password',
    operationId: 'changePassword',
    summary: 'A new password for oneself; every other session ends, and the cookie is another one.',
    tag: 'account',
    role: 'viewer',
    body: section({ password: passwordField(), newPassword: passwordField() }),
    response: loginSchema,
    action: { name: 'password-change', words: () => [] },
    handler: async (services, input, principal) => {
      const { session, operator } = sessionOf(services, principal);
      const { password, newPassword } = input.body;
      const operators = operatorsOf(services);
      const refusal = await operators.logins.checkPassword(operator, password, originOf(input));
      if (refusal !== undefined && refusal.kind !== 'opened') throw problemOf(refusal);
      await operators.setPassword(operator.name, newPassword, authorFrom(principal), session.id);
      const opened = operators.store.sessions.rotate(session, 'full', session.method);
      if (opened === undefined) throw unauthenticated('The session has ended: log in anew.');
      const record = loginRecord(services, opened.session, opened.secret);
      return new Reply(record, { 'set-cookie': sessionCookie(opened.secret) });
    },
  }),
  route({
    method: 'POST',
    path: '/v1/account/totp',
    operationId: 'beginTotp',
    summary: 'Begins the enrolment of an authenticator app, in a fresh session or in a login that has to enrol one.',
    tag: 'account',
    role: 'anyone',
    response: z.strictObject({
      uri: z.string().meta({ description: 'For a QR code.' }),
      secret: z.string().meta({ description: 'To be typed, in base32.' }),
    }),
    handler: (services, input) => {
      const { session, operator } = enrolling(services, input);
      return operatorsOf(services).store.secondFactors.begin(session.id, operator.name);
    },
  }),
  route({
    method: 'POST',
    path: '/v1/account/totp/confirm',
    operationId: 'confirmTotp',
    summary:
      'Puts the app in force with a code of it, in place of a former one. The recovery codes are shown only now.',
    tag: 'account',
    role: 'anyone',
    body: section({ code: codeField() }),
    response: z.strictObject({ recoveryCodes: z.array(z.string()), login: loginSchema }),
    handler: (services, input) => {
      const own = enrolling(services, input);
      const { store, logins } = operatorsOf(services);
      const { address } = originOf(input);
      const author = { by: own.operator.name, from: address };
      const recoveryCodes = store.secondFactors.confirm(own.session.id, own.operator.name, input.body.code, author);
      if (recoveryCodes === undefined) {
        throw new ControlProblem('refused', 'The code is wrong, or the enrolment was begun more than ten minutes ago.');
      }
      const outcome = logins.goOn(own.session, own.operator, 'password+totp', originOf(input));
      if (outcome.kind !== 'opened') throw problemOf(outcome);
      const login = loginRecord(services, outcome.session, outcome.secret);
      return new Reply({ recoveryCodes, login }, { 'set-cookie': sessionCookie(outcome.secret) });
    },
  }),
  route({
    method: 'DELETE',
    path: '/v1/account/totp',
    operationId: 'removeTotp',
    summary: 'Takes the authenticator app and the recovery codes away, unless the role needs them.',
    tag: 'account',
    role: 'viewer',
    action: { name: 'totp-remove', words: () => [] },
    handler: (services, _input, principal) => {
      demandFresh(services, principal);
      const { operator } = sessionOf(services, principal);
      const { store, logins } = operatorsOf(services);
      if (logins.needsSecondFactor(operator) && operator.passkeys === 0) {
        throw new ControlProblem('refused', `The role ${operator.role} needs a second factor: enrol a passkey first.`);
      }
      if (!store.secondFactors.remove(operator.name, authorFrom(principal))) throw absent('authenticator app');
    },
  }),
  route({
    method: 'GET',
    path: '/v1/account/tokens',
    operationId: 'listOwnTokens',
    summary: "The operator's own API tokens, the youngest first; those that expired lately too.",
    tag: 'account',
    role: 'viewer',
    response: z.strictObject({ tokens: z.array(tokenSchema) }),
    handler: (services, _input, principal) => {
      const { operator } = sessionOf(services, principal);
      return { tokens: operatorsOf(services).store.tokens.listOf(operator.name).map(tokenRecord) };
    },
  }),
  route({
    method: 'POST',
    path: '/v1/account/tokens',
    operationId: 'createOwnToken',
    summary: 'Makes an API token. It never may more than its operator, whatever becomes of that.',
    tag: 'account',
    role: 'viewer',
    status: 201,
    body: newTokenBody,
    response: newTokenSchema,
    action: { name: 'token-create', words: ({ body }) => [body.label] },
    handler: (services, { body }, principal) => {
      demandFresh(services, principal);
      const { operator } = sessionOf(services, principal);
      const { label, scopes, lifetime } = body;
      const wanted = { operator: operator.name, label, scopes, lifetimeMs: lifetime };
      const { token, secret } = operatorsOf(services).store.tokens.create(wanted, authorFrom(principal));
      return { token: tokenRecord(token), secret };
    },
  }),
  route({
    method: 'DELETE',
    path: '/v1/account/tokens/{id}',
    operationId: 'revokeOwnToken',
    summary: "Revokes one of the operator's own API tokens, at once.",
    tag: 'account',
    role: 'viewer',
    params: idParam,
    action: { name: 'token-revoke', words: ({ params }) => [params.id] },
    handler: (services, { params }, principal) => {
      const { operator } = sessionOf(services, principal);
      const { tokens } = operatorsOf(services).store;
      if (!tokens.revoke(params.id, operator.name, authorFrom(principal))) throw absent('token');
    },
  }),
];

export function absent(what: string): ControlProblem {
  return new ControlProblem('not-found', `There is no such ${what}.`);
}

/** Whoever may enrol a factor: a login that has to, or a session that has proven lately who it is. */
export function enrolling(
  services: Parameters<typeof ownSession>[0],
  input: Parameters<typeof ownSession>[2],
): ReturnType<typeof ownSession> {
  const own = ownSession(services, 'POST', input, ['enrolment', 'full']);
  if (own.session.stage === 'full') demandFresh(services, { sessionId: own.session.id });
  return own;
}
