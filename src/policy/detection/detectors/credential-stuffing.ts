/** Trying lists of stolen logins: failures under many names from one source, or as one user from many sources. */
import type { DetectorKind, DetectorSettings } from '../detector.ts';
import { isFailedLogin } from '../failures.ts';

export interface CredentialStuffingSettings extends DetectorSettings {
  readonly namesPerAddress: number;
  readonly addressesPerName: number;
  readonly halfLifeMs: number;
  readonly slowNames: number;
  readonly slowHalfLifeMs: number;
}

export const credentialStuffing: DetectorKind<CredentialStuffingSettings> = {
  contract: {
    name: 'credentialStuffing',
    sees: 'authentication.failed with reason 0x86 or 0x87 and a user name',
    says: 'namesPerAddress different user names by source, or addressesPerName sources by user name, with halfLife; slowNames with slowHalfLife',
    severity: 'high',
    metric: 'aws:num-authorization-failures',
    technique: 'T1110.004',
  },
  build(settings, tools) {
    const { namesPerAddress, addressesPerName, halfLifeMs, slowNames, slowHalfLifeMs } = settings;
    const names = (count: number): string => `failed to log in as ${count} different users`;
    const bySource = [
      tools.tally({ by: 'address', threshold: namesPerAddress, halfLifeMs, tellsApart: true, does: names }),
      tools.tally({
        by: 'address',
        threshold: slowNames,
        halfLifeMs: slowHalfLifeMs,
        tellsApart: true,
        does: (count) => `${names(count)} over hours`,
      }),
    ];
    const byName = tools.tally({
      by: 'name',
      threshold: addressesPerName,
      halfLifeMs,
      isCulprit: false,
      tellsApart: true,
      does: (count) => `is the name of failed logins from ${count} sources`,
    });
    return {
      on: {
        'authentication.failed'(event, nowMs) {
          const { username, address } = event;
          if (username === undefined || !isFailedLogin(event)) return;
          const source = tools.source(address);
          const seen = { origin: event, example: username };
          for (const tally of bySource) tally.addDistinct(source, username, seen, nowMs);
          const from = { origin: event, example: address };
          byName.addDistinct({ kind: 'username', value: username }, source.value, from, nowMs);
        },
      },
    };
  },
};
