/** The built-in users as SCRAM looks them up: those that were given verifiers, and may log in. */
import type { Clock } from '../../base/clock.ts';
import type { KnownVerifier, ScramCredentials } from '../../policy/identity/scram-file.ts';
import type { SqliteUserStore } from './user-store.ts';

export interface ScramStoreOptions {
  readonly store: SqliteUserStore;
  readonly clock: Clock;
  /** How old a password may grow; undefined is as old as it likes. */
  readonly ageMaxMs: number | undefined;
}

export function scramCredentialsIn({ store, clock, ageMaxMs }: ScramStoreOptions): ScramCredentials {
  return {
    by: 'users',
    find(username, mechanism): KnownVerifier | undefined {
      // What was done before a login holds for it.
      store.refresh();
      const user = store.find(username);
      // A store that cannot be read lets nobody in; it has told so itself.
      if (user === undefined || user === 'unreadable' || user.isDisabled) return undefined;
      const expiresAtMs = ageMaxMs === undefined ? undefined : user.passwordChangedAtMs + ageMaxMs;
      if (expiresAtMs !== undefined && clock.epochMs() >= expiresAtMs) return undefined;
      const verifier = store.verifierOf(username, mechanism);
      if (verifier === undefined) return undefined;
      return { verifier, credential: user.credential, ...(expiresAtMs === undefined ? {} : { expiresAtMs }) };
    },
    holds(username, credential): boolean {
      const user = store.find(username);
      // One that cannot be read at the moment is no reason to throw everybody out.
      if (user === 'unreadable') return true;
      return user !== undefined && !user.isDisabled && user.credential === credential;
    },
    usualIterations: (mechanism) => store.usualIterations(mechanism),
    loggedIn: (username) => store.loggedIn(username),
  };
}
