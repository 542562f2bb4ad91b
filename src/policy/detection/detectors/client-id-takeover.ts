/** Connecting under identifiers that are another's, to take its session over or to end it. */
import { Reason } from '../../../mqtt/reason.ts';
import type { DetectorKind, DetectorSettings } from '../detector.ts';

export interface ClientIdTakeoverSettings extends DetectorSettings {
  readonly attemptsPerAddress: number;
  readonly halfLifeMs: number;
}

export const clientIdTakeover: DetectorKind<ClientIdTakeoverSettings> = {
  contract: {
    name: 'clientIdTakeover',
    sees: 'connect.refused with reason 0x85 that no ceiling caused: the identifier is not for this identity, or is connected as another',
    says: 'attemptsPerAddress by source',
    severity: 'medium',
    metric: 'aws:num-connection-attempts',
    technique: 'T0859',
  },
  build({ attemptsPerAddress, halfLifeMs }, tools) {
    const bySource = tools.tally({
      by: 'address',
      threshold: attemptsPerAddress,
      halfLifeMs,
      does: (count) => `tried ${count} times to connect under a client identifier that is not its own`,
    });
    return {
      on: {
        'connect.refused'(event, nowMs) {
          if (event.reason !== Reason.ClientIdentifierNotValid || event.by.startsWith('limit:')) return;
          bySource.add(tools.source(event.address), 1, { origin: event, example: event.clientId }, nowMs);
        },
      },
    };
  },
};
