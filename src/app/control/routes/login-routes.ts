/** How operators log in, prove who they are once more, and log out. */
import { z } from 'zod';
import { section, text } from '../../config/fields.ts';
import { endedCookie } from '../../operators/cookies.ts';
import { ControlProblem } from '../problem-details.ts';
import { type AnyRoute, Reply, route } from '../route.ts';
import { loginRecord, loginReply, loginSchema, operatorsOf, originOf, ownSession, sessionOf } from './login-answer.ts';
import { codeField, nameField, operatorRecord, operatorSchema, passwordField } from './operator-records.ts';

export const loginRoutes: readonly AnyRoute[] = [
  route({
    method: 'POST',
    path: '/v1/operators/claim',
    operationId: 'claimOperator',
    summary: "Makes the first admin's account with the one-time code that was printed on the machine.",
    tag: 'login',
    role: 'anyone',
    status: 201,
    body: section({
      code: text({ pattern: /^[A-Za-z0-9-]{1,64}$/, wanted: 'the code, as it was printed' }),
      name: nameField(),
      password: passwordField(),
    }),
    response: operatorSchema,
    handler: async (services, input) => operatorRecord(await operatorsOf(services).claim(input.body, originOf(input))),
  }),
  route({
    method: 'POST',
    path: '/v1/login',
    operationId: 'logIn',
    summary:
      'The first step of a login: name and password. The answer says whether a second is due, and sets the cookie.',
    tag: 'login',
    role: 'anyone',
    body: section({
      name: z.string('give a name').max(64, 'is too long'),
      password: passwordField(),
    }),
    response: loginSchema,
    handler: async (services, input) => {
      const { name, password } = input.body;
      return loginReply(services, await operatorsOf(services).logins.byPassword(name, password, originOf(input)));
    },
  }),
  route({
    method: 'POST',
    path: '/v1/login/code',
    operationId: 'logInWithCode',
    summary: 'The second step: a code of the authenticator app, or a recovery code. The cookie is another one then.',
    tag: 'login',
    role: 'anyone',
    body: section({ code: codeField() }),
    response: loginSchema,
    handler: (services, input) => {
      const { session } = ownSession(services, 'POST', input, ['second-factor']);
      return loginReply(services, operatorsOf(services).logins.byCode(session, input.body.code, originOf(input)));
    },
  }),
  route({
    method: 'GET',
    path: '/v1/session',
    operationId: 'getSession',
    summary: 'The session that the cookie stands for, also while a login is not finished; 401 where there is none.',
    tag: 'login',
    role: 'anyone',
    response: loginSchema,
    handler: (services, input) => {
      const { session, secret } = ownSession(services, 'GET', input, ['second-factor', 'enrolment', 'full']);
      return loginRecord(services, session, secret);
    },
  }),
  route({
    method: 'POST',
    path: '/v1/session/confirm',
    operationId: 'confirmSession',
    summary: 'Proves once more who it is: by a code where there is a second factor, else by the password.',
    tag: 'login',
    role: 'viewer',
    body: section({ password: passwordField().optional(), code: codeField().optional() }),
    response: loginSchema,
    handler: async (services, input, principal) => {
      const { session } = sessionOf(services, principal);
      const { logins } = operatorsOf(services);
      const { password, code } = input.body;
      if ((password === undefined) === (code === undefined)) {
        throw new ControlProblem('invalid-request', 'The body: give a password or a code, one of the two.');
      }
      const outcome =
        code === undefined
          ? await logins.byPasswordAgain(session, password!, originOf(input))
          : logins.byCode(session, code, originOf(input));
      return loginReply(services, outcome);
    },
  }),
  route({
    method: 'POST',
    path: '/v1/logout',
    operationId: 'logOut',
    summary: 'Ends the session, and takes its cookie away.',
    tag: 'login',
    role: 'anyone',
    handler: (services, input) => {
      const { session } = ownSession(services, 'POST', input, ['second-factor', 'enrolment', 'full']);
      operatorsOf(services).store.sessions.end(session.id, session.operator, 'Logged out.');
      return new Reply(undefined, { 'set-cookie': endedCookie() });
    },
  }),
];
