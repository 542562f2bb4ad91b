/** Which clients somebody asks for, and where in the list to go on. */
import { NetworkSet, prefixOf } from '../../base/ip-address.ts';
import { nearestHint } from '../../base/nearest-word.ts';
import { matchesWildcard } from '../../base/wildcard.ts';
import type { Client } from '../../pipeline/client.ts';
import type { OpenAttack } from '../../policy/detection/attacks.ts';
import { OperatorError } from '../config/problem.ts';
import { type ClientVerdict, VERDICTS } from './client-facts.ts';

export const PAGE_MAX = 1000;
export const PAGE_DEFAULT = 100;

export interface ClientFilter {
  /** Client identifier; `*` stands for any characters. */
  readonly clientId?: string | undefined;
  /** As `clientId`. */
  readonly username?: string | undefined;
  /** An address or a network. */
  readonly address?: string | undefined;
  readonly listener?: string | undefined;
  /** The name of the broker that it was led to, and one that it was not led to. */
  readonly upstream?: string | undefined;
  readonly upstreamNot?: string | undefined;
  readonly verdict?: ClientVerdict | undefined;
}

/** As it goes to each process: plain data. */
export interface ClientQuery {
  readonly filter: ClientFilter;
  readonly countMax: number;
  readonly after: Cursor;
  /** Those that go on, which only the process that detects knows. */
  readonly attacks: readonly OpenAttack[];
}

/** A place in the list, which is ordered by worker and then by the age of the connection. */
export interface Cursor {
  readonly slot: number;
  readonly number: number;
}

export const START: Cursor = { slot: 0, number: 0 };

const CONNECTION_ID = /^(?:w(\d{1,9})-)?c(\d{1,15})$/;

export function placeOfConnection(connectionId: string): Cursor {
  const [, slot = '0', number = '0'] = CONNECTION_ID.exec(connectionId) ?? [];
  return { slot: Number(slot), number: Number(number) };
}

/** The cursor of that place, whether a connection is there or not. */
export function connectionIdAt({ slot, number }: Cursor): string {
  return slot === 0 ? `c${number}` : `w${slot}-c${number}`;
}

/** @throws {OperatorError} where the text is no cursor that a page had. */
export function readCursor(text: string | undefined): Cursor {
  if (text === undefined || text === '') return START;
  if (!CONNECTION_ID.test(text)) {
    throw new OperatorError('The cursor is none: give the `next` of the page before, or nothing for the first page.');
  }
  return placeOfConnection(text);
}

export function isBehind(place: Cursor, after: Cursor): boolean {
  return place.slot > after.slot || (place.slot === after.slot && place.number > after.number);
}

/** A misspelt name fits nobody, which must not be taken for an answer. @throws {OperatorError} with the nearest that there is. */
export function demandKnown(what: string, name: string, known: readonly string[]): void {
  if (known.includes(name)) return;
  throw new OperatorError(`There is no ${what} "${name.slice(0, 60)}"; ${nearestHint(name, known)}`);
}

const TEXT_MAX = 1024;

/** @throws {OperatorError} that names what cannot be. */
export function checkFilter(filter: ClientFilter): ClientFilter {
  for (const text of [filter.clientId, filter.username, filter.listener]) {
    if (text !== undefined && text.length > TEXT_MAX)
      throw new OperatorError(`A filter has at most ${TEXT_MAX} characters.`);
  }
  const { address, verdict } = filter;
  if (verdict !== undefined && !VERDICTS.includes(verdict)) {
    throw new OperatorError(`"${String(verdict).slice(0, 40)}" is no verdict; there are ${VERDICTS.join(', ')}.`);
  }
  if (address === undefined) return filter;
  if (prefixOf(address) !== undefined) return filter;
  throw new OperatorError(
    `"${address.slice(0, 60)}" is neither an address nor a network: give 192.0.2.7 or 192.0.2.0/24.`,
  );
}

/** Everything but the verdict, which takes more than the client. */
export function filterOf({
  clientId,
  username,
  address,
  listener,
  upstream,
  upstreamNot,
}: ClientFilter): (client: Client) => boolean {
  const network = address === undefined ? undefined : new NetworkSet([address]);
  return (client) => {
    const { downstream } = client;
    return (
      (clientId === undefined || matchesWildcard(clientId, client.clientId ?? '')) &&
      (username === undefined || matchesWildcard(username, client.identity?.username ?? client.username ?? '')) &&
      (listener === undefined || downstream.listener === listener) &&
      (upstream === undefined || client.upstream === upstream) &&
      (upstreamNot === undefined || client.upstream !== upstreamNot) &&
      (network === undefined || network.has(downstream.address))
    );
  };
}
