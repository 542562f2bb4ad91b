/** What routes of operators have in common: whose session asks, where from, and how a step of a login is answered. */
import { z } from 'zod';
import type { Operator } from '../../operators/accounts.ts';
import { sessionCookie } from '../../operators/cookies.ts';
import type { Author } from '../../operators/ledger.ts';
import type { LoginOrigin, LoginOutcome } from '../../operators/logins.ts';
import type { Operators } from '../../operators/operators.ts';
import { listedScopes } from '../../operators/scope-set.ts';
import { csrfTokenOf, SESSION_STAGES, type Session, type SessionStage } from '../../operators/sessions.ts';
import type { Principal } from '../principal.ts';
import { ControlProblem } from '../problem-details.ts';
import { Reply, type RouteInput } from '../route.ts';
import { ROLES, SCOPES } from '../scope.ts';
import type { ControlServices } from '../services.ts';

type Input = Pick<RouteInput<unknown, unknown, unknown>, 'headers' | 'address'>;

/** Of any step of a login, and of the session as it stands. */
export const loginSchema = z.strictObject({
  stage: z.enum(SESSION_STAGES).meta({
    description:
      '`full` is logged in. `second-factor`: send a code or use a passkey. `enrolment`: the role needs a second factor, enrol one.',
  }),
  operator: z.string(),
  role: z.enum(ROLES),
  scopes: z.array(z.enum(SCOPES)).nullable().meta({ description: 'Null where it may all that the role may.' }),
  offers: z.array(z.enum(['totp', 'passkey'])).meta({ description: 'Second factors that the account has.' }),
  csrfToken: z.string().meta({ description: 'Goes in the header `sallyport-csrf` with all that changes something.' }),
  expiresAt: z.string().meta({ description: 'RFC 3339; earlier when it is idle.' }),
});

export function operatorsOf({ operators }: ControlServices): Operators {
  if (operators !== undefined) return operators;
  throw new ControlProblem('unavailable', 'There are no operators here.');
}

export function originOf({ headers, address }: Input): LoginOrigin {
  const { 'user-agent': agent } = headers;
  return { address: address ?? 'control socket', agent: typeof agent === 'string' ? agent : '' };
}

export function authorFrom({ name: by, from }: Principal): Author {
  return { by, from };
}

export interface OwnSession {
  readonly session: Session;
  readonly secret: string;
  readonly operator: Operator;
}

/**
 * The session that asks, at one of `stages`. For routes that are open to all because a login that is not finished is nobody yet.
 * @throws {ControlProblem} 401 where there is none.
 */
export function ownSession(
  services: ControlServices,
  method: string,
  { headers }: Input,
  stages: readonly SessionStage[],
): OwnSession {
  const { authenticator, logins } = operatorsOf(services);
  const found = authenticator.sessionOf(method, headers as Record<string, string>);
  if (found !== undefined && 'says' in found) throw unauthenticated(found.says);
  const operator = found && logins.enabled(found.session.operator);
  if (found === undefined || operator === undefined) throw unauthenticated('There is no session: log in.');
  if (!stages.includes(found.session.stage)) {
    throw unauthenticated(
      found.session.stage === 'full'
        ? 'The login is finished already.'
        : 'The login is not finished: a second factor is due.',
    );
  }
  return { ...found, operator };
}

/**
 * The session of a principal. A token or a certificate has none: what concerns the account itself is for whoever logs in.
 * @throws {ControlProblem} 403
 */
export function sessionOf(
  services: ControlServices,
  { sessionId }: Principal,
): { session: Session; operator: Operator } {
  const { store } = operatorsOf(services);
  const session = sessionId === undefined ? undefined : store.sessions.named(sessionId);
  const operator = session && store.accounts.find(session.operator);
  if (session !== undefined && operator !== undefined) return { session, operator };
  throw new ControlProblem(
    'forbidden',
    'This is for whoever has logged in with a session, not for a token, a certificate or the socket.',
  );
}

/**
 * For what is dangerous: whoever has a session has proven lately who it is. A stolen browser is not enough then.
 * @throws {ControlProblem} 401 with the challenge of RFC 9470
 */
export function demandFresh(services: ControlServices, { sessionId }: Pick<Principal, 'sessionId'>): void {
  if (sessionId === undefined) return;
  const { sessions } = operatorsOf(services).store;
  const session = sessions.named(sessionId);
  if (session !== undefined && sessions.isFresh(session)) return;
  throw new ControlProblem(
    'unauthenticated',
    'Prove once more who you are: POST /v1/session/confirm, or use a passkey.',
    {
      headers: { 'www-authenticate': 'Bearer realm="sallyport", error="insufficient_user_authentication"' },
    },
  );
}

/** @throws {ControlProblem} where the step was refused. */
export function loginReply(services: ControlServices, outcome: LoginOutcome): Reply<z.input<typeof loginSchema>> {
  if (outcome.kind === 'opened') {
    const { session, secret } = outcome;
    return new Reply(loginRecord(services, session, secret), { 'set-cookie': sessionCookie(secret) });
  }
  throw problemOf(outcome);
}

/** How a refused step is answered. */
export function problemOf(outcome: Exclude<LoginOutcome, { kind: 'opened' }>): ControlProblem {
  if (outcome.kind === 'wait') {
    const headers = { 'retry-after': String(Math.ceil(outcome.waitMs / 1000)) };
    return new ControlProblem('too-many-requests', outcome.says, { headers });
  }
  return outcome.kind === 'unavailable'
    ? new ControlProblem('unavailable', outcome.says, { headers: { 'retry-after': '1' } })
    : unauthenticated(outcome.says);
}

export function loginRecord(services: ControlServices, session: Session, secret: string): z.input<typeof loginSchema> {
  const operator = operatorsOf(services).store.accounts.find(session.operator);
  if (operator === undefined) throw unauthenticated('The account is gone.');
  return {
    stage: session.stage,
    operator: operator.name,
    role: operator.role,
    scopes: listedScopes(operator.scopes) ?? null,
    offers: [
      ...(operator.hasTotp ? (['totp'] as const) : []),
      ...(operator.passkeys > 0 ? (['passkey'] as const) : []),
    ],
    csrfToken: csrfTokenOf(secret),
    expiresAt: new Date(session.expiresAtMs).toISOString(),
  };
}

export function unauthenticated(says: string): ControlProblem {
  return new ControlProblem('unauthenticated', says, { headers: { 'www-authenticate': 'Bearer realm="sallyport"' } });
}
