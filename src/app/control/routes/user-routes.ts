/** The gateway's own store of users. A change takes effect within a second: whoever is removed, disabled or renewed is disconnected. */
import { z } from 'zod';
import { describeUsernameFault } from '../../../policy/identity/password-file.ts';
import { discreetComplaint, flag, section } from '../../config/fields.ts';
import { newPassword } from '../../users/new-password.ts';
import { UserAdmin } from '../../users/user-admin.ts';
import { userRecord } from '../../users/user-record.ts';
import { usersFileOf } from '../../users/users-file.ts';
import { cursorOf, encodeCursor, limitOf, nextCursor, pageQuery } from '../cursor.ts';
import { ControlProblem } from '../problem-details.ts';
import { type AnyRoute, route } from '../route.ts';
import type { ControlServices } from '../services.ts';

const PASSWORD_MAX_CHARS = 1024;

const username = z
  .string({ error: (issue) => discreetComplaint(issue.input, 'a user name') })
  .superRefine((given, context) => {
    const fault = describeUsernameFault(given);
    if (fault !== undefined) context.addIssue({ code: 'custom', message: fault });
  });

/** Never repeated in an error. */
const passwordError = {
  error: (issue: { input?: unknown }): string =>
    discreetComplaint(issue.input, `a password of at most ${PASSWORD_MAX_CHARS} characters`),
};
const password = z
  .string(passwordError)
  .min(1, passwordError)
  .max(PASSWORD_MAX_CHARS, passwordError)
  .optional()
  .meta({ description: 'Without one, one is made up, and is in the answer.' });
const scram = flag()
  .optional()
  .meta({ description: 'Whether the user logs in by SCRAM too; a new password keeps what was.' });

const doneSchema = z.strictObject({
  username: z.string(),
  password: z.string().optional().meta({ description: 'Only where it was made up, and only now.' }),
});

export const userRoutes: readonly AnyRoute[] = [
  route({
    method: 'GET',
    path: '/v1/users',
    operationId: 'listUsers',
    summary: 'The built-in users, by name, with last login and age of the password.',
    tag: 'users',
    role: 'operator',
    scope: 'users:read',
    query: section(pageQuery()),
    response: z.strictObject({
      users: z.array(
        z.strictObject({
          username: z.string(),
          disabled: z.boolean(),
          createdAt: z.string(),
          passwordChangedAt: z.string(),
          passwordAgeDays: z.int(),
          lastLoginAt: z.string().nullable(),
          scheme: z.string(),
        }),
      ),
      next: nextCursor,
    }),
    handler: (services, { query }) =>
      withUsers(services, (users) => {
        const limit = limitOf(query);
        const page = users.list({ after: cursorOf(query), limit: limit + 1 });
        const nowMs = services.clock.epochMs();
        const shown = page.slice(0, limit).map((user) => userRecord(user, nowMs));
        return { users: shown, next: page.length > limit ? encodeCursor(shown.at(-1)!.username) : null };
      }),
  }),
  route({
    method: 'POST',
    path: '/v1/users',
    operationId: 'addUser',
    summary: 'Adds a user.',
    tag: 'users',
    role: 'admin',
    scope: 'users:write',
    status: 201,
    body: section({ username, password, scram }),
    response: doneSchema,
    action: { name: 'user-add', words: ({ body }) => [body.username] },
    handler: (services, { body: { username: name, password: given, scram: wantsScram } }) =>
      withUsers(services, async (users) => {
        const isThere = `There is a user ${name} already: PUT /v1/users/${name}/password gives it another password.`;
        if (users.hashesOf(name).length > 0) throw new ControlProblem('conflict', isThere);
        const made = await passwordFor(services, users, { name, given, isScram: wantsScram === true });
        if (!users.add(name, made.hash)) throw new ControlProblem('conflict', isThere);
        if (made.verifiers !== undefined) users.setVerifiers(name, made.verifiers);
        return { username: name, ...(made.shown === undefined ? {} : { password: made.shown }) };
      }),
  }),
  route({
    method: 'PUT',
    path: '/v1/users/{username}/password',
    operationId: 'setUserPassword',
    summary: 'Gives a user another password, and ends its connections.',
    tag: 'users',
    role: 'admin',
    scope: 'users:write',
    params: section({ username }),
    body: section({ password, scram }),
    response: doneSchema,
    action: { name: 'user-set-password', words: ({ params }) => [params.username] },
    handler: (services, { params: { username: name }, body: { password: given, scram: wantsScram } }) =>
      withUsers(services, async (users) => {
        if (users.hashesOf(name).length === 0) throw missing(name);
        const isScram = wantsScram ?? users.hasVerifiers(name);
        const made = await passwordFor(services, users, { name, given, isScram });
        const { historyMax } = services.inForce().config.authentication.passwordRules;
        if (!users.setPassword(name, made.hash, historyMax)) throw missing(name);
        if (made.verifiers !== undefined) users.setVerifiers(name, made.verifiers);
        return { username: name, ...(made.shown === undefined ? {} : { password: made.shown }) };
      }),
  }),
  switchRoute('disable', true, 'Ends the connections of a user, and lets it in no more.'),
  switchRoute('enable', false, 'Lets a user in again.'),
  route({
    method: 'DELETE',
    path: '/v1/users/{username}',
    operationId: 'removeUser',
    summary: 'Removes a user, and ends its connections.',
    tag: 'users',
    role: 'admin',
    scope: 'users:write',
    params: section({ username }),
    action: { name: 'user-remove', words: ({ params }) => [params.username] },
    handler: (services, { params: { username: name } }) =>
      withUsers(services, (users) => {
        if (!users.remove(name)) throw missing(name);
      }),
  }),
];

function switchRoute(verb: 'disable' | 'enable', isDisabled: boolean, summary: string): AnyRoute {
  return route({
    method: 'POST',
    path: `/v1/users/{username}/${verb}`,
    operationId: `${verb}User`,
    summary,
    tag: 'users',
    role: 'operator',
    scope: 'users:write',
    params: section({ username }),
    action: { name: `user-${verb}`, words: ({ params }) => [params.username] },
    handler: (services, { params: { username: name } }) =>
      withUsers(services, (users) => {
        if (!users.setDisabled(name, isDisabled)) throw missing(name);
      }),
  });
}

function missing(name: string): ControlProblem {
  return new ControlProblem('not-found', `There is no user ${name}; GET /v1/users lists them.`);
}

interface PasswordAsked {
  readonly name: string;
  readonly given: string | undefined;
  readonly isScram: boolean;
}

function passwordFor({ chance, inForce }: ControlServices, users: UserAdmin, { name, given, isScram }: PasswordAsked) {
  const rules = inForce().config.authentication.passwordRules;
  return newPassword(name, given, { chance, rules, isScram, hashes: users.hashesOf(name) });
}

const SQLITE_BUSY = 5;

/** The gateway does not wait while another process writes: whoever asks does. */
async function withUsers<Result>(
  { inForce, clock, chance }: ControlServices,
  use: (users: UserAdmin) => Result | Promise<Result>,
): Promise<Result> {
  const users = new UserAdmin(usersFileOf(inForce().config.dataDirectory), clock, chance, { busyTimeoutMs: 0 });
  try {
    return await use(users);
  } catch (error) {
    const { errcode } = error as { errcode?: number };
    if (errcode === undefined || (errcode & 0xff) !== SQLITE_BUSY) throw error;
    throw new ControlProblem('unavailable', 'Another process is writing the users: try again in a moment.', {
      headers: { 'retry-after': '1' },
    });
  } finally {
    users.close();
  }
}
