/** Budgets and ceilings of those who connect, as a gate of listeners. */
import { Reason } from '../mqtt/reason.ts';
import type { LimitsInForce } from '../policy/limits/limits-in-force.ts';
import type { AcceptGate } from '../transports/accept-gate.ts';

export function connectGate(limits: LimitsInForce): AcceptGate {
  return {
    admit(listener, address) {
      const excess = limits.admitConnect(listener, address);
      if (excess === undefined) {
        limits.connected(listener, address);
        return undefined;
      }
      const { limit, says } = excess;
      const reason = limit === 'connectionsMax' ? Reason.QuotaExceeded : Reason.ConnectionRateExceeded;
      limits.tell(excess, 'refused', reason, { listener, address });
      return { by: `limit:${excess.scope} ${limit}`, reason, says };
    },
    released: (listener, address) => limits.disconnected(listener, address),
  };
}
