/** A source of packets that break the protocol: a fuzzer, an exploit, a scanner. */
import { PacketTooLarge } from '../../../mqtt/faults.ts';
import type { DetectorKind, DetectorSettings } from '../detector.ts';

export interface MalformedPacketsSettings extends DetectorSettings {
  readonly faultsPerAddress: number;
  readonly halfLifeMs: number;
}

export const malformedPackets: DetectorKind<MalformedPacketsSettings> = {
  contract: {
    name: 'malformedPackets',
    sees: 'packet.faulted of a client, but for packets that are only too large; connection.rejected by first-bytes and websocket',
    says: 'faultsPerAddress by source',
    severity: 'high',
    technique: 'T0814',
  },
  build({ faultsPerAddress, halfLifeMs }, tools) {
    const bySource = tools.tally({
      by: 'address',
      threshold: faultsPerAddress,
      halfLifeMs,
      does: (count) => `sent ${count} packets that break the protocol`,
    });
    return {
      on: {
        'packet.faulted'(event, nowMs) {
          if (event.sender !== 'client' || event.fault === PacketTooLarge.code) return;
          bySource.add(tools.source(event.address), 1, { origin: event, example: event.fault }, nowMs);
        },
        'connection.rejected'(event, nowMs) {
          if (event.by !== 'first-bytes' && event.by !== 'websocket') return;
          const weight = 1 + (event.suppressed ?? 0);
          bySource.add(tools.source(event.address), weight, { origin: event, example: event.by }, nowMs);
        },
      },
    };
  },
};
