/** A source of packets that announce more than is taken. */
import { PacketTooLarge } from '../../../mqtt/faults.ts';
import type { DetectorKind, DetectorSettings } from '../detector.ts';

export interface OversizedPacketsSettings extends DetectorSettings {
  readonly attemptsPerAddress: number;
  readonly halfLifeMs: number;
}

export const oversizedPackets: DetectorKind<OversizedPacketsSettings> = {
  contract: {
    name: 'oversizedPackets',
    sees: 'packet.faulted with packet_too_large, which is told from the header before the rest is read',
    says: 'attemptsPerAddress by source',
    severity: 'medium',
    metric: 'aws:message-byte-size',
    technique: 'T0814',
  },
  build({ attemptsPerAddress, halfLifeMs }, tools) {
    const bySource = tools.tally({
      by: 'address',
      threshold: attemptsPerAddress,
      halfLifeMs,
      does: (count) => `sent ${count} packets larger than what is taken`,
    });
    return {
      on: {
        'packet.faulted'(event, nowMs) {
          if (event.sender !== 'client' || event.fault !== PacketTooLarge.code) return;
          bySource.add(tools.source(event.address), 1, { origin: event, example: event.clientId }, nowMs);
        },
      },
    };
  },
};
