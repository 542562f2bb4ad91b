/** May this client subscribe to this filter? For a shared subscription the filter behind the share name decides. */
import { Reason } from '../../mqtt/reason.ts';
import { sharedFilter } from '../../mqtt/topic.ts';
import type { Client } from '../client.ts';
import { PASS, type Refuse, refuse, type Verdict } from '../verdict.ts';

const SAYS = 'not authorized to subscribe to this topic filter';
/** The last one: a scan is refused by the same author thousands of times a second. */
let refused: Refuse = refuse(Reason.NotAuthorized, 'authorization:none', SAYS);

export function subscribeGrant(client: Client, filter: string): Verdict {
  const decision = client.authorization?.subscribe(sharedFilter(filter)?.filter ?? filter);
  if (decision?.allowed === true) return PASS;
  const by = decision?.by ?? 'authorization:none';
  if (refused.by !== by) refused = refuse(Reason.NotAuthorized, by, SAYS);
  return refused;
}
