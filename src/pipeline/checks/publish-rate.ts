/** Is there room in every budget that this PUBLISH counts for? What is too much waits, unless something else is configured. */
import type { PublishView } from '../../mqtt/publish-view.ts';
import { Reason } from '../../mqtt/reason.ts';
import type { Budget } from '../../policy/limits/budget.ts';
import { excessOf } from '../../policy/limits/excess.ts';
import type { Client } from '../client.ts';
import { type Delay, type Denial, exceeds, PASS, type Verdict } from '../verdict.ts';

export function publishRate(client: Client, packet: PublishView): Verdict | Delay {
  const { membership } = client;
  const meter = membership?.publish;
  if (membership === undefined || meter === undefined) return PASS;
  const bytes = packet.end - packet.start;
  const lacking = meter.charge(1, bytes, membership.nowMs);
  return lacking === undefined ? PASS : tooMuch(lacking, packet.qos, bytes);
}

/** QoS 1 and 2 are not dropped: they were promised to arrive. */
export function tooMuch(budget: Budget, qos: number, bytes: number): Denial | Delay {
  switch (budget.action) {
    case 'refuse':
      return exceeds('refuse', Reason.QuotaExceeded, excessOf(budget));
    case 'disconnect':
      return exceeds('close', Reason.MessageRateTooHigh, excessOf(budget));
    case 'drop':
      if (qos === 0) return exceeds('drop', Reason.QuotaExceeded, excessOf(budget));
  }
  return { kind: 'delay', budget, cost: budget.isBytes ? bytes : 1 };
}
