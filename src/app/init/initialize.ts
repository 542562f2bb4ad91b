/** The first start: a data directory with all that a secure endpoint needs. What is there already is never touched. */
import { access, readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Chance, readableToken } from '../../base/chance.ts';
import type { Clock } from '../../base/clock.ts';
import { hashPassword } from '../../policy/identity/password-hash.ts';
import { OperatorError } from '../config/problem.ts';
import { denialOf, isDenial } from '../denied-place.ts';
import { makeDirectory } from '../directory.ts';
import { Accounts } from '../operators/accounts.ts';
import { type ClaimCode, ClaimCodes } from '../operators/claim-codes.ts';
import { Ledger } from '../operators/ledger.ts';
import { openOperatorsFile } from '../operators/operators-file.ts';
import { generateKeyPem, isServerName, issueServerCertificate, makeAuthorityCertificate } from './authority.ts';
import { createFile } from './durable-file.ts';
import { type Layout, layoutOf } from './layout.ts';
import { FIRST_USER, STARTER_ACL, starterConfig } from './starter-files.ts';

const SECRET_MODE = 0o600;
const PUBLIC_MODE = 0o644;
const DIRECTORY_MODE = 0o700;
/** 20 characters of 5.8 bits: out of reach of guessing, and still to be retyped. */
const PASSWORD_LENGTH = 20;

const SCHEMA_FILE = fileURLToPath(new URL('../../../docs/schema/sallyport.schema.json', import.meta.url));

export interface InitOptions {
  readonly directory: string;
  /** Further host names and addresses for the server's certificate. */
  readonly names: readonly string[];
  readonly clock: Clock;
  readonly chance: Chance;
}

export interface InitOutcome {
  readonly layout: Layout;
  /** Files made now. */
  readonly created: readonly string[];
  /** Files that were there. */
  readonly kept: readonly string[];
  /** The first user, if it was made now; its password is nowhere else in the clear. */
  readonly user: { readonly username: string; readonly password: string } | undefined;
  /** Makes the first operator's account; there only where nobody could have one yet. It is nowhere else in the clear. */
  readonly operatorCode: ClaimCode | undefined;
}

async function exists(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}

/** Names under which clients on this machine and on its network reach the server. */
function serverNames(further: readonly string[]): string[] {
  const host = hostname().toLowerCase();
  const own = isServerName(host) ? [host] : [];
  return [...new Set(['localhost', ...own, ...further, '127.0.0.1', '::1'])];
}

/**
 * Makes what is missing, in an order in which every crash leaves something that the next run can complete: keys before their
 * certificates, and the configuration, which says that all is there, last.
 */
export async function initialize(options: InitOptions): Promise<InitOutcome> {
  try {
    return await make(options);
  } catch (error) {
    if (error instanceof OperatorError) throw error;
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === undefined) throw error;
    if (isDenial(error)) {
      const { path = options.directory } = error as NodeJS.ErrnoException;
      const says = denialOf(path, { todo: 'write', tree: options.directory });
      throw new OperatorError(`The data directory ${options.directory} cannot be made: ${says}.`);
    }
    throw new OperatorError(
      `The data directory ${options.directory} cannot be made (${message}): check its owner, its mode, and the space on its disk.`,
    );
  }
}

async function make({ directory, names, clock, chance }: InitOptions): Promise<InitOutcome> {
  const wrong = names.find((name) => !isServerName(name));
  if (wrong !== undefined) {
    throw new OperatorError(`"${wrong}" is neither a host name (in lower case) nor an IP address.`);
  }
  const layout = layoutOf(directory);
  for (const folder of [directory, dirname(layout.caKey), dirname(layout.serverKey)]) {
    await makeDirectory(folder, DIRECTORY_MODE, 'data directory');
  }

  const created: string[] = [];
  const kept: string[] = [];
  const ensure = async (path: string, mode: number, content: () => string | Promise<string>): Promise<boolean> => {
    const made = !(await exists(path)) && (await createFile(path, await content(), mode));
    (made ? created : kept).push(path);
    return made;
  };

  await refuseOrphans(layout);
  // An authority whose key was taken offline on purpose stays as it is: nothing here needs its signature then.
  const isOffline = (await exists(layout.caCertificate)) && !(await exists(layout.caKey));
  if (!isOffline) await ensure(layout.caKey, SECRET_MODE, generateKeyPem);
  await ensure(layout.caCertificate, PUBLIC_MODE, async () =>
    makeAuthorityCertificate(await readFile(layout.caKey, 'utf8'), clock, chance),
  );
  await ensure(layout.serverKey, SECRET_MODE, generateKeyPem);
  await ensure(layout.serverCertificate, PUBLIC_MODE, async () => {
    const authority = {
      certificatePem: await readFile(layout.caCertificate, 'utf8'),
      keyPem: await readFile(layout.caKey, 'utf8'),
    };
    return issueServerCertificate(
      authority,
      await readFile(layout.serverKey, 'utf8'),
      serverNames(names),
      clock,
      chance,
    );
  });
  await ensure(layout.acl, SECRET_MODE, () => STARTER_ACL);

  const password = readableToken(chance, PASSWORD_LENGTH);
  const userMade = await ensure(layout.users, SECRET_MODE, async () => {
    const hash = await hashPassword(Buffer.from(password), chance);
    return `# Users and their hashed passwords; npx sallyport passwd changes them.\n${FIRST_USER}:${hash}\n`;
  });
  const operatorCode = (await exists(layout.operators)) ? undefined : makeOperatorCode(layout.operators, clock, chance);
  (operatorCode === undefined ? kept : created).push(layout.operators);
  await ensure(layout.config, SECRET_MODE, async () =>
    starterConfig((await exists(SCHEMA_FILE)) ? relative(directory, SCHEMA_FILE) : undefined),
  );
  return { layout, created, kept, user: userMade ? { username: FIRST_USER, password } : undefined, operatorCode };
}

/** The file of operators, with nobody in it, and the code with which the first comes into it. */
function makeOperatorCode(path: string, clock: Clock, chance: Chance): ClaimCode {
  const database = openOperatorsFile(path);
  try {
    const ledger = new Ledger(database, clock, chance);
    return new ClaimCodes(ledger, new Accounts(ledger)).make({ by: 'init', from: 'command line' });
  } finally {
    database.close();
  }
}

/** A certificate whose key is gone cannot be completed, and making a new one would break who trusts the old. */
async function refuseOrphans(layout: Layout): Promise<void> {
  const refuse = (certificate: string, key: string): never => {
    throw new OperatorError(
      `${certificate} is there, but its key ${key} is not: put the key back, or remove the certificate so that both are made anew.`,
    );
  };
  const serverMade = await exists(layout.serverCertificate);
  if (serverMade && !(await exists(layout.serverKey))) refuse(layout.serverCertificate, layout.serverKey);
  const authorityMade = await exists(layout.caCertificate);
  if (authorityMade && !serverMade && !(await exists(layout.caKey))) refuse(layout.caCertificate, layout.caKey);
}
