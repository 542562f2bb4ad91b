/** One connection of a probe: says what it is told to, packets or bare bytes, and hears packets within a deadline. */
import { connect as connectTcp } from 'node:net';
import type { Duplex } from 'node:stream';
import { connect as connectTls } from 'node:tls';
import WebSocket, { createWebSocketStream } from 'ws';
import type { Clock } from '../../../base/clock.ts';
import { decodePacket } from '../../../mqtt/decode.ts';
import { Deframer, FrameStatus } from '../../../mqtt/deframer.ts';
import { encodePacket } from '../../../mqtt/encode.ts';
import { isFault } from '../../../mqtt/fault.ts';
import type { ConnackPacket, Packet } from '../../../mqtt/packet.ts';
import type { ProtocolVersion } from '../../../mqtt/wire.ts';
import { PacketType } from '../../../mqtt/wire.ts';
import type { ProbeBudget } from './budget.ts';
import { isNamed, type ProbeEndpoint } from './endpoint.ts';

export interface LineServices {
  readonly clock: Clock;
  readonly budget: ProbeBudget;
  /** Aborts at the audit's deadline. */
  readonly signal: AbortSignal;
}

export interface LineOptions {
  readonly version: ProtocolVersion;
  readonly withoutCertificate?: boolean;
  readonly origin?: string;
  /** Before anything else, as a load balancer would. */
  readonly preamble?: Uint8Array;
}

const CONNECT_TIMEOUT_MS = 5000;
export const ANSWER_TIMEOUT_MS = 3000;
const PACKET_SIZE_MAX_BYTES = 1024 * 1024;
/** Packets that nobody has asked for yet. */
const HEARD_MAX = 1000;

/** Why there is no line, in one sentence. */
export class LineFailure {
  readonly says: string;

  constructor(says: string) {
    this.says = says;
  }
}

export async function openLine(
  endpoint: ProbeEndpoint,
  options: LineOptions,
  services: LineServices,
): Promise<ProbeLine | LineFailure> {
  if (services.signal.aborted) return new LineFailure('the time of the audit is over');
  if (!services.budget.connect()) return new LineFailure('the probe has used up its connections');
  const stream = streamTo(endpoint, options);
  // Errors after the opening end the line by its close.
  stream.on('error', () => undefined);
  return new Promise((resolve) => {
    const opened = endpoint.scheme === 'mqtts' ? 'secureConnect' : endpoint.scheme === 'mqtt' ? 'connect' : 'open';
    const finish = (result: ProbeLine | LineFailure): void => {
      timer.cancel();
      stream.off('error', onError);
      stream.off('close', onClose);
      if (result instanceof LineFailure) stream.destroy();
      resolve(result);
    };
    const onError = (error: Error): void => finish(new LineFailure(error.message || 'no connection'));
    const onClose = (): void => finish(new LineFailure('it closed the connection at once'));
    const timer = services.clock.after(CONNECT_TIMEOUT_MS, () => finish(new LineFailure('it does not answer')));
    stream.once('error', onError);
    stream.once('close', onClose);
    stream.once(opened, () => {
      if (options.preamble !== undefined) stream.write(options.preamble);
      finish(new ProbeLine(stream, options.version, services));
    });
  });
}

function streamTo(endpoint: ProbeEndpoint, { withoutCertificate, origin }: LineOptions): Duplex {
  const { scheme, host, port, path, ca, certificate } = endpoint;
  // Whether its certificate is good is the family T's question; here it must not stop the others.
  const tls = {
    rejectUnauthorized: false,
    ...(ca === undefined ? {} : { ca }),
    ...(certificate === undefined || withoutCertificate === true ? {} : certificate),
  };
  if (scheme === 'mqtt') return connectTcp({ host, port });
  if (scheme === 'mqtts') return connectTls({ host, port, ...(isNamed(endpoint) ? { servername: host } : {}), ...tls });
  const place = host.includes(':') ? `[${host}]` : host;
  const socket = new WebSocket(`${scheme}://${place}:${port}${path}`, 'mqtt', {
    ...tls,
    handshakeTimeout: CONNECT_TIMEOUT_MS,
    maxPayload: PACKET_SIZE_MAX_BYTES,
    ...(origin === undefined ? {} : { origin }),
  });
  const stream = createWebSocketStream(socket);
  socket.once('open', () => stream.emit('open'));
  return stream;
}

