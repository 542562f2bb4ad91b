/** May this client subscribe to this filter? For a shared subscription the filter behind the share name decides. */
import { Reason } from '../../mqtt/reason.ts';
import { sharedFilter } from '../../mqtt/topic.ts';
import type { Client } from '../client.ts';
import { PASS, refuse, type Verdict } from '../verdict.ts';

export function subscribeGrant(client: Client, filter: string): Verdict {
  const decision = client.authorization?.subscribe(sharedFilter(filter)?.filter ?? filter);
  if (decision?.allowed === true) return PASS;
  return refuse(
    Reason.NotAuthorized,
    decision?.by ?? 'authorization:none',
    'not authorized to subscribe to this topic filter',
  );
}
