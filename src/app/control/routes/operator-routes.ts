/** The operators of the gateway, for admins: accounts, roles, and what logs them in. */
import { z } from 'zod';
import { flag, section } from '../../config/fields.ts';
import type { Operator } from '../../operators/accounts.ts';
import { commonScopes, demandUsable, type ScopeSet } from '../../operators/scope-set.ts';
import type { Principal } from '../principal.ts';
import { ControlProblem } from '../problem-details.ts';
import { type AnyRoute, route } from '../route.ts';
import type { Scope } from '../scope.ts';
import type { ControlServices } from '../services.ts';
import { absent, newTokenBody, newTokenSchema } from './account-routes.ts';
import { authorFrom, demandFresh, operatorsOf } from './login-answer.ts';
import {
  certificateField,
  certificateRecord,
  certificateSchema,
  nameField,
  operatorRecord,
  operatorSchema,
  passwordField,
  roleField,
  scopesField,
  tokenRecord,
  tokenSchema,
} from './operator-records.ts';

const nameParam = section({ name: nameField() });
const nameAndId = section({ name: nameField(), id: z.string().max(64, 'give an id of the list') });

export const operatorRoutes: readonly AnyRoute[] = [
  route({
    method: 'GET',
    path: '/v1/operators',
    operationId: 'listOperators',
    summary: 'Every operator, by name.',
    tag: 'operators',
    role: 'admin',
    scope: 'operators:read',
    response: z.strictObject({ operators: z.array(operatorSchema) }),
    handler: (services) => ({ operators: operatorsOf(services).store.accounts.list().map(operatorRecord) }),
  }),
  route({
    method: 'GET',
    path: '/v1/operators/{name}',
    operationId: 'getOperator',
    summary: 'One operator, with the certificates that log it in.',
    tag: 'operators',
    role: 'admin',
    scope: 'operators:read',
    params: nameParam,
    response: operatorSchema.extend({ certificates: z.array(certificateSchema) }),
    handler: (services, { params }) => {
      const certificates = operatorsOf(services).store.certificates.listOf(params.name).map(certificateRecord);
      return { ...operatorRecord(find(services, params.name)), certificates };
    },
  }),
  route({
    method: 'POST',
    path: '/v1/operators',
    operationId: 'addOperator',
    summary: 'A new account. Without a password it is for tokens, certificates or single sign-on alone.',
    tag: 'operators',
    role: 'admin',
    scope: 'operators:write',
    status: 201,
    body: section({
      name: nameField(),
      role: roleField(),
      scopes: scopesField().optional().meta({ description: 'To narrow it; without, all that the role may.' }),
      password: passwordField().optional(),
    }),
    response: operatorSchema,
    action: { name: 'operator-add', words: ({ body }) => [body.name, body.role, ...(body.scopes ?? [])] },
    handler: async (services, { body }, principal) => {
      demandFresh(services, principal);
      demandWithin(principal, body.scopes);
      demandUsable(body.scopes ?? [], { role: body.role, may: 'all' }, body.name);
      const { name, password, ...may } = body;
      return operatorRecord(await operatorsOf(services).add({ name, ...may }, password, authorFrom(principal)));
    },
  }),
  route({
    method: 'PATCH',
    path: '/v1/operators/{name}',
    operationId: 'changeOperator',
    summary: 'Another role, other scopes, disabled or enabled; at once, in open sessions and for tokens too.',
    tag: 'operators',
    role: 'admin',
    scope: 'operators:write',
    params: nameParam,
    body: section({
      role: roleField().optional(),
      scopes: scopesField().nullable().optional().meta({ description: 'Null for all that the role may.' }),
      isDisabled: flag().optional(),
    }),
    response: operatorSchema,
    action: {
      name: 'operator-change',
      words: ({ params, body }) => [params.name, ...Object.entries(body).map(([key, value]) => `${key}=${value}`)],
    },
    handler: (services, { params, body }, principal) => {
      const operator = reach(services, params.name, principal);
      const { accounts } = operatorsOf(services).store;
      const author = authorFrom(principal);
      if (body.role !== undefined || body.scopes !== undefined) {
        const former = operator.scopes === 'all' ? undefined : [...operator.scopes];
        const scopes = body.scopes === undefined ? former : (body.scopes ?? undefined);
        demandWithin(principal, scopes);
        const role = body.role ?? operator.role;
        // Scopes that are not named stay as they are: taking a role away must never wait for them.
        demandUsable(body.scopes ?? [], { role, may: 'all' }, operator.name);
        accounts.setRole(operator.name, role, scopes, author);
      }
      if (body.isDisabled !== undefined) accounts.setDisabled(operator.name, body.isDisabled, author);
      return operatorRecord(find(services, operator.name));
    },
  }),
  route({
    method: 'DELETE',
    path: '/v1/operators/{name}',
    operationId: 'removeOperator',
    summary: 'Removes the account, with its sessions, tokens and factors.',
    tag: 'operators',
    role: 'admin',
    scope: 'operators:write',
    params: nameParam,
    action: { name: 'operator-remove', words: ({ params }) => [params.name] },
    handler: (services, { params }, principal) => {
      const { name } = reach(services, params.name, principal);
      operatorsOf(services).store.accounts.remove(name, authorFrom(principal));
    },
  }),
  route({
    method: 'PUT',
    path: '/v1/operators/{name}/password',
    operationId: 'setOperatorPassword',
    summary: 'A new password for another; all its sessions end.',
    tag: 'operators',
    role: 'admin',
    scope: 'operators:write',
    params: nameParam,
    body: section({ password: passwordField() }),
    action: { name: 'operator-password', words: ({ params }) => [params.name] },
    handler: async (services, { params, body }, principal) => {
      const { name } = reach(services, params.name, principal);
      await operatorsOf(services).setPassword(name, body.password, authorFrom(principal));
    },
  }),
  route({
    method: 'POST',
    path: '/v1/operators/{name}/reset-second-factor',
    operationId: 'resetSecondFactor',
    summary: 'For whoever has lost them: app, recovery codes and passkeys go, and all sessions end.',
    tag: 'operators',
    role: 'admin',
    scope: 'operators:write',
    params: nameParam,
    action: { name: 'operator-reset-second-factor', words: ({ params }) => [params.name] },
    handler: (services, { params }, principal) => {
      const { name } = reach(services, params.name, principal);
      operatorsOf(services).store.secondFactors.reset(name, authorFrom(principal));
    },
  }),
  route({
    method: 'DELETE',
    path: '/v1/operators/{name}/sessions',
    operationId: 'endOperatorSessions',
    summary: 'Ends every session of an operator; how many is in the answer.',
    tag: 'operators',
    role: 'admin',
    scope: 'operators:write',
    params: nameParam,
    response: z.strictObject({ ended: z.int() }),
    action: { name: 'operator-end-sessions', words: ({ params }) => [params.name] },
    handler: (services, { params }, principal) => {
      const { name } = find(services, params.name);
      return { ended: operatorsOf(services).store.sessions.endAllOf(name, authorFrom(principal)) };
    },
  }),
  route({
    method: 'POST',
    path: '/v1/operators/{name}/certificates',
    operationId: 'bindCertificate',
    summary: 'Lets a certificate of `control.clientCa` log the operator in.',
    tag: 'operators',
    role: 'admin',
    scope: 'operators:write',
    params: nameParam,
    body: section(certificateField),
    action: { name: 'operator-certificate-add', words: ({ params, body }) => [params.name, body.kind, body.value] },
    handler: (services, { params, body }, principal) => {
      const { name } = reach(services, params.name, principal);
      const { certificates } = operatorsOf(services).store;
      if (!certificates.bind({ ...body, operator: name }, authorFrom(principal))) {
        throw new ControlProblem('conflict', 'The certificate logs somebody in already.');
      }
    },
  }),
  route({
    method: 'DELETE',
    path: '/v1/operators/{name}/certificates',
    operationId: 'unbindCertificate',
    summary: 'Takes that away again.',
    tag: 'operators',
    role: 'admin',
    scope: 'operators:write',
    params: nameParam,
    query: section(certificateField),
    action: {
      name: 'operator-certificate-remove',
      words: ({ params, query }) => [params.name, query.kind, query.value],
    },
    handler: (services, { params, query }, principal) => {
      const { name } = find(services, params.name);
      const { certificates } = operatorsOf(services).store;
      if (!certificates.unbind({ ...query, operator: name }, authorFrom(principal))) throw absent('certificate');
    },
  }),
  route({
    method: 'GET',
    path: '/v1/operators/{name}/tokens',
    operationId: 'listTokens',
    summary: "An operator's API tokens, the youngest first.",
    tag: 'operators',
    role: 'admin',
    scope: 'operators:read',
    params: nameParam,
    response: z.strictObject({ tokens: z.array(tokenSchema) }),
    handler: (services, { params }) => {
      const { name } = find(services, params.name);
      return { tokens: operatorsOf(services).store.tokens.listOf(name).map(tokenRecord) };
    },
  }),
  route({
    method: 'POST',
    path: '/v1/operators/{name}/tokens',
    operationId: 'createToken',
    summary: 'Makes an API token for an account, such as one of a machine.',
    tag: 'operators',
    role: 'admin',
    scope: 'operators:write',
    status: 201,
    params: nameParam,
    body: newTokenBody,
    response: newTokenSchema,
    action: { name: 'token-create', words: ({ params, body }) => [params.name, body.label] },
    handler: (services, { params, body }, principal) => {
      const { name } = reach(services, params.name, principal);
      const { label, scopes, lifetime } = body;
      const wanted = { operator: name, label, scopes, lifetimeMs: lifetime };
      const { token, secret } = operatorsOf(services).store.tokens.create(wanted, authorFrom(principal));
      return { token: tokenRecord(token), secret };
    },
  }),
  route({
    method: 'DELETE',
    path: '/v1/operators/{name}/tokens/{id}',
    operationId: 'revokeToken',
    summary: 'Revokes an API token, at once.',
    tag: 'operators',
    role: 'admin',
    scope: 'operators:write',
    params: nameAndId,
    action: { name: 'token-revoke', words: ({ params }) => [params.name, params.id] },
    handler: (services, { params }, principal) => {
      if (!operatorsOf(services).store.tokens.revoke(params.id, params.name, authorFrom(principal))) {
        throw absent('token');
      }
    },
  }),
];

function find(services: ControlServices, name: string): Operator {
  const operator = operatorsOf(services).store.accounts.find(name);
  if (operator === undefined) throw absent('operator');
  return operator;
}

/**
 * The account that a dangerous change is meant for: proven lately, and none that may more than whoever asks.
 * @throws {ControlProblem}
 */
function reach(services: ControlServices, name: string, principal: Principal): Operator {
  demandFresh(services, principal);
  const operator = find(services, name);
  demandWithin(principal, operator.scopes === 'all' ? undefined : [...operator.scopes]);
  return operator;
}

/**
 * Whoever is narrowed to some scopes makes nobody who may more: else a token for operators could make itself an admin.
 * @throws {ControlProblem}
 */
function demandWithin({ scopes: own, name }: Principal, wanted: readonly Scope[] | undefined): void {
  if (own === 'all') return;
  const given: ScopeSet = wanted === undefined ? 'all' : new Set(wanted);
  const common = commonScopes(own, given);
  if (given !== 'all' && common !== 'all' && common.size === given.size) return;
  throw new ControlProblem('forbidden', `${name} is narrowed to some scopes, and cannot reach accounts that may more.`);
}
