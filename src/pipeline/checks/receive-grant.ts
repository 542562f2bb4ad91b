/** May this delivery still reach this client? Asked for every delivery: a grant may have gone since the SUBSCRIBE. */
import { Reason } from '../../mqtt/reason.ts';
import type { PublishFacts } from '../../policy/authorization/decision.ts';
import type { Client } from '../client.ts';
import { PASS, refuse, type Verdict } from '../verdict.ts';

export function receiveGrant(client: Client, packet: PublishFacts & { readonly topic: string }): Verdict {
  let decision = client.authorization?.receive(packet.topic);
  if (decision?.depends !== undefined) decision = decision.depends(packet);
  if (decision?.allowed === true) return PASS;
  return refuse(
    Reason.NotAuthorized,
    decision?.by ?? 'authorization:none',
    'not authorized to receive messages on this topic',
  );
}
