/** What the running gateway says of the subject of an incident, beside what the journal knows. */
import { parseBanSubject } from '../../../policy/detection/bans/ban.ts';
import type { SilentWorker } from '../../silent-workers.ts';
import type { IncidentSubject } from './incident.ts';

export interface LiveBan {
  readonly subject: string;
  readonly reason: string;
  readonly author: string;
  /** Null where it lasts until somebody takes it back. */
  readonly expiresAt: string | null;
}

export interface LiveClient {
  readonly clientId: string;
  readonly username: string | null;
  readonly address: string;
  readonly connectedAt: string | null;
}

/** Absent parts were not told. */
export interface Live {
  /** False: what is on disk was read, and nobody is connected. */
  readonly isRunning: boolean;
  readonly isBanned: boolean;
  /** Network of `bans.allow` that it lies in: it cannot be banned. */
  readonly allowedBy: string | null;
  readonly bans: readonly LiveBan[];
  /** Connected now, at most some dozens. */
  readonly clients: readonly LiveClient[];
  /** Workers that were not heard: their clients are missing. */
  readonly silentWorkers: readonly SilentWorker[];
}

/** As a ban calls it, whether or not it can be banned. */
export function banName({ kind, value }: IncidentSubject): string {
  return kind === 'address' ? value : `${kind}:${value}`;
}

/** A name that nobody can ban: the gateway lets nobody in under it either, but it is tried. */
export function isBannable(subject: IncidentSubject): boolean {
  return typeof parseBanSubject(banName(subject)) !== 'string';
}

/** Told in one incident. */
export const CLIENTS_MAX = 50;

/** As clients are filtered by. */
export const CLIENT_FIELDS = { address: 'address', user: 'username', client: 'clientId' } as const;

/** Of those that a filter has found, where a `*` stands for anything, the ones that are meant. */
export function meantClients(found: readonly LiveClient[], { kind, value }: IncidentSubject): LiveClient[] {
  return found
    .filter((client) => client[CLIENT_FIELDS[kind]] === value)
    .map(({ clientId, username, address, connectedAt }) => ({ clientId, username, address, connectedAt }));
}

/** What is known of bans. */
export type BanState = Pick<Live, 'isBanned' | 'allowedBy' | 'bans'>;

export const NOT_BANNED: BanState = Object.freeze({ isBanned: false, allowedBy: null, bans: [] });

/** Those that are connected now. */
export type Connected = Pick<Live, 'clients' | 'silentWorkers'>;

export const NOBODY: Connected = Object.freeze({ clients: [], silentWorkers: [] });

export function liveWith(isRunning: boolean, state: BanState, { clients, silentWorkers }: Connected): Live {
  const { isBanned, allowedBy } = state;
  const bans = state.bans.map(({ subject, reason, author, expiresAt }) => ({ subject, reason, author, expiresAt }));
  return { isRunning, isBanned, allowedBy, bans, clients, silentWorkers };
}
