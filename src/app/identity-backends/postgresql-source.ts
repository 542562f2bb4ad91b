/** Users from a PostgreSQL database, by a query of the operator's whose parameters are never part of its text. */
import type { ConnectionOptions } from 'node:tls';
import { Client, type ClientConfig, Pool, type PoolClient, type QueryResult } from 'pg';
import { BackendFault } from '../../policy/identity/backend.ts';
import { readSourcedUser } from '../../policy/identity/sourced-user.ts';
import type { FindUser } from '../../policy/identity/stored-login-method.ts';
import type { BackendGuard } from './backend-guard.ts';
import { BoundedSocket } from './bounded-socket.ts';

export interface PostgresqlOptions {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
  readonly password: string | undefined;
  /** Undefined: without TLS. */
  readonly tls: ConnectionOptions | undefined;
  /** `$1` is the user name, `$2` the client identifier. */
  readonly query: string;
  readonly timeoutMs: number;
  readonly connectionsMax: number;
  readonly answerSizeMaxBytes: number;
  readonly guard: BackendGuard;
}

export interface UserSource {
  readonly find: FindUser;
  close(): void;
}

const IDLE_TIMEOUT_MS = 60_000;
const COLUMNS: ReadonlySet<string> = new Set(['username', 'password_hash', 'roles', 'groups', 'attributes']);

export function openPostgresql(options: PostgresqlOptions): UserSource {
  const { host, port, database, user, password, tls, query, timeoutMs, connectionsMax, answerSizeMaxBytes, guard } =
    options;
  // A query that is a table again can only read, and gives two rows at most: the second one to see that there is one.
  const text = `SELECT * FROM (${query}\n) AS sallyport_user LIMIT 2`;
  const takesClientId = /\$2(?![0-9])/.test(query);
  const pool = new Pool({
    host,
    port,
    database,
    user,
    password: password ?? '',
    ssl: tls ?? false,
    max: connectionsMax,
    connectionTimeoutMillis: timeoutMs,
    statement_timeout: timeoutMs,
    query_timeout: timeoutMs,
    idleTimeoutMillis: IDLE_TIMEOUT_MS,
    allowExitOnIdle: true,
    application_name: 'sallyport',
    Client: boundedClient(answerSizeMaxBytes),
  });
  // An idle connection that breaks is replaced; who asks next is told by the question's own failure.
  pool.on('error', () => undefined);
  const find: FindUser = (username, clientId) =>
    guard.ask(async (signal) => {
      const client = await pool.connect();
      (client as BoundedClient).socket.refill();
      let isDone = false;
      const onAbort = (): void => {
        if (!isDone) client.release(true);
        isDone = true;
      };
      signal.addEventListener('abort', onAbort, { once: true });
      try {
        signal.throwIfAborted();
        const values = takesClientId ? [username, clientId] : [username];
        return readRows(await client.query(text, values), username);
      } finally {
        signal.removeEventListener('abort', onAbort);
        if (!isDone) client.release();
        isDone = true;
      }
    });
  return {
    find,
    close: () => {
      guard.close();
      void pool.end().catch(() => undefined);
    },
  };
}

interface BoundedClient extends PoolClient {
  readonly socket: BoundedSocket;
}

/** The library's client over a socket of ours. */
function boundedClient(sizeMaxBytes: number): new () => Client {
  return class extends Client {
    readonly socket: BoundedSocket;

    constructor(config?: ClientConfig) {
      const socket = new BoundedSocket(sizeMaxBytes);
      // The pool hides the password from whoever lists its options.
      super({ ...config, password: config?.password, stream: () => socket });
      this.socket = socket;
      // Whoever waits for an answer is told by its rejection; an event that nobody hears would end the program.
      this.on('error', () => undefined);
    }
  };
}

function readRows({ rows, fields }: QueryResult<Record<string, unknown>>, username: string) {
  const stranger = fields.find(({ name }) => !COLUMNS.has(name));
  if (stranger !== undefined)
    throw new BackendFault(`the query gives a column "${stranger.name}", which means nothing here`);
  if (rows.length > 1) throw new BackendFault('the query gives more than one row for a user');
  const [row] = rows;
  // A column that compares without regard to case would give one user many names.
  if (row === undefined || (row['username'] !== undefined && row['username'] !== username)) return undefined;
  const { password_hash: passwordHash, roles, groups, attributes } = row;
  return readSourcedUser({ passwordHash, roles, groups, attributes });
}
