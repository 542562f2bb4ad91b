/** What every kind of receiver is: a way to say one thing, whose failure says why. */
import type { Clock } from '../../../../base/clock.ts';
import type { Notification } from '../notification.ts';

/** Resolves with what it answered, in a few words; rejects with a `DeliveryFailure`. Ends by itself when the signal is given. */
export type Send<Item> = (item: Item, signal: AbortSignal) => Promise<string>;

export type SendNotification = Send<Notification>;

export interface ReceiverServices {
  readonly clock: Clock;
  readonly version: string;
  /** Through the gateway's own broker; undefined before it is open, and where there is none. */
  readonly publish: () => PublishHere | undefined;
}

/** One message, at QoS 1, to whatever broker the clients are sent to. Rejects with a sentence. */
export type PublishHere = (message: {
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly retain: boolean;
}) => Promise<void>;
