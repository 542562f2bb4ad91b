/** Ceilings on the client identifier. What characters it may have is the identity layer's concern. */
import type { ConnectPacket } from '../../mqtt/packet.ts';
import { Reason } from '../../mqtt/reason.ts';
import type { Client } from '../client.ts';
import { PASS, refuse, type Verdict } from '../verdict.ts';

const TOO_LONG = refuse(
  Reason.ClientIdentifierNotValid,
  'limit:clientIdLengthMax',
  'the client identifier is longer than this listener accepts',
);

export function clientIdentifier(client: Client, packet: ConnectPacket): Verdict {
  return Buffer.byteLength(packet.clientId) > client.policy.limits.clientIdLengthMaxBytes ? TOO_LONG : PASS;
}
