/** What listeners know identities by, for a process that serves no clients and judges what they have left. */
import type { AuthorStanding } from '../pipeline/checks/authenticate.ts';
import { HashQueue } from '../policy/identity/hash-queue.ts';
import type { Config } from './config/config.ts';
import { buildChain } from './identity-methods.ts';
import type { IdentityServices } from './identity-services.ts';
import { KeySets } from './key-sets.ts';
import { readPskFile } from './listener-files.ts';
import { standingOf } from './policies.ts';

export interface AuthorStandings {
  readonly byListener: ReadonlyMap<string, AuthorStanding>;
  close(): void;
}

/**
 * Nobody logs in here, so that no backend is asked and no key set is fetched.
 * @throws {OperatorError} when a file cannot be read, {FileFaultError} with all that is wrong in one; nothing is left open then.
 */
export async function openAuthorStandings(
  config: Config,
  services: Pick<IdentityServices, 'clock' | 'chance' | 'emit'>,
): Promise<AuthorStandings> {
  const secrets = await Promise.all(
    config.listeners.map(async (listener) => {
      const file = listener.tls?.pskFile;
      return { listener, psk: file === undefined ? undefined : await readPskFile(listener, file) };
    }),
  );
  const { hashConcurrency, hashQueueMax } = config.authentication;
  const chain = await buildChain(config, {
    ...services,
    queue: new HashQueue({ ...services, runningMax: hashConcurrency, waitingMax: hashQueueMax }),
    keySets: new KeySets(services),
    onUsersChanged: () => undefined,
  });
  const byListener = new Map(secrets.map(({ listener, psk }) => [listener.name, standingOf(listener, chain, psk)]));
  return { byListener, close: () => chain.close() };
}
