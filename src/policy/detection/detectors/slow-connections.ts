/** Holding connections: clients that connect and do nothing (SlowITe, SlowTT), or that never finish connecting. */
import type { DetectorKind, DetectorSettings } from '../detector.ts';
import { isOurs } from '../own-refusal.ts';

export interface SlowConnectionsSettings extends DetectorSettings {
  readonly idlePerAddress: number;
  readonly idleAfterMs: number;
  readonly unfinishedPerAddress: number;
  readonly halfLifeMs: number;
}

/** How long an idle client that is no longer seen still counts half. */
const IDLE_HALF_LIFE_MS = 60_000;

export const slowConnections: DetectorKind<SlowConnectionsSettings> = {
  contract: {
    name: 'slowConnections',
    sees: 'every half a minute, clients that have neither subscribed nor published since they connected; connect.refused and connection.rejected by connectTimeout and handshakeTimeout where the client was late',
    says: 'idlePerAddress clients that are so for idleAfter, or unfinishedPerAddress connections, by source',
    severity: 'medium',
    metric: 'aws:num-connection-attempts',
    technique: 'T0814',
  },
  build({ idlePerAddress, idleAfterMs, unfinishedPerAddress, halfLifeMs }, tools) {
    const idle = tools.tally({
      by: 'address',
      threshold: idlePerAddress,
      halfLifeMs: IDLE_HALF_LIFE_MS,
      does: (count) => `holds ${count} clients that do nothing`,
    });
    const unfinished = tools.tally({
      by: 'address',
      threshold: unfinishedPerAddress,
      halfLifeMs,
      does: (count) => `left ${count} connections unfinished until their deadline`,
    });
    return {
      on: {
        'connect.refused'(event, nowMs) {
          if (event.by !== 'limit:connectTimeout' || isOurs(event.reason)) return;
          unfinished.add(tools.source(event.address), 1, { origin: event }, nowMs);
        },
        'connection.rejected'(event, nowMs) {
          if (event.by !== 'limit:handshakeTimeout') return;
          unfinished.add(tools.source(event.address), 1 + (event.suppressed ?? 0), { origin: event }, nowMs);
        },
      },
      sample(sample, nowMs) {
        if (!sample.isIdle || sample.ageMs < idleAfterMs) return;
        // So much of a client that all of them together settle at their number.
        const weight = 1 - 2 ** (-sample.spanMs / IDLE_HALF_LIFE_MS);
        idle.add(tools.source(sample.address), weight, { origin: sample, example: sample.clientId }, nowMs);
      },
    };
  },
};
