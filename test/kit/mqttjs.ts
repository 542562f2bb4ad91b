/** MQTT.js in promises, for tests that need a client as people use it: any version, any transport, messages collected. */
import assert from 'node:assert/strict';
import mqtt, {
  type IClientOptions,
  type IClientPublishOptions,
  type IClientSubscribeOptions,
  type IPublishPacket,
  type MqttClient,
} from 'mqtt';
import type { ProtocolVersion, QoS } from '../../src/mqtt/wire.ts';
import { afterPatience } from './patience.ts';
import { HOST } from './process.ts';

/** How long anything awaited here may take; generous, because machines that run tests are busy. */
const DEADLINE_MS = 30_000;
/** MQTT.js knows other names too, but with a client certificate only these. */
const SCHEMES = { tcp: 'mqtt', tls: 'mqtts', ws: 'ws', wss: 'wss' } as const;
const NAMES = { 3: 'MQIsdp', 4: 'MQTT', 5: 'MQTT' } as const;

export interface MqttJsInit {
  port: number;
  host?: string;
  transport?: 'tcp' | 'tls' | 'ws' | 'wss';
  /** Default: 5. */
  version?: ProtocolVersion;
  /** Of ws and wss. */
  path?: string;
  /** PEM texts: the authority to trust, and the client's own certificate with its key. */
  tls?: { ca?: string; cert?: string; key?: string; servername?: string };
  /** Whatever else MQTT.js takes: `clientId`, `clean`, `username`, `will`, `properties`, `keepalive`. */
  options?: IClientOptions;
  /** Called with the client before it connects, where `options` say `manualConnect`. */
  prepare?: (client: MqttClient) => void;
}

export interface ReceivedMessage {
  topic: string;
  payload: string;
  qos: QoS;
  retain: boolean;
  dup: boolean;
  /** Of MQTT 5; empty where there are none. */
  properties: NonNullable<IPublishPacket['properties']>;
}

/** MQTT.js waits for ever for the answer of a server that is gone, where it does not connect again. */
async function within<T>(what: string, work: Promise<T>): Promise<T> {
  let callOff: (() => void) | undefined;
  const late = new Promise<never>((_, reject) => {
    const fail = (): void => reject(new Error(`no answer came to this client's wish to ${what}`));
    callOff = afterPatience(DEADLINE_MS, fail);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    callOff?.();
  }
}

export class MqttJsClient {
  readonly client: MqttClient;
  /** In order of arrival. */
  readonly messages: ReceivedMessage[] = [];
  /** Reason codes of the DISCONNECT packets that the server sent. */
  readonly disconnectReasons: number[] = [];
  sessionPresent = false;
  readonly #waiting = new Set<() => void>();

  private constructor(client: MqttClient) {
    this.client = client;
    client.on('connect', (connack) => {
      this.sessionPresent = connack.sessionPresent;
    });
    client.on('message', (topic, payload, packet) => {
      this.messages.push({
        topic,
        payload: payload.toString(),
        qos: packet.qos,
        retain: packet.retain,
        dup: packet.dup,
        properties: packet.properties ?? {},
      });
      for (const look of this.#waiting) look();
    });
    client.on('disconnect', (packet) => this.disconnectReasons.push(packet.reasonCode ?? 0));
    // What goes wrong shows in the promise that waits for it, or as a missing message.
    client.on('error', () => undefined);
  }

  /** Connects once, without retries; rejects with MQTT.js' error, whose `code` is the CONNACK's. */
  static async connect(init: MqttJsInit): Promise<MqttJsClient> {
    const { host = HOST, port, transport = 'tcp', version = 5, path = '/mqtt', tls = {}, options = {} } = init;
    const isWebSocket = transport === 'ws' || transport === 'wss';
    const client = mqtt.connect(`${SCHEMES[transport]}://${host}:${port}${isWebSocket ? path : ''}`, {
      protocolVersion: version,
      protocolId: NAMES[version],
      reconnectPeriod: 0,
      connectTimeout: DEADLINE_MS,
      // MQTT 3.1 knows no empty identifier.
      clientId: `mqttjs-${Math.random().toString(36).slice(2, 12)}`,
      ...tls,
      ...options,
    });
    const opened = new MqttJsClient(client);
    init.prepare?.(client);
    await new Promise<void>((resolve, reject) => {
      const fail = (error?: Error) => {
        client.end(true);
        reject(error ?? new Error('the connection was closed before its CONNACK'));
      };
      client.once('connect', () => {
        client.off('error', fail);
        client.off('close', fail);
        resolve();
      });
      client.once('error', fail);
      client.once('close', fail);
    });
    return opened;
  }

  /** Settles when the handshake of the QoS is complete. */
  async publish(topic: string, payload: string | Buffer, options: IClientPublishOptions = {}): Promise<void> {
    await within(`publish to ${topic}`, this.client.publishAsync(topic, payload, options));
  }

  /** The granted QoS, or the failure code, of each filter. */
  async subscribe(filters: string | string[], options: IClientSubscribeOptions = { qos: 0 }): Promise<number[]> {
    const grants = await within(`subscribe to ${filters}`, this.client.subscribeAsync(filters, options));
    return grants.map(({ qos }) => qos);
  }

  async unsubscribe(filters: string | string[]): Promise<void> {
    await within(`unsubscribe from ${filters}`, this.client.unsubscribeAsync(filters));
  }

  /** The first `count` messages, as soon as there are so many. */
  async received(count: number): Promise<ReceivedMessage[]> {
    if (this.messages.length < count) {
      await new Promise<void>((resolve) => {
        const settle = () => {
          callOff();
          this.#waiting.delete(look);
          resolve();
        };
        const look = () => {
          if (this.messages.length >= count) settle();
        };
        const callOff = afterPatience(DEADLINE_MS, settle);
        this.#waiting.add(look);
      });
    }
    assert.ok(this.messages.length >= count, `expected ${count} messages, got ${this.messages.length}`);
    return this.messages.slice(0, count);
  }

  /** The server ends the connection. */
  async closed(): Promise<void> {
    if (!this.client.connected) return;
    await new Promise<void>((resolve, reject) => {
      const callOff = afterPatience(DEADLINE_MS, () => reject(new Error('the server kept the connection open')));
      this.client.once('close', () => {
        callOff();
        resolve();
      });
    });
  }

  /** DISCONNECT, and the end of the socket. */
  async end(): Promise<void> {
    await within('end', this.client.endAsync());
  }

  /** The network fails: no DISCONNECT. */
  kill(): void {
    this.client.stream.destroy();
    this.client.end(true);
  }
}
