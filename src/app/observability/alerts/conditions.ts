/** The condition of every alert that the gateway can tell by itself, in one table. */
import { Reason } from '../../../mqtt/reason.ts';
import type { AlertName } from '../alert-catalogue.ts';
import type { Condition, Trigger } from './condition.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/** What a client showed was wrong. */
const FAILED_LOGIN = [Reason.BadUserNameOrPassword, Reason.NotAuthorized];

/** Stands for the directory of the journal, which the configuration names. */
export const JOURNAL = '{journal}';

/** Detectors with an alert of their own; what the others find is `SallyportAttackDetected`. */
const OWN_ALERT = ['unauthorizedAccess', 'bruteForce', 'credentialStuffing', 'clientIdTakeover'];

/** A detector has counted: what it names is the attack's subject. */
function attack(...detectors: string[]): Trigger {
  return { event: 'attack.detected', where: { detector: detectors }, about: ['subject'], isEnough: true };
}

function attackOver(...detectors: string[]): Trigger {
  return { event: 'attack.ended', where: { detector: detectors }, about: ['subject'] };
}

/** Raised by one event, ended by another about the same. */
function pair(
  alert: AlertName,
  raisedBy: Trigger,
  resolvedBy: Trigger,
  further: Partial<Pick<Condition, 'quietMs'>> = {},
): Condition {
  return { alert, raisedBy: [raisedBy], count: 1, windowMs: MINUTE_MS, resolvedBy: [resolvedBy], ...further };
}

