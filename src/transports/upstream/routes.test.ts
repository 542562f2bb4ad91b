import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Route, routeFor } from './routes.ts';

function client(username: string | undefined, clientId = 'c', listener = 'tls'): Parameters<typeof routeFor>[1] {
  return {
    identity: undefined,
    username,
    clientId,
    downstream: { connectionId: 'c1', listener, address: '192.0.2.1', port: 1, secure: true },
  };
}

const routes: readonly Route[] = [
  { listener: 'factory', user: 'line-*', upstream: 'lines' },
  { clientIdPrefix: 'meter/', upstream: 'meters' },
  { user: '*', upstream: 'users' },
];

describe('a route', () => {
  const goes = (...facts: Parameters<typeof client>): string | undefined =>
    routeFor(routes, client(...facts))?.upstream;

  it('holds when all that it names fits, and the first that holds is taken', () => {
    assert.equal(goes('line-7', 'c', 'factory'), 'lines');
    assert.equal(goes('line-7', 'meter/1', 'factory'), 'lines');
    assert.equal(goes('line-7', 'meter/1', 'tls'), 'meters');
    assert.equal(goes('line-7', 'c', 'tls'), 'users');
  });

  it('by namespace holds for identities that vouch for one', () => {
    const tenants: Route[] = [{ namespace: 'acme-*', upstream: 'acme' }];
    const identity = {
      username: 'ann',
      clientId: 'c',
      method: 'jwt',
      credential: 'x',
      attributes: { namespace: 'acme-eu' },
    };
    assert.equal(routeFor(tenants, { ...client('ann'), identity })?.upstream, 'acme');
    assert.equal(routeFor(tenants, { ...client('ann'), identity: { ...identity, attributes: {} } }), undefined);
    assert.equal(routeFor(tenants, client('ann')), undefined);
  });

  it('by user is none for a client without one', () => {
    assert.equal(goes(undefined), undefined);
    assert.equal(goes(undefined, 'meter/1'), 'meters');
  });
});
