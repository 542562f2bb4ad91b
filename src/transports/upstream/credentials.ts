/** With which name and password a client goes to the broker: its own, one for all, or one that a table gives. */
import type { ConnectPacket } from '../../mqtt/packet.ts';

export interface Account {
  readonly username: string;
  readonly password: string;
}

export type UpstreamCredentials =
  /** What the client sent. */
  | { readonly kind: 'passthrough' }
  /** For the gateway's own broker in another process, which believes us: the name that was established; see `workerCredentials`. */
  | { readonly kind: 'worker' }
  | ({ readonly kind: 'account' } & Account)
  /** By user; `fallback` for those that are not in it, who are refused without one. */
  | { readonly kind: 'map'; readonly accounts: ReadonlyMap<string, Account>; readonly fallback?: Account };

/** The CONNECT with the credentials that the broker gets; undefined where there are none for this user. */
export function withCredentials(
  packet: ConnectPacket,
  username: string | undefined,
  credentials: UpstreamCredentials,
  willAuthor?: string,
): ConnectPacket | undefined {
  if (credentials.kind === 'passthrough') return packet;
  if (credentials.kind === 'worker') return workerCredentials(packet, username, willAuthor);
  const account =
    credentials.kind === 'account'
      ? credentials
      : ((username === undefined ? undefined : credentials.accounts.get(username)) ?? credentials.fallback);
  if (account === undefined) return undefined;
  return { ...packet, username: account.username, password: Buffer.from(account.password) };
}

/**
 * Where there is a Will, who leaves it stands in the password's place. Versions before 5 take no password without a user name; the
 * author tells which one is meant [MQTT311-3.1.2-22].
 */
function workerCredentials(
  packet: ConnectPacket,
  username: string | undefined,
  author: string | undefined,
): ConnectPacket {
  const { username: _username, password: _password, ...rest } = packet;
  if (author !== undefined) return { ...rest, username: username ?? '', password: Buffer.from(author) };
  return username === undefined ? rest : { ...rest, username };
}
