/** Which events somebody wants to see. */
import type { EventName } from '../../../base/events.ts';
import { NetworkSet, prefixOf } from '../../../base/ip-address.ts';
import { matchesWildcard } from '../../../base/wildcard.ts';
import { OperatorError } from '../../config/problem.ts';
import { EVENT_LEVELS, type LogLevel } from '../../event-level.ts';
import type { RecentEvent } from './event-ring.ts';

export const LEVELS = ['debug', 'info', 'warn', 'error'] as const satisfies readonly LogLevel[];

export interface EventFilter {
  /** Names, with `*` for any characters, such as `publish.refused` or `ban.*`; any of them. Absent for all events. */
  readonly events?: readonly string[] | undefined;
  /** This level or a louder one. */
  readonly level?: LogLevel | undefined;
  readonly clientId?: string | undefined;
  readonly username?: string | undefined;
  /** An address or a network. */
  readonly address?: string | undefined;
  readonly listener?: string | undefined;
}

interface Facts {
  readonly clientId?: unknown;
  readonly username?: unknown;
  readonly address?: unknown;
  readonly listener?: unknown;
  readonly subjectKind?: unknown;
  readonly subject?: unknown;
}

/**
 * An event that is about a subject, as bans and detections are, is one of that client, user or address.
 * @throws {OperatorError} where the filter can fit nothing.
 */
export function eventFilter(filter: EventFilter): (recent: RecentEvent) => boolean {
  const { events, level, clientId, username, address, listener } = filter;
  for (const pattern of events ?? []) checkPattern(pattern);
  const names = events === undefined ? undefined : new Map<EventName, boolean>();
  const loudness = level === undefined ? 0 : LEVELS.indexOf(level);
  const isFrom = address === undefined ? undefined : addressTest(address);
  return (recent) => {
    const { event } = recent;
    if (LEVELS.indexOf(recent.level) < loudness) return false;
    if (names !== undefined) {
      let isNamed = names.get(event.name);
      if (isNamed === undefined) {
        isNamed = events!.some((pattern) => matchesWildcard(pattern, event.name));
        names.set(event.name, isNamed);
      }
      if (!isNamed) return false;
    }
    const facts = event as Facts;
    const about = (kind: string): unknown => (facts.subjectKind === kind ? facts.subject : undefined);
    return (
      (clientId === undefined || fits(clientId, facts.clientId) || fits(clientId, about('clientId'))) &&
      (username === undefined || fits(username, facts.username) || fits(username, about('username'))) &&
      (listener === undefined || facts.listener === listener || about('listener') === listener) &&
      (isFrom === undefined || isFrom(facts.address) || isFrom(about('address')) || about('network') === address)
    );
  };
}

function fits(pattern: string, value: unknown): boolean {
  return typeof value === 'string' && matchesWildcard(pattern, value);
}

function checkPattern(pattern: string): void {
  if (Object.keys(EVENT_LEVELS).some((name) => matchesWildcard(pattern, name))) return;
  const said = pattern.slice(0, 60);
  throw new OperatorError(`No event is called "${said}": give one such as publish.refused, or several such as ban.*`);
}

function addressTest(text: string): (value: unknown) => boolean {
  if (prefixOf(text) === undefined) {
    throw new OperatorError(
      `"${text.slice(0, 60)}" is neither an address nor a network: give 192.0.2.7 or 192.0.2.0/24.`,
    );
  }
  const network = new NetworkSet([text]);
  return (value) => typeof value === 'string' && prefixOf(value) !== undefined && network.has(value);
}
