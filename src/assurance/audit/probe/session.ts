/** What probes do again and again: log in, publish and see what is answered, subscribe and see what comes. */
import type { Chance } from '../../../base/chance.ts';
import type { ConnackPacket, ConnectPacket, Will } from '../../../mqtt/packet.ts';
import { NO_PROPERTIES, type Properties } from '../../../mqtt/properties.ts';
import { PacketType, type ProtocolVersion, type QoS } from '../../../mqtt/wire.ts';
import { type Unknown, unknown } from '../model/fact.ts';
import type { Login, ProbeEndpoint } from './endpoint.ts';
import { LineFailure, type LineOptions, type LineServices, openLine, type ProbeLine } from './line.ts';

export interface ProbeServices extends LineServices {
  readonly chance: Chance;
}

/** What an answer to a login was; `closed` where there was none before the end of the line or of our patience. */
export type Answer = number | 'closed';

export interface LoginInit {
  readonly version?: ProtocolVersion;
  readonly login?: Login | undefined;
  readonly clientId?: string;
  readonly cleanStart?: boolean;
  readonly keepAliveS?: number;
  readonly properties?: Properties;
  readonly will?: Will;
  readonly line?: Omit<LineOptions, 'version'>;
}

export interface LoggedIn {
  readonly line: ProbeLine;
  readonly connack: ConnackPacket;
}

export class ProbeSession {
  readonly endpoint: ProbeEndpoint;
  readonly services: ProbeServices;
  /** Below it everything that probes publish: a name that nobody else uses. */
  readonly topicRoot: string;

  constructor(endpoint: ProbeEndpoint, services: ProbeServices) {
    this.endpoint = endpoint;
    this.services = services;
    this.topicRoot = `sallyport-audit/${this.nonce()}`;
  }

  nonce(): string {
    return this.services.chance.bytes(9).toString('hex');
  }

  open(version: ProtocolVersion, options: Omit<LineOptions, 'version'> = {}): Promise<ProbeLine | LineFailure> {
    return openLine(this.endpoint, { version, ...options }, this.services);
  }

  /** The line and what was answered to its CONNECT; the caller closes it. */
  async connect(init: LoginInit = {}): Promise<LoggedIn | { readonly answer: Answer } | Unknown> {
    const { version = 5 } = init;
    const line = await this.open(version, init.line);
    if (line instanceof LineFailure) return unknown('unreachable', `${this.endpoint.url}: ${line.says}.`);
    line.send(this.#connectPacket(init, version));
    const connack = await line.connack();
    if (connack?.reasonCode === 0) return { line, connack };
    line.close();
    return { answer: connack?.reasonCode ?? 'closed' };
  }

  #connectPacket(init: LoginInit, version: ProtocolVersion): ConnectPacket {
    const { login, clientId = `sallyport-audit-${this.nonce()}`, cleanStart = true, keepAliveS = 60 } = init;
    return {
      type: PacketType.Connect,
      protocolVersion: version,
      bridge: false,
      cleanStart,
      keepAliveS,
      clientId,
      properties: init.properties ?? NO_PROPERTIES,
      ...(init.will === undefined ? {} : { will: init.will }),
      ...(login === undefined ? {} : { username: login.username, password: Buffer.from(login.password) }),
    };
  }

  /** What became of an attempt to log in; the line is closed again. */
  async tryLogin(init: LoginInit): Promise<Answer | Unknown> {
    const outcome = await this.connect(init);
    if ('state' in outcome) return outcome;
    if ('answer' in outcome) return outcome.answer;
    leave(outcome.line);
    return 0;
  }
}

export function leave(line: ProbeLine): void {
  line.send({ type: PacketType.Disconnect, reasonCode: 0, properties: NO_PROPERTIES });
  line.close();
}

/** The code of its PUBACK, or `closed`. */
export async function publish(line: ProbeLine, topic: string, payload: string, retain = false): Promise<Answer> {
  const packetId = line.nextPacketId();
  line.send({
    type: PacketType.Publish,
    dup: false,
    qos: 1,
    retain,
    topic,
    packetId,
    payload: Buffer.from(payload),
    properties: NO_PROPERTIES,
  });
  const answer = await line.next([PacketType.Puback, PacketType.Disconnect]);
  return answer?.reasonCode ?? 'closed';
}

/** The codes of its SUBACK; undefined where there was none. */
export async function subscribe(
  line: ProbeLine,
  filters: readonly string[],
  qos: QoS = 0,
): Promise<number[] | undefined> {
  const packetId = line.nextPacketId();
  line.send({
    type: PacketType.Subscribe,
    packetId,
    subscriptions: filters.map((filter) => ({
      filter,
      qos,
      noLocal: false,
      retainAsPublished: false,
      retainHandling: 0,
    })),
    properties: NO_PROPERTIES,
  });
  return (await line.next([PacketType.Suback]))?.reasonCodes;
}

/** Whether a message with this payload comes in time. What others publish is passed over and not kept. */
export async function hears(
  line: ProbeLine,
  payload: string,
  timeoutMs: number,
  services: ProbeServices,
): Promise<boolean> {
  const deadlineMs = services.clock.nowMs() + timeoutMs;
  for (;;) {
    const message = await line.next([PacketType.Publish], deadlineMs - services.clock.nowMs());
    if (message === undefined) return false;
    if (Buffer.from(message.payload).toString('latin1') === payload) return true;
  }
}