export class ProbeLine {
  readonly version: ProtocolVersion;
  readonly #stream: Duplex;
  readonly #services: LineServices;
  readonly #deframer: Deframer;
  #heard: Packet[] = [];
  #isClosed = false;
  #packetId = 0;
  #wake: (() => void) | undefined;

  constructor(stream: Duplex, version: ProtocolVersion, services: LineServices) {
    this.version = version;
    this.#stream = stream;
    this.#services = services;
    this.#deframer = new Deframer({ sender: 'server', version, packetSizeMaxBytes: PACKET_SIZE_MAX_BYTES });
    stream.on('data', (chunk: Buffer) => this.#take(chunk));
    stream.on('close', () => this.#end());
    stream.on('end', () => this.#end());
    services.signal.addEventListener('abort', this.#onAbort, { once: true });
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  readonly #onAbort = (): void => this.close();

  #end(): void {
    this.#isClosed = true;
    this.#services.signal.removeEventListener('abort', this.#onAbort);
    this.#wake?.();
  }

  #take(chunk: Buffer): void {
    if (!this.#services.budget.take(chunk.length)) {
      this.close();
      return;
    }
    this.#deframer.push(chunk);
    for (;;) {
      const status = this.#deframer.next();
      if (status === FrameStatus.NeedMore) break;
      const packet = status === FrameStatus.Fault ? undefined : decodePacket(this.#deframer, this.version, 'server');
      if (packet === undefined || isFault(packet)) {
        // It breaks the protocol: what it says from here on means nothing.
        this.close();
        return;
      }
      if (this.#heard.length < HEARD_MAX) this.#heard.push(packet);
    }
    this.#wake?.();
  }

  /** A probe never has many under way. */
  nextPacketId(): number {
    return ++this.#packetId;
  }

  send(what: Packet | Uint8Array): void {
    if (this.#isClosed) return;
    this.#stream.write(what instanceof Uint8Array ? what : encodePacket(what, this.version));
  }

  /** The next packet of these types, leaving others aside; undefined when none comes in time, or the line ends first. */
  async next<Type extends Packet['type']>(
    types: readonly Type[],
    timeoutMs = ANSWER_TIMEOUT_MS,
  ): Promise<Extract<Packet, { type: Type }> | undefined> {
    const { clock } = this.#services;
    const deadlineMs = clock.nowMs() + timeoutMs;
    for (;;) {
      const at = this.#heard.findIndex(({ type }) => (types as readonly number[]).includes(type));
      if (at !== -1) return this.#heard.splice(at, 1)[0] as Extract<Packet, { type: Type }>;
      const leftMs = deadlineMs - clock.nowMs();
      if (this.#isClosed || leftMs <= 0 || this.#services.signal.aborted) return undefined;
      await new Promise<void>((resolve) => {
        const timer = clock.after(leftMs, resolve);
        this.#wake = () => {
          timer.cancel();
          resolve();
        };
      });
    }
  }

  /** Whether the other side ends it within this time. */
  async endsWithin(timeoutMs: number): Promise<boolean> {
    // No server sends a CONNECT: only the end of the line answers this.
    await this.next([PacketType.Connect], timeoutMs);
    return this.#isClosed;
  }

  connack(): Promise<ConnackPacket | undefined> {
    return this.next([PacketType.Connack]);
  }

  close(): void {
    this.#stream.destroy();
    this.#end();
  }
}
