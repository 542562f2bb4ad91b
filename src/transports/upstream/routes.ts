/** Which upstream a client goes to: the first route that fits. */
import { matchesWildcard } from '../../base/wildcard.ts';
import type { Client } from '../../pipeline/client.ts';

/** What is absent fits everybody. */
export interface Route {
  /** A listener's name, in which `*` stands for any characters. */
  readonly listener?: string | undefined;
  /** As `listener`; a client without a user fits none. */
  readonly user?: string | undefined;
  readonly clientIdPrefix?: string | undefined;
  /** As `listener`, for the attribute `namespace` that the client's identity vouches for; who has none fits none. */
  readonly namespace?: string | undefined;
  readonly upstream: string;
}

export function routeFor(
  routes: readonly Route[],
  client: Pick<Client, 'username' | 'clientId' | 'downstream' | 'identity'>,
): Route | undefined {
  const { username, clientId = '', downstream, identity } = client;
  const own = identity?.attributes?.['namespace'];
  return routes.find(
    ({ listener, user, clientIdPrefix, namespace }) =>
      (listener === undefined || matchesWildcard(listener, downstream.listener)) &&
      (user === undefined || (username !== undefined && matchesWildcard(user, username))) &&
      (namespace === undefined || (own !== undefined && matchesWildcard(namespace, own))) &&
      (clientIdPrefix === undefined || clientId.startsWith(clientIdPrefix)),
  );
}
