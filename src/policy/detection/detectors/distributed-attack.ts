/** Many addresses with one pattern: each stays below every threshold, all of them together do not. */
import type { ConnectionFacts } from '../../../base/events.ts';
import type { DetectorKind, DetectorSettings } from '../detector.ts';
import { isFailedLogin } from '../failures.ts';
import { isReached } from '../suspect-table.ts';

export interface DistributedAttackSettings extends DetectorSettings {
  readonly addressesPerPattern: number;
  readonly halfLifeMs: number;
}

export const distributedAttack: DetectorKind<DistributedAttackSettings> = {
  contract: {
    name: 'distributedAttack',
    sees: 'failed logins, faults by their code, refused CONNECTs by their author, and rejected connections, each on one listener',
    says: 'addressesPerPattern sources that did the same on one listener',
    severity: 'high',
    metric: 'aws:source-ip-address',
    technique: 'T0814',
  },
  build({ addressesPerPattern, halfLifeMs }, tools) {
    // Which sources were met with a pattern, each once in a half-life; and of each pattern how many.
    const met = tools.table({ by: 'address', halfLifeMs });
    const sources = tools.table({ by: 'name', halfLifeMs });
    const count = (event: ConnectionFacts, pattern: string, nowMs: number): void => {
      const { listener, address } = event;
      const place = `${listener} ${pattern}`;
      // One that was met a half-life ago has decayed to half, and is counted again.
      if (met.add(`${place} ${tools.source(address).value}`, 1, nowMs) > 1.5) return;
      const many = sources.add(place, 1, nowMs);
      if (!isReached(many, addressesPerPattern)) return;
      tools.raise(
        {
          subject: { kind: 'listener', value: listener },
          isCulprit: false,
          count: many,
          threshold: addressesPerPattern,
          windowMs: halfLifeMs,
          does: `saw the same from ${Math.round(many)} sources: ${pattern}`,
          examples: [address],
          origin: event,
        },
        nowMs,
      );
    };
    return {
      on: {
        'authentication.failed'(event, nowMs) {
          if (isFailedLogin(event)) count(event, 'failed login', nowMs);
        },
        'packet.faulted'(event, nowMs) {
          if (event.sender === 'client') count(event, `fault ${event.fault}`, nowMs);
        },
        'connect.refused'(event, nowMs) {
          if (event.by !== 'upstream') count(event, `refused by ${event.by}`, nowMs);
        },
        'connection.rejected'(event, nowMs) {
          if (!event.by.startsWith('ban:')) count(event, `rejected by ${event.by}`, nowMs);
        },
      },
    };
  },
};
