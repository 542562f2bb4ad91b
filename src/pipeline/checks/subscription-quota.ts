/** Ceilings on subscriptions: filters in one SUBSCRIBE, and filters a client holds. */
import type { SubscribePacket } from '../../mqtt/packet.ts';
import { Reason } from '../../mqtt/reason.ts';
import type { Client } from '../client.ts';
import { close, PASS, refuse, type Verdict } from '../verdict.ts';

const TOO_MANY_FILTERS = close(
  Reason.QuotaExceeded,
  'limit:filtersPerSubscribeMax',
  'one SUBSCRIBE carries more topic filters than this listener accepts',
);
const TOO_MANY_SUBSCRIPTIONS = refuse(
  Reason.QuotaExceeded,
  'limit:subscriptionsPerClientMax',
  'the client holds as many subscriptions as it may',
);

export function filtersPerSubscribe(client: Client, packet: SubscribePacket): Verdict {
  return packet.subscriptions.length > client.limits.filtersPerSubscribeMax ? TOO_MANY_FILTERS : PASS;
}

export function subscriptionQuota(client: Client, filter: string): Verdict {
  const { subscriptions, limits } = client;
  return subscriptions.size >= limits.subscriptionsPerClientMax && !subscriptions.has(filter)
    ? TOO_MANY_SUBSCRIPTIONS
    : PASS;
}
