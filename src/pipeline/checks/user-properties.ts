/** User Properties have no ceiling in the specification; they have one here. */
import type { Properties } from '../../mqtt/properties.ts';
import { Reason } from '../../mqtt/reason.ts';
import type { Client } from '../client.ts';
import { close, PASS, type Verdict } from '../verdict.ts';

const TOO_MANY = close(
  Reason.QuotaExceeded,
  'limits:userPropertiesMax',
  'one packet carries more user properties than this listener accepts',
);

export function userProperties(client: Client, packet: { properties: Properties }): Verdict {
  return withinUserProperties(client, packet.properties.userProperties?.length ?? 0);
}

export function withinUserProperties(client: Client, count: number): Verdict {
  return count > client.policy.limits.userPropertiesMax ? TOO_MANY : PASS;
}
