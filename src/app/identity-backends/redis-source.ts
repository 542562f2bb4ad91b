/** Users from Redis or Valkey: one hash map each, under a key made of the user name. */
import { AsyncLocalStorage } from 'node:async_hooks';
import { subscribe } from 'node:diagnostics_channel';
import type { Socket } from 'node:net';
import type { ConnectionOptions } from 'node:tls';
import { createClient } from '@redis/client';
import { BackendFault } from '../../policy/identity/backend.ts';
import { readSourcedUser } from '../../policy/identity/sourced-user.ts';
import type { FindUser } from '../../policy/identity/stored-login-method.ts';
import type { BackendGuard } from './backend-guard.ts';
import { BoundedSocket } from './bounded-socket.ts';
import type { UserSource } from './postgresql-source.ts';

export interface RedisOptions {
  readonly host: string;
  readonly port: number;
  readonly database: number;
  readonly username: string | undefined;
  readonly password: string | undefined;
  /** Undefined: without TLS. */
  readonly tls: ConnectionOptions | undefined;
  /** With `%u` for the user name. */
  readonly key: string;
  readonly timeoutMs: number;
  readonly answerSizeMaxBytes: number;
  readonly guard: BackendGuard;
}

const FIELDS = ['password_hash', 'roles', 'groups', 'attributes'];

type Client = ReturnType<typeof newClient>;

/** The library makes its plain sockets itself; this is how they are heard of, each in the context of who wanted it. */
const madeFor = new AsyncLocalStorage<(socket: Socket) => void>();
subscribe('net.client.socket', (message) => madeFor.getStore()?.((message as { socket: Socket }).socket));

/** One connection, which commands share; a lost one is not repaired, but replaced by the next question. */
export function openRedis(options: RedisOptions): UserSource {
  const { key, guard } = options;
  let current: Connection | undefined;
  const find: FindUser = (username) =>
    guard.ask(async (signal) => {
      if (current === undefined || current.isLost) current = new Connection(options);
      const connection = current;
      const onAbort = (): void => connection.drop();
      signal.addEventListener('abort', onAbort, { once: true });
      try {
        return readMap(await connection.read(key.replaceAll('%u', () => username)));
      } catch (error) {
        // What a server that lies has sent so far must not be taken for the answer to the next question.
        if (!(error instanceof BackendFault)) connection.drop();
        throw error;
      } finally {
        signal.removeEventListener('abort', onAbort);
      }
    });
  return {
    find,
    close: () => {
      guard.close();
      current?.drop();
    },
  };
}

class Connection {
  readonly #client: Client;
  readonly #ready: Promise<unknown>;
  readonly #socket: BoundedSocket | undefined;
  readonly #budget: Budget;
  isLost = false;

  constructor(options: RedisOptions) {
    const { host, port, tls, answerSizeMaxBytes } = options;
    this.#budget = new Budget(answerSizeMaxBytes);
    // With TLS the library takes a socket of ours, and the plain one that is heard of is the one in that.
    this.#socket = tls === undefined ? undefined : new BoundedSocket(answerSizeMaxBytes).connect(port, host);
    this.#client = newClient(options, this.#socket);
    this.#client.on('error', () => this.drop());
    const connect = (): Promise<unknown> => this.#client.connect();
    this.#ready = tls === undefined ? madeFor.run((socket) => this.#budget.watch(socket), connect) : connect();
    this.#ready.catch(() => this.drop());
  }

  /** Values of the fields, null where there are none. */
  async read(key: string): Promise<(string | null)[]> {
    await this.#ready;
    this.#budget.refill();
    this.#socket?.refill();
    return this.#client.hmGet(key, FIELDS);
  }

  drop(): void {
    if (this.isLost) return;
    this.isLost = true;
    if (this.#client.isOpen) this.#client.destroy();
    this.#socket?.destroy();
  }
}

/** Bytes that may still come before the next question. */
class Budget {
  readonly #sizeMaxBytes: number;
  #leftBytes: number;

  constructor(sizeMaxBytes: number) {
    this.#sizeMaxBytes = sizeMaxBytes;
    this.#leftBytes = sizeMaxBytes;
  }

  refill(): void {
    this.#leftBytes = this.#sizeMaxBytes;
  }

  /** Looks at what comes beside the library, which goes down with its socket. */
  watch(socket: Socket): void {
    socket.on('data', (chunk: Buffer) => {
      this.#leftBytes -= chunk.length;
      if (this.#leftBytes < 0) socket.destroy(new Error(`the answer is larger than ${this.#sizeMaxBytes} bytes`));
    });
  }
}

function newClient(options: RedisOptions, bounded: BoundedSocket | undefined) {
  const { host, port, database, username, password, tls, timeoutMs } = options;
  const common = { host, port, connectTimeout: timeoutMs, reconnectStrategy: false } as const;
  return createClient({
    socket: bounded === undefined ? common : { ...common, ...tls, tls: true as const, socket: bounded },
    database,
    disableOfflineQueue: true,
    // What every server speaks, Valkey and KeyDB too.
    RESP: 2,
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
  });
}

function readMap([passwordHash, roles, groups, attributes]: readonly (string | null)[]) {
  if (passwordHash === null || passwordHash === undefined) return undefined;
  return readSourcedUser({ passwordHash, roles, groups, attributes });
}
