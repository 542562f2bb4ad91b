/** Who has a second factor, and which of their codes are used up: a file that the operator keeps, and one that the gateway does. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { Clock } from '../base/clock.ts';
import { SecondFactor, type UsedCodes } from '../policy/identity/second-factor.ts';
import { parseTotpFile, type TotpUsers } from '../policy/identity/totp-file.ts';
import type { Config } from './config/config.ts';
import { OperatorError } from './config/problem.ts';
import { createFile } from './init/durable-file.ts';
import { readPlainText } from './plain-file.ts';

const SECRET_MODE = 0o600;
/** Marks a SQLite file as ours: `SPtp`. */
const APPLICATION_ID = 0x53507470;
/** Several processes may share the ports and this file; a write of theirs takes milliseconds. */
const BUSY_TIMEOUT_MS = 500;

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS used_step (
    username TEXT PRIMARY KEY,
    step INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS used_recovery (
    username TEXT NOT NULL,
    hash TEXT NOT NULL,
    PRIMARY KEY (username, hash)
  ) STRICT, WITHOUT ROWID;
`;

/** The file that `sallyport totp` writes, unless the configuration names another. */
export function totpFileOf(config: Config): string {
  return config.authentication.totpFile ?? join(config.dataDirectory, 'totp');
}

export interface OpenSecondFactor {
  readonly factor: SecondFactor;
  close(): void;
}

/**
 * Undefined when nobody has a second factor.
 * @throws {OperatorError} when a file cannot be used, {FileFaultError} with all that is wrong in the users' file.
 */
export async function openSecondFactor(config: Config, clock: Clock): Promise<OpenSecondFactor | undefined> {
  const users = await readTotpUsers(config);
  if (users.size === 0) return undefined;
  const used = await SqliteUsedCodes.open(join(config.dataDirectory, 'totp.sqlite'));
  return { factor: new SecondFactor({ users, used, clock }), close: () => used.close() };
}

/** Nobody, where there is no file and the configuration names none. */
export async function readTotpUsers(config: Config): Promise<TotpUsers> {
  const file = totpFileOf(config);
  try {
    const { mode } = await stat(file);
    if ((mode & 0o077) !== 0) {
      throw new OperatorError(`Others than the owner have access to the secrets in ${file}: chmod 600 ${file}`);
    }
    return parseTotpFile(await readPlainText(file), file);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === undefined) throw error;
    if (code === 'ENOENT' && config.authentication.totpFile === undefined) return new Map();
    throw new OperatorError(`The file ${file} cannot be read (${code}); \`sallyport totp add NAME\` makes it.`);
  }
}

/** Each answer is on disk before it is given. */
export class SqliteUsedCodes implements UsedCodes {
  readonly #database: DatabaseSync;

  private constructor(database: DatabaseSync) {
    this.#database = database;
  }

  /** @throws {OperatorError} when the file cannot be used. */
  static async open(path: string): Promise<SqliteUsedCodes> {
    try {
      await createFile(path, '', SECRET_MODE);
      const database = new DatabaseSync(path, { timeout: BUSY_TIMEOUT_MS });
      try {
        prepare(database);
        return new SqliteUsedCodes(database);
      } catch (error) {
        database.close();
        throw error;
      }
    } catch (error) {
      throw new OperatorError(`The used codes in ${path} cannot be opened: ${(error as Error).message}.`);
    }
  }

  useStep(username: string, step: number): boolean {
    const { changes } = this.#database
      .prepare(
        'INSERT INTO used_step VALUES (?, ?) ON CONFLICT DO UPDATE SET step = excluded.step WHERE excluded.step > step',
      )
      .run(username, step);
    return changes === 1;
  }

  useRecovery(username: string, hash: string): boolean {
    const { changes } = this.#database
      .prepare('INSERT INTO used_recovery VALUES (?, ?) ON CONFLICT DO NOTHING')
      .run(username, hash);
    return changes === 1;
  }

  /** How many of the user's recovery codes are used, for those who look. */
  usedRecoveryOf(username: string): ReadonlySet<string> {
    const rows = this.#database.prepare('SELECT hash FROM used_recovery WHERE username = ?').all(username);
    return new Set(rows.map(({ hash }) => String(hash)));
  }

  close(): void {
    this.#database.close();
  }
}

function prepare(database: DatabaseSync): void {
  const numberOf = (pragma: string): unknown => Object.values(database.prepare(`PRAGMA ${pragma}`).get() ?? {})[0];
  if (numberOf('schema_version') !== 0 && numberOf('application_id') !== APPLICATION_ID) {
    throw new Error('it is a database, but not one of used codes');
  }
  database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA trusted_schema = OFF');
  database.exec(`BEGIN IMMEDIATE; PRAGMA application_id = ${APPLICATION_ID}; ${SCHEMA} COMMIT`);
}
