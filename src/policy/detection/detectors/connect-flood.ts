/** Connections that come to nothing, by the hundred: from one address, or from one network. */
import type { ConnectionFacts, GatewayEvent } from '../../../base/events.ts';
import type { DetectorKind, DetectorSettings } from '../detector.ts';
import { isOurs } from '../own-refusal.ts';

export interface ConnectFloodSettings extends DetectorSettings {
  readonly connectsPerAddress: number;
  readonly connectsPerNetwork: number;
  readonly halfLifeMs: number;
}

type Rejected = Extract<GatewayEvent, { name: 'connection.rejected' }>;

/** What a full house turns away says nothing about who came, and what a ban turns away is known. */
function isOwnFault({ by }: Rejected): boolean {
  return by === 'tls' || by === 'websocket' || by === 'first-bytes' || by === 'limit:handshakeTimeout';
}

export const connectFlood: DetectorKind<ConnectFloodSettings> = {
  contract: {
    name: 'connectFlood',
    sees: 'connection.closed of connections that never became clients, but for those that somebody was too busy for; connection.rejected by tls, websocket, first-bytes and handshakeTimeout',
    says: 'connectsPerAddress by source, or connectsPerNetwork by network',
    severity: 'high',
    metric: 'aws:num-connection-attempts',
    technique: 'T0814',
  },
  build({ connectsPerAddress, connectsPerNetwork, halfLifeMs }, tools) {
    const does = (count: number): string => `opened ${count} connections that came to nothing`;
    const bySource = tools.tally({ by: 'address', threshold: connectsPerAddress, halfLifeMs, does });
    const byNetwork = tools.tally({ by: 'address', threshold: connectsPerNetwork, halfLifeMs, does });
    const count = (event: ConnectionFacts, weight: number, example: string, nowMs: number): void => {
      const source = tools.source(event.address);
      const network = tools.network(event.address);
      bySource.add(source, weight, { origin: event, example }, nowMs);
      if (network.value !== source.value)
        byNetwork.add(network, weight, { origin: event, example: event.address }, nowMs);
    };
    return {
      on: {
        'connection.closed'(event, nowMs) {
          if (!event.connected && !isBan(event.by) && !isOurs(event.reason)) count(event, 1, event.by, nowMs);
        },
        'connection.rejected'(event, nowMs) {
          if (isOwnFault(event)) count(event, 1 + (event.suppressed ?? 0), event.by, nowMs);
        },
      },
    };
  },
};

function isBan(by: string): boolean {
  return by.startsWith('ban:') || by.startsWith('detector:');
}
