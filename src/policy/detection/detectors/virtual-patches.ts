/** A source of packets that are known to bring down brokers. */
import type { ConnectionFacts, Decision } from '../../../base/events.ts';
import type { DetectorKind, DetectorSettings } from '../detector.ts';
import { isHostileHit } from '../virtual-patches.ts';

export interface VirtualPatchesSettings extends DetectorSettings {
  readonly hitsPerAddress: number;
  readonly halfLifeMs: number;
}

export const virtualPatches: DetectorKind<VirtualPatchesSettings> = {
  contract: {
    name: 'virtualPatches',
    sees: 'packet.faulted of a client by a virtual patch, but for packets that an honest client may send too',
    says: 'hitsPerAddress by source',
    severity: 'critical',
    technique: 'T0819',
  },
  build({ hitsPerAddress, halfLifeMs }, tools) {
    const bySource = tools.tally({
      by: 'address',
      threshold: hitsPerAddress,
      halfLifeMs,
      does: (count) => `sent ${count} packets that are known to bring down brokers`,
    });
    const count = (event: ConnectionFacts & Decision, nowMs: number): void => {
      if (isHostileHit(event.by)) {
        bySource.add(tools.source(event.address), 1, { origin: event, example: event.by }, nowMs);
      }
    };
    return {
      on: {
        'packet.faulted'(event, nowMs) {
          if (event.sender === 'client') count(event, nowMs);
        },
      },
    };
  },
};
