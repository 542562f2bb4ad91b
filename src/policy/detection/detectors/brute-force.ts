/** Guessing passwords: many failed logins, in minutes or over hours, from one source or under one name. */
import type { DetectorKind, DetectorSettings } from '../detector.ts';
import { isFailedLogin } from '../failures.ts';

export interface BruteForceSettings extends DetectorSettings {
  readonly failuresPerAddress: number;
  readonly failuresPerName: number;
  readonly halfLifeMs: number;
  readonly slowFailures: number;
  readonly slowHalfLifeMs: number;
}

export const bruteForce: DetectorKind<BruteForceSettings> = {
  contract: {
    name: 'bruteForce',
    sees: 'authentication.failed with reason 0x86 or 0x87; not what a failing backend refuses, and not revoked certificates',
    says: 'failuresPerAddress by source or failuresPerName by user name or client identifier with halfLife; slowFailures with slowHalfLife',
    severity: 'high',
    metric: 'aws:num-authorization-failures',
    technique: 'T1110',
  },
  build(settings, tools) {
    const does = (count: number): string => `failed to log in ${count} times`;
    const slowly = (count: number): string => `failed to log in ${count} times over hours`;
    const { failuresPerAddress, failuresPerName, halfLifeMs, slowFailures, slowHalfLifeMs } = settings;
    const bySource = [
      tools.tally({ by: 'address', threshold: failuresPerAddress, halfLifeMs, does }),
      tools.tally({ by: 'address', threshold: slowFailures, halfLifeMs: slowHalfLifeMs, does: slowly }),
    ];
    // Whoever fails under a name has not proven to be its bearer, who would suffer from a ban.
    const isCulprit = false;
    const named = (predicate: string) => (count: number) => `${predicate} ${count} times`;
    const byName = [
      tools.tally({
        by: 'name',
        threshold: failuresPerName,
        halfLifeMs,
        isCulprit,
        does: named('is the name of failed logins'),
      }),
      tools.tally({
        by: 'name',
        threshold: slowFailures,
        halfLifeMs: slowHalfLifeMs,
        isCulprit,
        does: named('is, over hours, the name of failed logins'),
      }),
    ];
    return {
      on: {
        'authentication.failed'(event, nowMs) {
          if (!isFailedLogin(event)) return;
          const { username, clientId } = event;
          const seen = { origin: event, example: username ?? clientId };
          for (const tally of bySource) tally.add(tools.source(event.address), 1, seen, nowMs);
          const from = { origin: event, example: event.address };
          for (const tally of byName) {
            if (username !== undefined) tally.add({ kind: 'username', value: username }, 1, from, nowMs);
            else if (clientId !== undefined) tally.add({ kind: 'clientId', value: clientId }, 1, from, nowMs);
          }
        },
      },
    };
  },
};
