/** With which name and password a client goes to the broker: its own, one for all, or one that a table gives. */
import type { ConnectPacket } from '../../mqtt/packet.ts';

export interface Account {
  readonly username: string;
  readonly password: string;
}

export type UpstreamCredentials =
  /** What the client sent. */
  | { readonly kind: 'passthrough' }
  /** The name that was established, and no password: for a peer that believes us. */
  | { readonly kind: 'identity' }
  | ({ readonly kind: 'account' } & Account)
  /** By user; `fallback` for those that are not in it, who are refused without one. */
  | { readonly kind: 'map'; readonly accounts: ReadonlyMap<string, Account>; readonly fallback?: Account };

/** The CONNECT with the credentials that the broker gets; undefined where there are none for this user. */
export function withCredentials(
  packet: ConnectPacket,
  username: string | undefined,
  credentials: UpstreamCredentials,
): ConnectPacket | undefined {
  if (credentials.kind === 'passthrough') return packet;
  if (credentials.kind === 'identity') {
    const { username: _username, password: _password, ...rest } = packet;
    return username === undefined ? rest : { ...rest, username };
  }
  const account =
    credentials.kind === 'account'
      ? credentials
      : ((username === undefined ? undefined : credentials.accounts.get(username)) ?? credentials.fallback);
  if (account === undefined) return undefined;
  return { ...packet, username: account.username, password: Buffer.from(account.password) };
}
