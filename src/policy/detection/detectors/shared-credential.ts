/** A credential that was copied: one certificate or user in many networks, or under many client identifiers. */
import type { SubjectKind } from '../detection.ts';
import type { DetectorKind, DetectorSettings } from '../detector.ts';

export interface SharedCredentialSettings extends DetectorSettings {
  readonly networksPerCertificate: number;
  readonly clientIdsPerCertificate: number;
  readonly networksPerUsername: number;
  readonly clientIdsPerUsername: number;
  readonly halfLifeMs: number;
}

export const sharedCredential: DetectorKind<SharedCredentialSettings> = {
  contract: {
    name: 'sharedCredential',
    sees: 'client.connected with a certificate or a user name',
    says: 'networksPerCertificate or clientIdsPerCertificate by certificate, networksPerUsername or clientIdsPerUsername by user name',
    severity: 'medium',
    metric: 'aws:source-ip-address',
    technique: 'T0859',
  },
  build(settings, tools) {
    const { halfLifeMs } = settings;
    const networks = (threshold: number) =>
      tools.tally({
        by: 'name',
        threshold,
        halfLifeMs,
        tellsApart: true,
        does: (count) => `is in use from ${count} networks`,
      });
    const clientIds = (threshold: number) =>
      tools.tally({
        by: 'name',
        threshold,
        halfLifeMs,
        tellsApart: true,
        does: (count) => `is in use by ${count} client identifiers`,
      });
    const tallies: [
      kind: SubjectKind,
      networks: ReturnType<typeof networks>,
      clientIds: ReturnType<typeof clientIds>,
    ][] = [
      ['certificate', networks(settings.networksPerCertificate), clientIds(settings.clientIdsPerCertificate)],
      ['username', networks(settings.networksPerUsername), clientIds(settings.clientIdsPerUsername)],
    ];
    return {
      on: {
        'client.connected'(event, nowMs) {
          for (const [kind, byNetwork, byClientId] of tallies) {
            const value = kind === 'certificate' ? event.certificate : event.username;
            if (value === undefined) continue;
            const { clientId, address } = event;
            const subject = { kind, value };
            byNetwork.addDistinct(subject, tools.network(address).value, { origin: event, example: address }, nowMs);
            if (clientId !== undefined) {
              byClientId.addDistinct(subject, clientId, { origin: event, example: clientId }, nowMs);
            }
          }
        },
      },
    };
  },
};
