/** Conversations with an LDAP directory, each on a connection of its own, which ends with it. */
import type { Socket } from 'node:net';
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from 'node:tls';
import { Client, InvalidCredentialsError, NoSuchObjectError, ResultCodeError } from 'ldapts';
import { BackendFault } from '../../policy/identity/backend.ts';
import type { InDirectory, LdapEntry, LdapSession } from '../../policy/identity/ldap-method.ts';
import type { BackendGuard } from './backend-guard.ts';
import { BoundedSocket } from './bounded-socket.ts';

export interface LdapDirectoryOptions {
  readonly url: string;
  readonly tls: ConnectionOptions;
  /** Of `ldap:` URLs: TLS begins before anything is said. */
  readonly startTls: boolean;
  readonly bindDn: string;
  readonly bindPassword: string;
  /** Of a whole conversation. */
  readonly answerSizeMaxBytes: number;
  readonly guard: BackendGuard;
}

/** Result codes by which directories refuse to let somebody in who is not there, or may not bind [RFC 4511 appendix A]. */
const NO_SUCH_OBJECT = 32;
const INAPPROPRIATE_AUTHENTICATION = 48;
const INVALID_CREDENTIALS = 49;
const INSUFFICIENT_ACCESS = 50;
const UNWILLING_TO_PERFORM = 53;
const REFUSALS: ReadonlySet<number> = new Set([
  NO_SUCH_OBJECT,
  INAPPROPRIATE_AUTHENTICATION,
  INVALID_CREDENTIALS,
  INSUFFICIENT_ACCESS,
  UNWILLING_TO_PERFORM,
]);

export interface LdapDirectory {
  readonly inDirectory: InDirectory;
  close(): void;
}

export function openLdap(options: LdapDirectoryOptions): LdapDirectory {
  const { guard } = options;
  return {
    inDirectory: (work) => guard.ask((signal) => converse(options, work, signal)),
    close: () => guard.close(),
  };
}

async function converse<Value>(
  options: LdapDirectoryOptions,
  work: (session: LdapSession) => Promise<Value>,
  signal: AbortSignal,
): Promise<Value> {
  const { url, tls, startTls, answerSizeMaxBytes } = options;
  const socket = new BoundedSocket(answerSizeMaxBytes);
  // Whoever waits for an answer hears of it by the socket's end.
  const onAbort = (): void => void socket.destroy(new BackendFault('the question was given up'));
  signal.addEventListener('abort', onAbort, { once: true });
  let isConnected = false;
  /**
   * INVARIANT: one conversation, one connection. The library would make another when this one is lost, without TLS after
   * StartTLS, and say the user's password there.
   */
  const connectOnce = (port: number, host: string): BoundedSocket => {
    if (isConnected) throw new BackendFault('the directory has closed the connection');
    isConnected = true;
    return socket.connect(port, host);
  };
  const client = new Client({
    url,
    strictDN: false,
    // The library asks for a socket, and uses what a stream has.
    createConnection: ((port: number, host: string) => connectOnce(port, host) as unknown as Socket) as never,
    createSecureConnection: ((...args: unknown[]): TLSSocket => {
      const [port, host] = args;
      const isUpgrade = typeof port !== 'number';
      return connectTls({ ...tls, socket: isUpgrade ? socket : connectOnce(port, host as string) });
    }) as never,
  });
  try {
    if (startTls) await client.startTLS({});
    return await work(sessionOn(client, options));
  } finally {
    signal.removeEventListener('abort', onAbort);
    socket.destroy();
    await client.unbind().catch(() => undefined);
  }
}

function sessionOn(client: Client, { bindDn, bindPassword }: LdapDirectoryOptions): LdapSession {
  return {
    async bindService() {
      try {
        await client.bind(bindDn, bindPassword);
      } catch (error) {
        if (error instanceof InvalidCredentialsError) throw new BackendFault('the service account is refused');
        throw error;
      }
    },
    async bind(dn, password) {
      const text = textOf(password);
      if (text === undefined || text === '') return false;
      try {
        await client.bind(dn, text);
        return true;
      } catch (error) {
        if (error instanceof ResultCodeError && REFUSALS.has(error.code)) return false;
        throw error;
      }
    },
    search: (base, filter, attributes, entriesMax) => search(client, base, filter, attributes, entriesMax),
  };
}

/** One more than asked for would be an error to some directories, and a short list to others: both mean the same here. */
async function search(
  client: Client,
  base: string,
  filter: string,
  attributes: readonly string[],
  entriesMax: number,
): Promise<LdapEntry[]> {
  const names = attributes.length === 0 ? ['1.1'] : [...attributes];
  try {
    const { searchEntries } = await client.search(base, {
      scope: 'sub',
      filter,
      attributes: names,
      sizeLimit: entriesMax,
    });
    return searchEntries.slice(0, entriesMax).map(({ dn, ...entry }) => ({ dn, values: valuesOf(entry, attributes) }));
  } catch (error) {
    if (error instanceof NoSuchObjectError) throw new BackendFault(`there is no ${base} to search in`);
    throw error;
  }
}

/** Names of attributes come back as the directory spells them. */
function valuesOf(entry: Readonly<Record<string, unknown>>, wanted: readonly string[]): LdapEntry['values'] {
  const values: Record<string, readonly string[]> = Object.create(null) as Record<string, readonly string[]>;
  for (const [name, value] of Object.entries(entry)) {
    const asked = wanted.find((one) => one.toLowerCase() === name.toLowerCase());
    if (asked === undefined) continue;
    const list = Array.isArray(value) ? value : [value];
    values[asked] = list.map((one) => (Buffer.isBuffer(one) ? one.toString('utf8') : String(one)));
  }
  return values;
}

function textOf(password: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(password);
  } catch {
    return undefined;
  }
}
