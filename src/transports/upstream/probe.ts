/** Asks a target whether it serves: a real CONNECT, a PINGREQ, and an orderly end. */
import type { Clock, Timer } from '../../base/clock.ts';
import { decodePacket } from '../../mqtt/decode.ts';
import { Deframer, FrameStatus } from '../../mqtt/deframer.ts';
import { encodeInto } from '../../mqtt/encode.ts';
import { isFault } from '../../mqtt/fault.ts';
import { ConnackOfOlderVersion } from '../../mqtt/faults.ts';
import type { ConnackPacket, ConnectPacket, Packet } from '../../mqtt/packet.ts';
import { NO_PROPERTIES } from '../../mqtt/properties.ts';
import { Reason, ReturnCode } from '../../mqtt/reason.ts';
import { PacketType } from '../../mqtt/wire.ts';
import type { ByteStreamOwner } from '../byte-stream.ts';
import type { Dialler } from './dial.ts';
import type { HealthCheckOptions } from './upstream-options.ts';
import type { UpstreamStream } from './upstream-stream.ts';

export type ProbeOutcome =
  | { readonly ok: true; readonly version: 4 | 5 }
  /** `isOlder`: it did not take MQTT 5, which older brokers may say by closing. */
  | { readonly ok: false; readonly says: string; readonly isOlder: boolean };

const PACKET_SIZE_MAX_BYTES = 65_536;
/** It looks once and goes. */
const KEEP_ALIVE_S = 60;

export class Probe implements Dialler, ByteStreamOwner {
  readonly #version: 4 | 5;
  readonly #options: HealthCheckOptions;
  readonly #clientId: string;
  readonly #done: (outcome: ProbeOutcome) => void;
  readonly #deframer: Deframer;
  readonly #timer: Timer;
  #dial: { cancel(): void } | undefined;
  #stream: UpstreamStream | undefined;
  #accepted = false;
  #over = false;

  /** `done` is called once, unless the probe is cancelled. */
  constructor(
    version: 4 | 5,
    options: HealthCheckOptions,
    clientId: string,
    clock: Clock,
    dial: (dialler: Dialler) => { cancel(): void },
    done: (outcome: ProbeOutcome) => void,
  ) {
    this.#version = version;
    this.#options = options;
    this.#clientId = clientId;
    this.#done = done;
    this.#deframer = new Deframer({ sender: 'server', version, packetSizeMaxBytes: PACKET_SIZE_MAX_BYTES });
    this.#timer = clock.after(options.timeoutMs, () => this.#fail('it did not answer in time', false));
    this.#dial = dial(this);
  }

  cancel(): void {
    this.#end();
  }

  #end(): void {
    this.#over = true;
    this.#timer.cancel();
    this.#dial?.cancel();
    this.#stream?.destroy();
  }

  #fail(says: string, isOlder: boolean): void {
    if (this.#over) return;
    this.#end();
    this.#done({ ok: false, says, isOlder });
  }

  onStream(stream: UpstreamStream): void {
    this.#dial = undefined;
    this.#stream = stream;
    stream.start(this);
    this.#send(this.#connectPacket());
  }

  #connectPacket(): ConnectPacket {
    const { username, password } = this.#options;
    return {
      type: PacketType.Connect,
      protocolVersion: this.#version,
      bridge: false,
      cleanStart: true,
      keepAliveS: KEEP_ALIVE_S,
      clientId: this.#clientId,
      properties: NO_PROPERTIES,
      ...(username === undefined ? {} : { username }),
      ...(password === undefined ? {} : { password: Buffer.from(password) }),
    };
  }

  onFailed(says: string): void {
    this.#fail(says, false);
  }

  #send(packet: Packet): void {
    const stream = this.#stream!;
    encodeInto(stream.batch, packet, this.#version);
    stream.touch();
  }

  onBytes(buffer: Uint8Array, size: number): void {
    this.#deframer.push(buffer, size);
    while (!this.#over) {
      const status = this.#deframer.next();
      if (status === FrameStatus.NeedMore) return;
      if (status === FrameStatus.Fault) {
        const fault = this.#deframer.fault!;
        this.#fail(`it broke the protocol: ${fault.says}`, fault === ConnackOfOlderVersion);
        return;
      }
      const packet = decodePacket(this.#deframer, this.#version, 'server');
      if (isFault(packet)) this.#fail(`it broke the protocol: ${packet.says}`, false);
      else if (packet.type === PacketType.Connack) this.#onConnack(packet);
      else if (packet.type === PacketType.Pingresp) this.#onPong();
    }
  }

  #onConnack({ reasonCode }: ConnackPacket): void {
    const isV5 = this.#version === 5;
    if (reasonCode === 0) {
      this.#accepted = true;
      this.#send({ type: PacketType.Pingreq });
    } else if (reasonCode === (isV5 ? Reason.UnsupportedProtocolVersion : ReturnCode.UnacceptableProtocolVersion)) {
      this.#fail('it does not speak this version of MQTT', isV5);
    } else if (
      isV5
        ? reasonCode === Reason.ServerUnavailable || reasonCode === Reason.ServerShuttingDown
        : reasonCode === ReturnCode.ServerUnavailable
    ) {
      this.#fail(`it says that it is not available (code ${reasonCode})`, false);
    } else {
      // It is well enough to refuse an identity that it does not know.
      this.#succeed();
    }
  }

  #onPong(): void {
    this.#send({ type: PacketType.Disconnect, reasonCode: Reason.Success, properties: NO_PROPERTIES });
    const stream = this.#stream;
    this.#stream = undefined;
    stream?.end();
    this.#succeed();
  }

  #succeed(): void {
    if (this.#over) return;
    this.#end();
    this.#done({ ok: true, version: this.#version });
  }

  onDrain(): void {}

  onClosed(end: { says: string }): void {
    const how = end.says === '' ? 'closed the connection' : `broke the connection (${end.says})`;
    this.#fail(`it ${how} before it answered`, this.#version === 5 && !this.#accepted);
  }
}
