/** What a process of a gateway is told that serves the same ports as others. */
import type { GatewayEvent } from '../base/events.ts';
import type { ClientSample } from '../policy/detection/client-sample.ts';
import type { SharedOwners } from '../transports/upstream/client-owners.ts';
import type { OpenEmbedded } from './embedded-upstream.ts';

export type AttackDetected = Extract<GatewayEvent, { name: 'attack.detected' }>;

export interface SharedWork {
  /** How many processes share the ports, and with them the ceilings of the listeners. */
  readonly processes: number;
  readonly openEmbedded: OpenEmbedded;
  readonly owners: SharedOwners;
  readonly ticketSecret: Uint8Array;
  readonly connectionIdPrefix: string;
  /** Takes what one connection did lately, for the process that detects. */
  readonly sample: (sample: ClientSample) => void;
}
