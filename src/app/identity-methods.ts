/** The methods of the configured chain, each built once, and the authenticator that a listener makes of those that are its own. */
import { anonymousMethodOf } from '../policy/identity/anonymous.ts';
import { buildAuthenticator } from '../policy/identity/authenticator.ts';
import { certificateMethod } from '../policy/identity/certificate.ts';
import type { Authenticator, IdentityMethod } from '../policy/identity/identity.ts';
import { parsePasswordFile } from '../policy/identity/password-file.ts';
import { PasswordFileMethod } from '../policy/identity/password-file-method.ts';
import { type SecondFactor, withSecondFactor } from '../policy/identity/second-factor.ts';
import { UsersMethod } from '../policy/identity/users-method.ts';
import type { ChainEntry, Config } from './config/config.ts';
import { backendMethod } from './identity-backends/backend-methods.ts';
import type { Built, IdentityServices } from './identity-services.ts';
import { jwtMethod } from './jwt-entry-method.ts';
import { scramMethod } from './scram-users.ts';
import { openSecondFactor } from './second-factor-file.ts';
import { readText } from './text-file.ts';
import { SqliteUserStore } from './users/user-store.ts';
import { usersFileOf } from './users/users-file.ts';

export interface Chain {
  /** One listener's authenticator; `proven` by its TLS comes before the chain. */
  authenticatorOf(listener: string, proven: readonly IdentityMethod[]): Authenticator;
  /** Lets go of connections to servers; logins that are under way are denied. */
  close(): void;
}

/** @throws {OperatorError} when a file cannot be read, {FileFaultError} with all that is wrong in one; nothing is left open then. */
export async function buildChain(config: Config, services: IdentityServices): Promise<Chain> {
  const { chain } = config.authentication;
  const secondFactor = await openSecondFactor(config, services.clock);
  const settled = await Promise.allSettled(chain.map((entry) => buildMethod(entry, config, services)));
  const close = (): void => {
    for (const one of settled) if (one.status === 'fulfilled') one.value.close?.();
    secondFactor?.close();
  };
  const methods: IdentityMethod[] = [];
  for (const [index, one] of settled.entries()) {
    if (one.status === 'fulfilled') methods.push(guarded(one.value.method, chain[index]!, secondFactor?.factor));
    else {
      close();
      throw one.reason;
    }
  }
  return {
    authenticatorOf: (listener, proven) =>
      buildAuthenticator([
        ...proven,
        ...methods.filter((_, index) => {
          const { listeners } = chain[index]!;
          return listeners.length === 0 || listeners.includes(listener);
        }),
      ]),
    close,
  };
}

/** Whoever proves a certificate or a token has shown what others, with factors of their own, have given out. */
const WITHOUT_SECOND_FACTOR: readonly ChainEntry['method'][] = ['certificate', 'jwt', 'anonymous'];

function guarded(method: IdentityMethod, entry: ChainEntry, factor: SecondFactor | undefined): IdentityMethod {
  const isExempt = factor === undefined || WITHOUT_SECOND_FACTOR.includes(entry.method);
  return isExempt ? method : withSecondFactor(method, factor);
}

async function buildMethod(entry: ChainEntry, config: Config, services: IdentityServices): Promise<Built> {
  switch (entry.method) {
    case 'certificate':
      return { method: certificateMethod };
    case 'password-file':
      return { method: await passwordFileMethod(entry, config, services) };
    case 'users':
      return usersMethod(entry, config, services);
    case 'jwt': {
      const isOnly = config.authentication.chain.filter(({ method }) => method === 'jwt').length === 1;
      return { method: await jwtMethod(entry, { isOnly }, services) };
    }
    case 'scram':
      return scramMethod(entry, config, services);
    case 'webhook':
    case 'ldap':
    case 'postgresql':
    case 'redis':
      return backendMethod(entry, services);
    case 'anonymous':
      return {
        method: anonymousMethodOf({ ...(entry.name === undefined ? {} : { name: entry.name }), role: entry.role }),
      };
  }
}

type Entry<Method extends ChainEntry['method']> = Extract<ChainEntry, { method: Method }>;

async function passwordFileMethod(
  { name = 'password-file', unknownUser }: Entry<'password-file'>,
  config: Config,
  { queue, chance }: IdentityServices,
): Promise<IdentityMethod> {
  const file = config.authentication.passwordFile;
  const text = await readText(file, 'password file', '`sallyport passwd add NAME` makes it');
  return new PasswordFileMethod({ name, passwordFile: parsePasswordFile(text, file), unknownUser, queue, chance });
}

function usersMethod(
  { name = 'users', unknownUser }: Entry<'users'>,
  config: Config,
  services: IdentityServices,
): Built {
  const { ageMaxMs, ageWarningMs } = config.authentication.passwordRules;
  const store = new SqliteUserStore({
    path: usersFileOf(config.dataDirectory),
    ...services,
    onChanged: (usernames) => services.onUsersChanged(name, usernames),
  });
  const age = { maxMs: ageMaxMs, warningMs: ageWarningMs };
  return { method: new UsersMethod({ name, store, unknownUser, age, ...services }), close: () => store.close() };
}
