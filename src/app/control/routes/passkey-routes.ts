/** Passkeys: enrolled by their owner, and used to log in, with the password or instead of it. */
import type { AuthenticationResponseJSON, RegistrationResponseJSON } from '@simplewebauthn/server';
import { z } from 'zod';
import { section, text } from '../../config/fields.ts';
import { sessionCookie } from '../../operators/cookies.ts';
import type { Passkey } from '../../operators/passkeys.ts';
import { ControlProblem } from '../problem-details.ts';
import { type AnyRoute, Reply, type RouteInput, route } from '../route.ts';
import type { ControlServices } from '../services.ts';
import { absent, enrolling, idParam } from './account-routes.ts';
import {
  authorFrom,
  demandFresh,
  loginRecord,
  loginReply,
  loginSchema,
  type OwnSession,
  operatorsOf,
  originOf,
  problemOf,
  sessionOf,
} from './login-answer.ts';

const base64url = () => text({ pattern: /^[A-Za-z0-9_-]{1,40000}$/, wanted: 'base64url, as the browser gives it' });

/** As browsers give it, with whatever newer ones add. */
function credential<Shape extends z.ZodRawShape>(response: Shape) {
  return z.looseObject({
    id: base64url(),
    rawId: base64url(),
    type: z.literal('public-key'),
    response: z.looseObject(response),
    clientExtensionResults: z.record(z.string(), z.unknown()),
  });
}

const registration = credential({ clientDataJSON: base64url(), attestationObject: base64url() });
const assertion = credential({
  clientDataJSON: base64url(),
  authenticatorData: base64url(),
  signature: base64url(),
  userHandle: z.string().max(200).nullish(),
});

const passkeySchema = z.strictObject({
  id: z.string(),
  label: z.string(),
  createdAt: z.string(),
  lastUsedAt: z.string().nullable(),
});

const optionsSchema = z.record(z.string(), z.unknown());

export const passkeyRoutes: readonly AnyRoute[] = [
  route({
    method: 'POST',
    path: '/v1/login/passkey/options',
    operationId: 'getPasskeyLoginOptions',
    summary: "What the browser's `navigator.credentials.get` is called with, as JSON.",
    tag: 'login',
    role: 'anyone',
    response: optionsSchema,
    handler: async (services, input) => {
      const { passkeys } = operatorsOf(services).store;
      return { ...(await passkeys.loginOptions(underWay(services, input)?.operator)) };
    },
  }),
  route({
    method: 'POST',
    path: '/v1/login/passkey',
    operationId: 'logInWithPasskey',
    summary: 'Logs in with a passkey alone; with a session it is its second step, or proves once more who it is.',
    tag: 'login',
    role: 'anyone',
    body: section({ response: assertion }),
    response: loginSchema,
    handler: async (services, input) => {
      const { logins } = operatorsOf(services);
      const answer = input.body.response as unknown as AuthenticationResponseJSON;
      const own = underWay(services, input);
      const origin = originOf(input);
      return loginReply(services, await logins.byPasskey(own?.session, answer, origin));
    },
  }),
  route({
    method: 'GET',
    path: '/v1/account/passkeys',
    operationId: 'listPasskeys',
    summary: "The operator's own passkeys, the oldest first.",
    tag: 'account',
    role: 'viewer',
    response: z.strictObject({ passkeys: z.array(passkeySchema) }),
    handler: (services, _input, principal) => {
      const { operator } = sessionOf(services, principal);
      return { passkeys: operatorsOf(services).store.passkeys.listOf(operator.name).map(passkeyRecord) };
    },
  }),
  route({
    method: 'POST',
    path: '/v1/account/passkeys/options',
    operationId: 'getPasskeyOptions',
    summary: "What the browser's `navigator.credentials.create` is called with, as JSON.",
    tag: 'account',
    role: 'anyone',
    response: optionsSchema,
    handler: async (services, input) => {
      const { session, operator } = enrolling(services, input);
      return { ...(await operatorsOf(services).store.passkeys.registrationOptions(operator, session.id)) };
    },
  }),
  route({
    method: 'POST',
    path: '/v1/account/passkeys',
    operationId: 'addPasskey',
    summary: 'Enrols the passkey that the browser has made, in a fresh session or in a login that has to enrol one.',
    tag: 'account',
    role: 'anyone',
    status: 201,
    body: section({
      label: text({ pattern: /^[^\0]{1,100}$/, wanted: 'what it is, in at most 100 characters' }),
      response: registration,
    }),
    response: z.strictObject({ passkey: passkeySchema, login: loginSchema }),
    handler: async (services, input) => {
      const { session, operator } = enrolling(services, input);
      const { store, logins } = operatorsOf(services);
      const origin = originOf(input);
      const answer = input.body.response as unknown as RegistrationResponseJSON;
      const author = { by: operator.name, from: origin.address };
      const made = { label: input.body.label, response: answer };
      const passkey = await store.passkeys.register(operator, session.id, made, author);
      if (passkey === undefined) {
        throw new ControlProblem(
          'refused',
          'The answer is not to what this session was asked, or the passkey is here already.',
        );
      }
      const outcome = logins.goOn(session, operator, 'password+passkey', origin);
      if (outcome.kind !== 'opened') throw problemOf(outcome);
      const login = loginRecord(services, outcome.session, outcome.secret);
      return new Reply({ passkey: passkeyRecord(passkey), login }, { 'set-cookie': sessionCookie(outcome.secret) });
    },
  }),
  route({
    method: 'DELETE',
    path: '/v1/account/passkeys/{id}',
    operationId: 'removePasskey',
    summary: "Takes one of the operator's own passkeys away, unless it is the last factor that the role needs.",
    tag: 'account',
    role: 'viewer',
    params: idParam,
    action: { name: 'passkey-remove', words: ({ params }) => [params.id] },
    handler: (services, { params }, principal) => {
      demandFresh(services, principal);
      const { operator } = sessionOf(services, principal);
      const { store, logins } = operatorsOf(services);
      if (logins.needsSecondFactor(operator) && !operator.hasTotp && operator.passkeys === 1) {
        throw new ControlProblem(
          'refused',
          `The role ${operator.role} needs a second factor: enrol another one first.`,
        );
      }
      if (!store.passkeys.remove(params.id, operator.name, authorFrom(principal))) throw absent('passkey');
    },
  }),
];

/** A login whose second step is due, or a session that is to prove itself; undefined for whoever comes with the passkey alone. */
function underWay(
  services: ControlServices,
  { headers }: Pick<RouteInput<unknown, unknown, unknown>, 'headers'>,
): Omit<OwnSession, 'secret'> | undefined {
  const { authenticator, logins } = operatorsOf(services);
  const found = authenticator.sessionOf('POST', headers as Record<string, string>);
  if (found === undefined || 'says' in found || found.session.stage === 'enrolment') return undefined;
  const operator = logins.enabled(found.session.operator);
  return operator && { session: found.session, operator };
}

function passkeyRecord({ id, label, createdAtMs, lastUsedAtMs }: Passkey): z.input<typeof passkeySchema> {
  return {
    id,
    label,
    createdAt: new Date(createdAtMs).toISOString(),
    lastUsedAt: lastUsedAtMs === undefined ? null : new Date(lastUsedAtMs).toISOString(),
  };
}
