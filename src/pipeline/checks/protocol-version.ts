/** Only the protocol versions that the configuration names may connect. */
import type { ConnectPacket } from '../../mqtt/packet.ts';
import { Reason } from '../../mqtt/reason.ts';
import type { Client } from '../client.ts';
import { PASS, refuse, type Verdict } from '../verdict.ts';

const REFUSED = refuse(
  Reason.UnsupportedProtocolVersion,
  'limit:protocolVersions',
  'this listener does not accept that version of the protocol',
);

export function protocolVersion(client: Client, packet: ConnectPacket): Verdict {
  return client.policy.protocolVersions.includes(packet.protocolVersion) ? PASS : REFUSED;
}
