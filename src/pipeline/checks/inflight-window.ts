/** The client's QoS 1 and 2 messages under way: v5 clients know their Receive Maximum and are held to it [MQTT-3.3.4-7]. */
import type { PublishView } from '../../mqtt/publish-view.ts';
import { Reason } from '../../mqtt/reason.ts';
import type { Client } from '../client.ts';
import { close, PASS, type Verdict } from '../verdict.ts';

const EXCEEDED = close(
  Reason.ReceiveMaximumExceeded,
  'limit:inflightMax',
  'more QoS 1 and 2 messages are under way than the Receive Maximum allows',
);

/** A 3.x client cannot know the window: it is slowed down instead, by the connection. */
export function inflightWindow(client: Client, packet: PublishView): Verdict {
  return packet.qos > 0 && client.version === 5 && client.inflight >= client.inflightMax ? EXCEEDED : PASS;
}
