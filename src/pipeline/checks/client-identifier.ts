/** What a client may call itself: how long before it is known, and which name then. Its characters are the identity layer's concern. */
import type { Chance } from '../../base/chance.ts';
import type { ConnectPacket } from '../../mqtt/packet.ts';
import { Reason } from '../../mqtt/reason.ts';
import { bindClientId } from '../../policy/identity/client-id-rules.ts';
import type { Client } from '../client.ts';
import { PASS, refuse, type Verdict } from '../verdict.ts';

const TOO_LONG = refuse(
  Reason.ClientIdentifierNotValid,
  'limit:clientIdLengthMax',
  'the client identifier is longer than this listener accepts',
);

export function clientIdentifier(client: Client, packet: ConnectPacket): Verdict {
  return Buffer.byteLength(packet.clientId) > client.limits.clientIdLengthMaxBytes ? TOO_LONG : PASS;
}

/** What a client that brings no identifier is called until it is known who it is [MQTT-3.1.3-6]. */
export function provisionalClientId(chance: Chance): string {
  return `auto-${chance.bytes(12).toString('hex')}`;
}

/** Once the identity is known: the client goes on under an identifier that it may have, or not at all. */
export function clientIdentifierOfIdentity(client: Client, wasEmpty: boolean, chance: Chance): Verdict {
  const { policy, identity, connect } = client;
  // INVARIANT: the client has been authenticated, so both are there.
  const bound = bindClientId(wasEmpty ? '' : connect!.clientId, identity!.username, policy.clientIds, chance);
  if (!bound.ok) return refuse(Reason.ClientIdentifierNotValid, 'authentication:clientIds', bound.says);
  const { clientId } = bound;
  if (wasEmpty) {
    connect!.clientId = clientId;
    client.clientId = clientId;
    client.identity = Object.freeze({ ...identity!, clientId });
  }
  return PASS;
}
