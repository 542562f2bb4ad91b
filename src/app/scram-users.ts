/** Builds the method for SCRAM, with its users' file and the secret that users who do not exist are made up from. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Chance } from '../base/chance.ts';
import { parseScramFile, type ScramCredentials } from '../policy/identity/scram-file.ts';
import { ScramMethod } from '../policy/identity/scram-method.ts';
import type { ChainEntry, Config } from './config/config.ts';
import { OperatorError } from './config/problem.ts';
import type { Built, IdentityServices } from './identity-services.ts';
import { createFile } from './init/durable-file.ts';
import { readText } from './text-file.ts';
import { scramCredentialsIn } from './users/scram-store.ts';
import { SqliteUserStore } from './users/user-store.ts';
import { usersFileOf } from './users/users-file.ts';

type ScramEntry = Extract<ChainEntry, { method: 'scram' }>;

const DECOY_KEY_BYTES = 32;
const SECRET_MODE = 0o600;

/** @throws {OperatorError} when a file cannot be read, {FileFaultError} with all that is wrong in the users' file. */
export async function scramMethod(entry: ScramEntry, config: Config, services: IdentityServices): Promise<Built> {
  const { name = 'scram', mechanisms } = entry;
  const { chance } = services;
  const decoyKey = await decoyKeyIn(config.dataDirectory, chance);
  if (entry.store === 'file') {
    const credentials = await readScramFile(entry.file);
    return { method: new ScramMethod({ name, mechanisms, credentials, decoyKey, chance }) };
  }
  const store = new SqliteUserStore({
    path: usersFileOf(config.dataDirectory),
    ...services,
    onChanged: (usernames) => services.onUsersChanged(name, usernames),
  });
  const { ageMaxMs } = config.authentication.passwordRules;
  const credentials = scramCredentialsIn({ store, clock: services.clock, ageMaxMs });
  const method = new ScramMethod({ name, mechanisms, credentials, decoyKey, chance });
  return { method, close: () => store.close() };
}

async function readScramFile(file: string): Promise<ScramCredentials> {
  return parseScramFile(await readText(file, 'SCRAM file', '`sallyport passwd add NAME --scram` makes it'), file);
}

/** Made once: a salt that changed with a restart would tell that nobody has it. */
async function decoyKeyIn(dataDirectory: string, chance: Chance): Promise<Buffer> {
  const path = join(dataDirectory, 'scram.key');
  try {
    await createFile(path, `${chance.bytes(DECOY_KEY_BYTES).toString('hex')}\n`, SECRET_MODE);
    const key = Buffer.from((await readFile(path, 'utf8')).trim(), 'hex');
    if (key.length === DECOY_KEY_BYTES) return key;
  } catch (error) {
    throw new OperatorError(`The file ${path} cannot be made or read (${(error as NodeJS.ErrnoException).code}).`);
  }
  throw new OperatorError(`The file ${path} is damaged: remove it, so that it is made anew.`);
}
