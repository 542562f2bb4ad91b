/** Publishes in the gateway's own name at the broker within: no policy is asked, because no client speaks. */
import { type Chance, readableToken } from '../base/chance.ts';
import { Deframer, FrameStatus } from '../mqtt/deframer.ts';
import { encodePacket } from '../mqtt/encode.ts';
import type { DownstreamReceiver, OpenLink, UpstreamLink } from '../mqtt/link.ts';
import type { ConnackPacket, DisconnectPacket } from '../mqtt/packet.ts';
import { scanPublish } from '../mqtt/packets/publish.ts';
import { NO_PROPERTIES } from '../mqtt/properties.ts';
import { PublishView } from '../mqtt/publish-view.ts';
import { Reason } from '../mqtt/reason.ts';
import { PacketType } from '../mqtt/wire.ts';

export interface OwnMessage {
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly retain: boolean;
}

const VERSION = 4;
const PACKET_ID = 1;
const TOKEN_LENGTH = 8;
/** Owns the sessions, so that no client can take them over. */
const OWNER = 'sallyport';
const FAILURE_FROM = 0x80;

/** At QoS 1. Resolves when the broker has it safe; rejects with a sentence. */
export function publishAtOwnBroker(open: OpenLink, message: OwnMessage, chance: Chance): Promise<void> {
  return new Promise((resolve, reject) => new OneMessage(open, message, chance, resolve, reject));
}

class OneMessage implements DownstreamReceiver {
  readonly #message: OwnMessage;
  readonly #link: UpstreamLink;
  readonly #resolve: () => void;
  readonly #reject: (error: Error) => void;

  constructor(
    open: OpenLink,
    message: OwnMessage,
    chance: Chance,
    resolve: () => void,
    reject: (error: Error) => void,
  ) {
    this.#message = message;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#link = open(this);
    this.#link.connect(
      {
        type: PacketType.Connect,
        protocolVersion: VERSION,
        bridge: false,
        cleanStart: true,
        keepAliveS: 0,
        clientId: `sallyport-${readableToken(chance, TOKEN_LENGTH)}`,
        properties: NO_PROPERTIES,
      },
      { owner: OWNER, address: '' },
    );
  }

  connack({ reasonCode }: ConnackPacket): void {
    if (reasonCode !== 0) {
      this.#reject(new Error(`the broker within refused a session (code ${reasonCode})`));
      return;
    }
    const { topic, payload, retain } = this.#message;
    const bytes = encodePacket(
      {
        type: PacketType.Publish,
        dup: false,
        qos: 1,
        retain,
        topic,
        packetId: PACKET_ID,
        payload,
        properties: NO_PROPERTIES,
      },
      VERSION,
    );
    const deframer = new Deframer({ sender: 'client', version: VERSION });
    deframer.push(bytes);
    const view = new PublishView();
    // INVARIANT: what we have encoded ourselves is one whole packet, and valid.
    if (deframer.next() !== FrameStatus.Frame || scanPublish(view, deframer, VERSION, 'client') !== undefined) {
      this.#reject(new Error(`"${topic}" is no topic that can be published to`));
      return;
    }
    view.topic = topic;
    this.#link.publish(view);
  }

  acknowledge(_type: number, _packetId: number, reasonCode: number): void {
    if (reasonCode >= FAILURE_FROM) this.#reject(new Error(`the broker within refused it (code ${reasonCode})`));
    else this.#resolve();
    this.#link.close({ type: PacketType.Disconnect, reasonCode: Reason.Success, properties: NO_PROPERTIES });
  }

  closed(disconnect: DisconnectPacket | undefined): void {
    this.#reject(new Error(disconnect?.properties.reasonString ?? 'the broker within ended the session'));
  }

  publish(): boolean {
    return true;
  }

  suback(): void {}

  unsuback(): void {}

  pong(): void {}

  authenticate(): void {}

  drained(): void {}
}
