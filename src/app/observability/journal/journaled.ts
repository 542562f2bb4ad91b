/** Which events the journal keeps. */
import type { EventName } from '../../../base/events.ts';
import { EVENT_LEVELS } from '../../event-level.ts';

/** What changes who may do what, or shows who did it, though nobody was refused. */
const ALSO: ReadonlySet<EventName> = new Set<EventName>([
  'gateway.started',
  'gateway.stopping',
  'gateway.stopped',
  'listener.opened',
  'listener.closed',
  'config.reloaded',
  'certificate.loaded',
  'revocation.refreshed',
  'authentication.succeeded',
  'client.connected',
  'password.upgraded',
  'session.removed',
  'ban.removed',
  'ban.expired',
  'delivery.withheld',
  'operator.changed',
  'operator.login.succeeded',
  'operator.session.ended',
  'upstream.up',
  'upstream.draining',
  'upstream.returned',
  'backend.recovered',
  'collector.recovered',
  'collector.abandoned',
  'alert.resolved',
  'receiver.recovered',
  'receiver.abandoned',
  'storage.recovered',
  'audit.finding.mended',
]);

/** Whatever was refused or is broken, as its level says, and what is named above. */
export function isJournaled(name: EventName): boolean {
  const level = EVENT_LEVELS[name];
  return level === 'warn' || level === 'error' || ALSO.has(name);
}
