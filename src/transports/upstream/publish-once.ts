/** Hands one message to a broker: CONNECT, PUBLISH at QoS 1, and an orderly end when it has acknowledged. */
import type { Clock, Timer } from '../../base/clock.ts';
import { decodePacket } from '../../mqtt/decode.ts';
import { Deframer, FrameStatus } from '../../mqtt/deframer.ts';
import { encodeInto } from '../../mqtt/encode.ts';
import { isFault } from '../../mqtt/fault.ts';
import type { Packet } from '../../mqtt/packet.ts';
import { NO_PROPERTIES } from '../../mqtt/properties.ts';
import { Reason } from '../../mqtt/reason.ts';
import { PacketType } from '../../mqtt/wire.ts';
import type { ByteStreamOwner } from '../byte-stream.ts';
import { flushQueue } from '../flush-queue.ts';
import { Dial, type Dialler } from './dial.ts';
import { Target } from './target.ts';
import type { TargetOptions } from './upstream-options.ts';
import type { UpstreamStream } from './upstream-stream.ts';

export interface PublishOnceOptions {
  readonly target: TargetOptions;
  readonly clientId: string;
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly retain: boolean;
  readonly timeoutMs: number;
  readonly clock: Clock;
}

/** Every broker speaks it, and one message needs no more. */
const VERSION = 4;
const PACKET_ID = 1;
const PACKET_SIZE_MAX_BYTES = 65_536;
/** A client without a subscription is sent two small packets. */
const HEARD_MAX_BYTES = 65_536;
const KEEP_ALIVE_S = 60;
const CLOSE_GRACE_MS = 2000;
/** From here on a code of a CONNACK or a PUBACK says no. */
const FAILURE_FROM = 0x80;

/** Resolves when the broker has acknowledged it. Rejects with a sentence. */
export function publishOnce(options: PublishOnceOptions, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const exchange = new Exchange(options, (says) => (says === undefined ? resolve() : reject(new Error(says))));
    signal?.addEventListener('abort', () => exchange.cancel(), { once: true });
  });
}

class Exchange implements Dialler, ByteStreamOwner {
  readonly #options: PublishOnceOptions;
  readonly #done: (says: string | undefined) => void;
  readonly #deframer = new Deframer({
    sender: 'server',
    version: VERSION,
    packetSizeMaxBytes: PACKET_SIZE_MAX_BYTES,
  });
  readonly #timer: Timer;
  readonly #dial: Dial;
  #stream: UpstreamStream | undefined;
  #over = false;
  #heardBytes = 0;

  constructor(options: PublishOnceOptions, done: (says: string | undefined) => void) {
    this.#options = options;
    this.#done = done;
    const { clock, timeoutMs, target } = options;
    this.#timer = clock.after(timeoutMs, () => this.#finish('it did not answer in time'));
    const deps = { clock, queue: flushQueue, closeGraceMs: CLOSE_GRACE_MS };
    this.#dial = new Dial(new Target(target), this, deps, { proxyHeader: undefined });
  }

  cancel(): void {
    this.#finish('it was given up');
  }

  #finish(says: string | undefined): void {
    if (this.#over) return;
    this.#over = true;
    this.#timer.cancel();
    this.#dial.cancel();
    if (says === undefined) this.#stream?.end();
    else this.#stream?.destroy();
    this.#done(says);
  }

  onFailed(says: string): void {
    this.#finish(says);
  }

  onStream(stream: UpstreamStream): void {
    const { clientId, username, password } = this.#options;
    this.#stream = stream;
    stream.start(this);
    this.#send({
      type: PacketType.Connect,
      protocolVersion: VERSION,
      bridge: false,
      cleanStart: true,
      keepAliveS: KEEP_ALIVE_S,
      clientId,
      properties: NO_PROPERTIES,
      ...(username === undefined ? {} : { username }),
      ...(password === undefined ? {} : { password: Buffer.from(password) }),
    });
  }

  #send(packet: Packet): void {
    const stream = this.#stream!;
    encodeInto(stream.batch, packet, VERSION);
    stream.touch();
  }

  onBytes(buffer: Uint8Array, size: number): void {
    this.#deframer.push(buffer, size);
    this.#heardBytes += size;
    while (!this.#over) {
      const status = this.#deframer.next();
      if (status === FrameStatus.NeedMore) break;
      const packet =
        status === FrameStatus.Fault ? this.#deframer.fault! : decodePacket(this.#deframer, VERSION, 'server');
      if (isFault(packet)) this.#finish(`it broke the protocol: ${packet.says}`);
      else if (packet.type === PacketType.Connack) this.#onConnack(packet.reasonCode);
      else if (packet.type === PacketType.Puback && packet.packetId === PACKET_ID) this.#onPuback(packet.reasonCode);
    }
    if (this.#heardBytes > HEARD_MAX_BYTES)
      this.#finish(`it has sent more than ${HEARD_MAX_BYTES} bytes and no acknowledgement`);
  }

  #onConnack(code: number): void {
    if (code !== 0) {
      this.#finish(`it refused the login (code ${code})`);
      return;
    }
    const { topic, payload, retain } = this.#options;
    this.#send({
      type: PacketType.Publish,
      dup: false,
      qos: 1,
      retain,
      topic,
      packetId: PACKET_ID,
      properties: NO_PROPERTIES,
      payload,
    });
  }

  #onPuback(code: number): void {
    if (code >= FAILURE_FROM) {
      this.#finish(`it refused the message (code ${code})`);
      return;
    }
    this.#send({ type: PacketType.Disconnect, reasonCode: Reason.Success, properties: NO_PROPERTIES });
    this.#finish(undefined);
  }

  onDrain(): void {}

  onClosed({ says }: { says: string }): void {
    this.#finish(
      `it ${says === '' ? 'closed the connection' : `broke the connection (${says})`} before it acknowledged the message`,
    );
  }
}
