/** Made from the table of routes and its document: a new route is tested here without anybody's doing. */
import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { systemChance } from '../../base/chance.ts';
import type { GatewayEvent } from '../../base/events.ts';
import { ManualClock } from '../../base/manual-clock.ts';
import { makeControlApp } from './http-app.ts';
import { openApiDocument } from './openapi.ts';
import type { Authentication, Principal } from './principal.ts';
import { ControlProblem, problemSchema } from './problem-details.ts';
import type { AnyRoute } from './route.ts';
import { ROUTES } from './route-table.ts';
import { hasRank, LEAST_ROLES, ROLES, type Role, SCOPES, type Scope } from './scope.ts';
import type { ControlServices } from './services.ts';

/** Whoever asks in the next request. */
let asking: Authentication = { kind: 'nobody' };
/** Operations whose handler was reached. */
const reached: string[] = [];
const events: GatewayEvent[] = [];
let server: Server;
let base: string;

/** The real routes, except that what they do is only noted. */
const noting = ROUTES.map(
  (route): AnyRoute => ({
    ...route,
    handler: () => {
      reached.push(route.operationId);
      throw new ControlProblem('conflict', 'reached');
    },
  }),
);

before(async () => {
  const services = {
    clock: new ManualClock(),
    chance: systemChance,
    emit: (event: GatewayEvent) => events.push(event),
    onAction: () => undefined,
  } as unknown as ControlServices;
  const app = await makeControlApp({ services, routes: noting });
  const source = { authenticator: { authenticate: () => asking }, address: '192.0.2.7', certificate: undefined };
  server = createServer((request, response) => app.handle(request, response, source));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
after(() => server.close());

function operator(role: Role, scopes: Principal['scopes']): Authentication {
  return { kind: 'known', principal: { name: 'ann', from: '192.0.2.7', role, scopes, isLocal: false } };
}

async function ask({ method, path }: AnyRoute, who: Authentication) {
  asking = who;
  reached.length = 0;
  events.length = 0;
  const response = await fetch(base + path.replaceAll(/\{\w+\}/g, 'x'), { method });
  const problem = problemSchema.parse(await response.json());
  assert.equal(response.headers.get('content-type'), 'application/problem+json');
  assert.equal(problem.status, response.status);
  return { response, problem };
}

async function assertTurnedAway(route: AnyRoute, who: Authentication, status: 401 | 403, says: RegExp): Promise<void> {
  const { response, problem } = await ask(route, who);
  assert.equal(response.status, status);
  assert.match(problem.detail, says);
  assert.deepEqual(reached, []);
  const [event] = events;
  assert.ok(event?.name === 'control.refused' && event.status === status && event.address === '192.0.2.7');
  if (status === 401) assert.ok(response.headers.has('www-authenticate'));
}

/** Past authorization: the handler, or what is wrong with the empty request that we send. */
async function assertLetThrough(route: AnyRoute, who: Authentication): Promise<void> {
  const { response } = await ask(route, who);
  assert.ok(![401, 403, 404, 405].includes(response.status), `answered ${response.status}`);
  assert.ok(response.status === 409 ? reached[0] === route.operationId : [400, 415].includes(response.status));
}

describe('every route', () => {
  for (const route of ROUTES) {
    const { method, path, role, scope } = route;
    const name = `${method} ${path}`;
    if (role === 'anyone') {
      it(`${name} is open to all, also with credentials that are no longer good`, async () => {
        await assertLetThrough(route, { kind: 'nobody' });
        await assertLetThrough(route, { kind: 'refused', says: 'The session is over.' });
      });
      continue;
    }
    it(`${name} is for nobody unknown`, async () => {
      await assertTurnedAway(route, { kind: 'nobody' }, 401, /log in, or send a token/);
      await assertTurnedAway(route, { kind: 'refused', says: 'The token is revoked.' }, 401, /revoked/);
    });
    it(`${name} is for no role below ${role}`, async () => {
      for (const lesser of ROLES.filter((each) => !hasRank(each, role))) {
        await assertTurnedAway(route, operator(lesser, 'all'), 403, new RegExp(`needs the role ${role}`));
      }
    });
    if (scope !== undefined) {
      it(`${name} is for nobody without the scope ${scope}`, async () => {
        const others = new Set<Scope>(SCOPES.filter((each) => each !== scope));
        await assertTurnedAway(route, operator(role, others), 403, new RegExp(`needs the scope ${scope}`));
        await assertTurnedAway(route, operator('admin', new Set()), 403, /needs the scope/);
      });
    }
    it(`${name} lets through who may`, async () => {
      const own = scope === undefined ? new Set<Scope>() : new Set([scope]);
      await assertLetThrough(route, operator(role, own));
      await assertLetThrough(route, operator('admin', 'all'));
    });
  }
});

describe('the table of routes', () => {
  it('is what the document says: no operation without its test, none without a declaration', () => {
    const { paths } = openApiDocument(ROUTES) as { paths: Record<string, Record<string, { operationId: string }>> };
    const told = Object.values(paths).flatMap((operations) =>
      Object.values(operations).map(({ operationId }) => operationId),
    );
    assert.deepEqual(told.sort(), ROUTES.map(({ operationId }) => operationId).sort());
  });

  it('lets each scope do something with its least role, and nothing below it', () => {
    for (const scope of SCOPES) {
      const roles = ROUTES.filter((route) => route.scope === scope).map(({ role }) => role as Role);
      assert.equal(
        LEAST_ROLES[scope],
        ROLES.find((role) => roles.includes(role)),
        scope,
      );
    }
  });

  it('names each operation once, and none of them changes anything by GET', () => {
    const names = ROUTES.map(({ operationId }) => operationId);
    assert.equal(new Set(names).size, names.length);
    for (const { method, action, operationId } of ROUTES) {
      assert.ok(method !== 'GET' || action === undefined, `${operationId} is an action`);
    }
  });

  it('changes nothing with a right to look', () => {
    for (const { operationId, action, scope, role } of ROUTES) {
      if (action === undefined || role === 'anyone') continue;
      assert.ok(scope === undefined || scope.endsWith(':write'), `${operationId} has the scope ${scope}`);
      assert.ok(scope === undefined || role !== 'viewer', `${operationId} is for viewers`);
    }
  });

  it('has a parameter for each name in a path', () => {
    for (const { path, params, operationId } of ROUTES) {
      const names = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
      const declared = Object.keys((params as { shape?: object } | undefined)?.shape ?? {});
      assert.deepEqual(declared, names, operationId);
    }
  });
});
