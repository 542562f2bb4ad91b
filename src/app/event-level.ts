/** How loud each event is. The table is whole: a new event does not compile until somebody decides. */
import type { EventName } from '../base/events.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/**
 * error: a promise of the gateway is broken. warn: somebody was refused, or a ceiling was met. info: the life of the
 * gateway and of its clients. debug: what can happen once for each packet or each scan of a port.
 */
export const EVENT_LEVELS: Readonly<Record<EventName, LogLevel>> = {
  'gateway.started': 'info',
  'gateway.stopping': 'info',
  'gateway.stopped': 'info',
  'worker.started': 'info',
  'worker.exited': 'error',
  'listener.opened': 'info',
  'listener.closed': 'info',
  'listener.failed': 'error',
  'config.reloaded': 'info',
  'config.rejected': 'error',
  'certificate.loaded': 'info',
  'certificate.expiring': 'warn',
  'certificate.revoked': 'warn',
  'revocation.refreshed': 'info',
  'revocation.stale': 'warn',
  'connection.accepted': 'debug',
  'connection.rejected': 'warn',
  'connection.closed': 'info',
  'authentication.succeeded': 'debug',
  'authentication.failed': 'warn',
  'password.expiring': 'warn',
  'password.upgraded': 'info',
  'client.connected': 'info',
  'connect.refused': 'warn',
  'will.refused': 'warn',
  'publish.refused': 'warn',
  'subscribe.refused': 'warn',
  'subscription.revoked': 'warn',
  'delivery.withheld': 'debug',
  'delivery.dropped': 'debug',
  'packet.faulted': 'warn',
  'patch.applied': 'warn',
  'attack.detected': 'warn',
  'attack.ended': 'info',
  'ceiling.reached': 'warn',
  'limit.exceeded': 'warn',
  'limit.changed': 'info',
  'upstream.up': 'info',
  'upstream.down': 'error',
  'upstream.attempt.failed': 'debug',
  'upstream.ejected': 'warn',
  'upstream.draining': 'info',
  'upstream.returned': 'info',
  'backend.failed': 'error',
  'backend.recovered': 'info',
  'storage.damaged': 'error',
  'storage.failed': 'error',
  'storage.recovered': 'info',
};
