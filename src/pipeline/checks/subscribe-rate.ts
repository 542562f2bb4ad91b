/** Topic filters that are asked for in a time: a SUBSCRIBE that is too much is refused whole. */
import type { SubscribePacket } from '../../mqtt/packet.ts';
import { Reason } from '../../mqtt/reason.ts';
import { excessOf } from '../../policy/limits/excess.ts';
import type { Client } from '../client.ts';
import { exceeds, PASS, type Verdict } from '../verdict.ts';

export function subscribeRate(client: Client, packet: SubscribePacket): Verdict {
  const { membership } = client;
  const meter = membership?.subscribe;
  if (membership === undefined || meter === undefined) return PASS;
  const lacking = meter.charge(packet.subscriptions.length, 0, membership.nowMs);
  if (lacking === undefined) return PASS;
  return lacking.action === 'disconnect'
    ? exceeds('close', Reason.MessageRateTooHigh, excessOf(lacking))
    : exceeds('refuse', Reason.QuotaExceeded, excessOf(lacking));
}
