/**
 * The alerts that there are: one table for the Prometheus rules, the alerts that the gateway sends by itself, and the runbooks.
 * Whoever adds one adds its rule (deploy/prometheus) and its page (docs/runbooks) with it; tests hold the three together.
 */

/**
 * critical: somebody is called now: clients are not served, or a promise of the gateway is broken. warning: somebody looks within
 * the hour. info: worth knowing when one looks at something else.
 */
export type AlertSeverity = 'critical' | 'warning' | 'info';

export interface AlertKind {
  /** As Prometheus, Alertmanager and the runbook call it. */
  readonly name: string;
  readonly severity: AlertSeverity;
  /** One sentence: what is the matter. */
  readonly summary: string;
  /** Only somebody outside can tell: the gateway is not there to say it. */
  readonly isOutsideOnly?: true;
}

export const ALERTS = [
  {
    name: 'MQTTClientUnauthorizedAccess',
    severity: 'warning',
    summary: 'Clients ask again and again for topics that they may not publish or subscribe to.',
  },
  {
    name: 'SallyportBruteForce',
    severity: 'warning',
    summary: 'Somebody tries passwords: many logins fail, or the detectors of guessed logins have fired.',
  },
  {
    name: 'SallyportTakeoverAttempt',
    severity: 'warning',
    summary: "Somebody tries to connect under another client's identifier.",
  },
  {
    name: 'SallyportAttackDetected',
    severity: 'warning',
    summary: 'A detector with high severity has recognised an attack.',
  },
  {
    name: 'SallyportBanStorm',
    severity: 'warning',
    summary: 'Far more bans are made than usual: an attack from many places, or a detector that hits the wrong ones.',
  },
  {
    name: 'SallyportResponseRolledBack',
    severity: 'critical',
    summary: 'Responses of a detector hit known-good clients, were taken back, and the detector is suspended.',
  },
  {
    name: 'SallyportClientQuarantined',
    severity: 'info',
    summary: 'A client is confined in quarantine, and waits for somebody to look at it.',
  },
  {
    name: 'SallyportCertificateExpiring',
    severity: 'warning',
    summary: 'The certificate of a listener expires within fourteen days.',
  },
  {
    name: 'SallyportCertificateExpired',
    severity: 'critical',
    summary: 'The certificate of a listener has expired: clients that check it cannot connect.',
  },
  {
    name: 'SallyportCRLStale',
    severity: 'critical',
    summary: 'A certificate revocation list is past its next update: who was revoked since is not known.',
  },
  {
    name: 'SallyportUpstreamDown',
    severity: 'critical',
    summary: 'A broker behind the gateway cannot be reached.',
  },
  {
    name: 'SallyportUpstreamEjected',
    severity: 'warning',
    summary: 'A broker behind the gateway fails so often that it is left out.',
  },
  {
    name: 'SallyportAuthenticationBackendFailing',
    severity: 'critical',
    summary: 'What logins are checked against does not answer: clients that need it are refused.',
  },
  {
    name: 'SallyportOverload',
    severity: 'warning',
    summary: 'The gateway is overloaded: new clients wait, and from stage 2 on clients are shed.',
  },
  {
    name: 'SallyportMemoryHigh',
    severity: 'warning',
    summary: 'The memory of the gateway is above 80 % of what it may use.',
  },
  {
    name: 'SallyportEventLoopSlow',
    severity: 'warning',
    summary: 'The event loop is late: everything that clients see takes longer.',
  },
  {
    name: 'SallyportWorkerRestarting',
    severity: 'critical',
    summary: 'Workers end by themselves and are started again: their clients lose their connections each time.',
  },
  {
    name: 'SallyportReloadFailed',
    severity: 'warning',
    summary: 'The last reload was refused: the configuration on disk is not the one in force.',
  },
  {
    name: 'SallyportStorageFailing',
    severity: 'critical',
    summary: 'What the gateway keeps on disk cannot be written, or was found damaged.',
  },
  {
    name: 'SallyportJournalBroken',
    severity: 'critical',
    summary: 'The journal cannot be written: decisions are made that leave no trace.',
  },
  {
    name: 'SallyportEventLoss',
    severity: 'warning',
    summary: 'Events were lost on their way to the log, the journal or a collector.',
  },
  {
    name: 'SallyportEventSinkFailing',
    severity: 'warning',
    summary: 'A collector of events is away: what cannot wait for it is lost.',
  },
  {
    name: 'SallyportFirewallFailing',
    severity: 'warning',
    summary: 'Bans cannot be kept at the firewall; the gateway refuses by itself.',
  },
  {
    name: 'SallyportDown',
    severity: 'critical',
    summary: 'Prometheus cannot reach the gateway, or the gateway does not run.',
    isOutsideOnly: true,
  },
] as const satisfies readonly AlertKind[];

export type AlertName = (typeof ALERTS)[number]['name'];

/** From the root of the documentation. */
export function runbookOf(name: AlertName): string {
  return `runbooks/${name}.md`;
}
