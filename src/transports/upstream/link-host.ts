/** What a link asks of the upstream that it belongs to. */
import type { Chance } from '../../base/chance.ts';
import type { Clock } from '../../base/clock.ts';
import type { Emit } from '../../base/events.ts';
import type { ClientFacts } from '../../mqtt/link.ts';
import type { ConnectPacket } from '../../mqtt/packet.ts';
import type { Reason } from '../../mqtt/reason.ts';
import type { ProtocolVersion } from '../../mqtt/wire.ts';
import type { Client } from '../../pipeline/client.ts';
import type { SharedOwners } from './client-owners.ts';
import type { Dial, Dialler } from './dial.ts';
import type { Target, TargetLink } from './target.ts';
import type { UpstreamOptions } from './upstream-options.ts';

export interface UpstreamServices {
  /** Where several processes share the brokers. */
  readonly sharedOwners?: SharedOwners;
  readonly clock: Clock;
  readonly chance: Chance;
  readonly emit: Emit;
}

/** What a link uses of its client. */
export type LinkedClient = Pick<Client, 'downstream' | 'username' | 'facts'> & Partial<Pick<Client, 'policy'>>;

export type Admission = { readonly packet: ConnectPacket } | { readonly refused: Reason; readonly says: string };

export interface LinkHost {
  readonly options: UpstreamOptions;
  readonly services: UpstreamServices;
  /** The CONNECT as the broker gets it; whoever is admitted calls `release` with its client identifier when it is gone. */
  admit(packet: ConnectPacket, facts: ClientFacts, client: LinkedClient): Admission;
  release(clientId: string, link: TargetLink, keptForMs: number | undefined): void;
  /** A broker has accepted the link of a client that was admitted. */
  accepted(clientId: string, link: TargetLink): void;
  /** Whether another connection of the client has come, which ends the older one at the broker. */
  isTakenOver(clientId: string): boolean;
  /** The next target to try; undefined when all that there are were tried, or none can be. */
  pick(clientId: string, version: ProtocolVersion, tried: ReadonlySet<Target>): Target | 'unsupported' | undefined;
  /** Whether there is one left to try. */
  hasOther(version: ProtocolVersion, tried: ReadonlySet<Target>): boolean;
  /** `client` is absent for a health check. */
  dial(target: Target, dialler: Dialler, client: LinkedClient | undefined): Dial;
  attemptSucceeded(target: Target, version: ProtocolVersion): void;
  attemptFailed(target: Target, says: string): void;
  /** It has said that it does not speak MQTT 5. */
  lacksVersion5(target: Target): void;
  /** It hung up on MQTT 5, which may mean as much. */
  doubtsVersion5(target: Target): void;
}
