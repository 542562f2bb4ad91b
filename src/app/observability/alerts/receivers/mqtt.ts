/** A topic: of the broker that the gateway's clients are sent to, or of another. */
import { printableJson } from '../../../../base/printable.ts';
import { publishOnce } from '../../../../transports/upstream/publish-once.ts';
import type { TargetOptions } from '../../../../transports/upstream/upstream-options.ts';
import { DeliveryFailure } from '../delivery.ts';
import { jsonOf } from '../notification.ts';
import type { PublishHere, ReceiverServices, SendNotification } from './receiver.ts';

export interface MqttReceiver {
  /** Tried in this order; none: the broker within. */
  readonly targets: readonly TargetOptions[];
  readonly clientId: string;
  readonly username: string | undefined;
  readonly password: string | undefined;
  /** As configured; nothing that a peer chose is in it. */
  readonly topic: string;
  readonly retain: boolean;
  readonly timeoutMs: number;
}

export function mqttReceiver(receiver: MqttReceiver, { clock, publish }: ReceiverServices): SendNotification {
  const { targets, topic, retain, ...account } = receiver;
  return async (notification, signal) => {
    const payload = Buffer.from(printableJson(JSON.stringify(jsonOf(notification))));
    if (targets.length === 0) await publishHere(publish(), { topic, payload, retain });
    const failures: string[] = [];
    for (const target of targets) {
      try {
        await publishOnce({ ...account, topic, retain, target, payload, clock }, signal);
        break;
      } catch (error) {
        failures.push(`${target.url}: ${(error as Error).message}`);
      }
    }
    if (targets.length > 0 && failures.length === targets.length) throw new DeliveryFailure(failures.join('; '));
    return `acknowledged on ${topic}`;
  };
}

async function publishHere(publish: PublishHere | undefined, message: Parameters<PublishHere>[0]): Promise<void> {
  if (publish === undefined) throw new DeliveryFailure('the broker of the gateway is not open');
  try {
    await publish(message);
  } catch (error) {
    throw new DeliveryFailure((error as Error).message);
  }
}