export const CONDITIONS: readonly Condition[] = [
  {
    alert: 'MQTTClientUnauthorizedAccess',
    raisedBy: [
      attack('unauthorizedAccess'),
      { event: 'publish.refused', about: ['clientId'] },
      { event: 'subscribe.refused', about: ['clientId'] },
      { event: 'will.refused', about: ['clientId'] },
    ],
    count: 10,
    windowMs: 5 * MINUTE_MS,
    quietMs: 10 * MINUTE_MS,
  },
  {
    alert: 'SallyportBruteForce',
    raisedBy: [
      attack('bruteForce', 'credentialStuffing'),
      // A backend or a responder that is away fails everybody, and has alerts of its own.
      { event: 'authentication.failed', where: { reason: FAILED_LOGIN }, about: ['address'] },
      { event: 'operator.login.failed', about: ['address'] },
    ],
    count: 10,
    windowMs: 5 * MINUTE_MS,
    quietMs: 10 * MINUTE_MS,
  },
  {
    alert: 'SallyportTakeoverAttempt',
    raisedBy: [attack('clientIdTakeover')],
    count: 1,
    windowMs: MINUTE_MS,
    resolvedBy: [attackOver('clientIdTakeover')],
    quietMs: 30 * MINUTE_MS,
  },
  {
    alert: 'SallyportAttackDetected',
    raisedBy: [
      {
        event: 'attack.detected',
        where: { severity: ['high', 'critical'] },
        unless: { detector: OWN_ALERT },
        about: ['subject'],
        isEnough: true,
      },
    ],
    count: 1,
    windowMs: MINUTE_MS,
    quietMs: 30 * MINUTE_MS,
  },
  {
    alert: 'SallyportBanStorm',
    raisedBy: [{ event: 'ban.added', where: { author: ['detector:*'] } }],
    count: 20,
    windowMs: 5 * MINUTE_MS,
    quietMs: 15 * MINUTE_MS,
  },
  {
    alert: 'SallyportResponseRolledBack',
    raisedBy: [{ event: 'response.rolled-back', about: ['by'] }],
    count: 1,
    windowMs: MINUTE_MS,
    quietMs: HOUR_MS,
  },
  pair(
    'SallyportClientQuarantined',
    { event: 'response.taken', where: { action: ['quarantine'] }, about: ['subject'] },
    { event: 'quarantine.ended', about: ['subject'] },
  ),
  pair(
    'SallyportCertificateExpiring',
    { event: 'certificate.expiring', atLeast: { daysLeft: 0 }, below: { daysLeft: 14 }, about: ['listener'] },
    { event: 'certificate.loaded', about: ['listener'] },
  ),
  pair(
    'SallyportCertificateExpired',
    { event: 'certificate.expiring', below: { daysLeft: 0 }, about: ['listener'] },
    { event: 'certificate.loaded', about: ['listener'] },
  ),
  pair(
    'SallyportCRLStale',
    { event: 'revocation.stale', about: ['place'] },
    { event: 'revocation.refreshed', about: ['place'] },
  ),
  pair(
    'SallyportUpstreamDown',
    { event: 'upstream.down', about: ['upstream', 'target'] },
    { event: 'upstream.up', about: ['upstream', 'target'] },
  ),
  pair(
    'SallyportUpstreamEjected',
    { event: 'upstream.ejected', where: { by: ['ejection'] }, about: ['upstream', 'target'] },
    { event: 'upstream.returned', about: ['upstream', 'target'] },
  ),
  {
    alert: 'SallyportAuthenticationBackendFailing',
    raisedBy: [{ event: 'backend.failed', about: ['backend'] }],
    count: 1,
    windowMs: MINUTE_MS,
    resolvedBy: [
      { event: 'backend.recovered', about: ['backend'] },
      // A reload makes them anew, and those that still fail tell so anew.
      { event: 'config.reloaded', isForAll: true },
    ],
  },
  // Stages are left one by one: behind the first there is none.
  pair('SallyportOverload', { event: 'overload.entered' }, { event: 'overload.left', where: { stage: [1] } }),
  pair(
    'SallyportMemoryHigh',
    { event: 'overload.entered', where: { measure: ['memory', 'heap'] }, atLeast: { stage: 2 } },
    { event: 'overload.left', where: { stage: [1, 2] } },
  ),
  pair(
    'SallyportEventLoopSlow',
    { event: 'overload.entered', where: { measure: ['eventLoopDelay'] } },
    { event: 'overload.left', where: { stage: [1] } },
  ),
  {
    alert: 'SallyportWorkerRestarting',
    raisedBy: [{ event: 'worker.exited' }],
    count: 2,
    windowMs: 15 * MINUTE_MS,
    quietMs: 15 * MINUTE_MS,
  },
  pair('SallyportReloadFailed', { event: 'config.rejected' }, { event: 'config.reloaded' }),
  {
    alert: 'SallyportStorageFailing',
    raisedBy: [
      { event: 'storage.failed', unless: { path: [JOURNAL] }, about: ['path'] },
      { event: 'storage.damaged', unless: { path: [JOURNAL] }, about: ['path'] },
    ],
    count: 1,
    windowMs: MINUTE_MS,
    resolvedBy: [{ event: 'storage.recovered', about: ['path'] }],
  },
  pair(
    'SallyportJournalBroken',
    { event: 'storage.failed', where: { path: [JOURNAL] } },
    { event: 'storage.recovered', where: { path: [JOURNAL] } },
  ),
  {
    alert: 'SallyportEventLoss',
    raisedBy: [
      { event: 'collector.recovered', atLeast: { lost: 1 } },
      { event: 'receiver.recovered', atLeast: { lost: 1 } },
      { event: 'ceiling.reached', where: { ceiling: ['workers.eventsPendingMax'] } },
    ],
    count: 1,
    windowMs: MINUTE_MS,
    quietMs: 30 * MINUTE_MS,
  },
  {
    alert: 'SallyportEventSinkFailing',
    raisedBy: [
      { event: 'collector.failed', about: ['collector'] },
      { event: 'receiver.failed', about: ['receiver'] },
    ],
    count: 1,
    windowMs: MINUTE_MS,
    resolvedBy: [
      { event: 'collector.recovered', about: ['collector'] },
      { event: 'receiver.recovered', about: ['receiver'] },
    ],
  },
  pair('SallyportFirewallFailing', { event: 'firewall.failed' }, { event: 'firewall.recovered' }),
];
