/** A topic: of the broker that the gateway's clients are sent to, or of another. */
import { printableJson } from '../../../../base/printable.ts';
import { publishOnce } from '../../../../transports/upstream/publish-once.ts';
import type { TargetOptions } from '../../../../transports/upstream/upstream-options.ts';
import { DeliveryFailure } from '../delivery.ts';
import { jsonOf } from '../notification.ts';
import type { ReceiverServices, SendNotification } from './receiver.ts';

export interface MqttReceiver {
  /** Undefined: the gateway's own broker. */
  readonly target: TargetOptions | undefined;
  readonly clientId: string;
  readonly username: string | undefined;
  readonly password: string | undefined;
  /** As configured; nothing that a peer chose is in it. */
  readonly topic: string;
  readonly retain: boolean;
  readonly timeoutMs: number;
}

export function mqttReceiver(receiver: MqttReceiver, { clock, publish }: ReceiverServices): SendNotification {
  const { target, topic, retain } = receiver;
  return async (notification, signal) => {
    const payload = Buffer.from(printableJson(JSON.stringify(jsonOf(notification))));
    try {
      if (target !== undefined) await publishOnce({ ...receiver, target, payload, clock }, signal);
      else {
        const here = publish();
        if (here === undefined) throw new Error('the broker of the gateway is not open');
        await here({ topic, payload, retain });
      }
    } catch (error) {
      throw new DeliveryFailure((error as Error).message);
    }
    return `acknowledged on ${topic}`;
  };
}
