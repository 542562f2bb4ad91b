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
  readonly upstream: string;
}

export function routeFor(
  routes: readonly Route[],
  client: Pick<Client, 'username' | 'clientId' | 'downstream'>,
): Route | undefined {
  const { username, clientId = '', downstream } = client;
  return routes.find(
    ({ listener, user, clientIdPrefix }) =>
      (listener === undefined || matchesWildcard(listener, downstream.listener)) &&
      (user === undefined || (username !== undefined && matchesWildcard(user, username))) &&
      (clientIdPrefix === undefined || clientId.startsWith(clientIdPrefix)),
  );
}
