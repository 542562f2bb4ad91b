/** No enhanced authentication method is offered yet, so a CONNECT that asks for one is told so [MQTT-4.12.0-1]. */
import type { ConnectPacket } from '../../mqtt/packet.ts';
import { Reason } from '../../mqtt/reason.ts';
import type { Client } from '../client.ts';
import { PASS, refuse, type Verdict } from '../verdict.ts';

const REFUSED = refuse(
  Reason.BadAuthenticationMethod,
  'authentication:method',
  'no enhanced authentication method is supported; use user name and password, or a client certificate',
);

export function enhancedAuthentication(_client: Client, packet: ConnectPacket): Verdict {
  return packet.properties.authenticationMethod === undefined ? PASS : REFUSED;
}
