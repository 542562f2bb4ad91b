/** Several MQTT.js clients that publish without a pause, and a record of what was acknowledged and when. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Reason } from '../../src/mqtt/reason.ts';
import type { QoS } from '../../src/mqtt/wire.ts';
import { eventually } from './eventually.ts';
import { MqttJsClient, type MqttJsInit } from './mqttjs.ts';

export interface LoadInit {
  /** How each publisher logs in; its client identifier is its name. */
  readonly publishers: Readonly<Record<string, MqttJsInit>>;
  /** Topics are `<topic>/<publisher>`. */
  readonly topic: string;
  /** Of the messages of each publisher, in turn. Default: 1. */
  readonly qos?: readonly QoS[];
  /** Messages of one publisher that may wait for their acknowledgement. Default: 4. */
  readonly windowMax?: number;
  /** Between an acknowledgement and the next message, for brokers that would otherwise see tens of thousands. Default: 0. */
  readonly pauseMs?: number;
}

export interface Acknowledged {
  readonly payload: string;
  readonly qos: QoS;
  readonly atMs: number;
}

export class SteadyLoad {
  readonly clients = new Map<string, MqttJsClient>();
  /** By publisher, in order of their acknowledgements. */
  readonly acknowledged = new Map<string, Acknowledged[]>();
  /** Messages that were not acknowledged, with what MQTT.js said of them. */
  readonly failures: string[] = [];
  /** How often a connection was lost. */
  connectionsLost = 0;
  #running = true;
  #work: Promise<unknown> = Promise.resolve();

  static async start(init: LoadInit): Promise<SteadyLoad> {
    const load = new SteadyLoad();
    for (const [name, login] of Object.entries(init.publishers)) {
      const options = { ...login.options, clientId: name };
      const client = await MqttJsClient.connect({ ...login, options });
      client.client.on('close', () => {
        if (load.#running) load.connectionsLost++;
      });
      load.clients.set(name, client);
      load.acknowledged.set(name, []);
    }
    const { topic, qos = [1], windowMax = 4, pauseMs = 0 } = init;
    const loops = [...load.clients].flatMap(([name, client]) => {
      let count = 0;
      const publishOn = async (): Promise<void> => {
        while (load.#running) {
          const number = count++;
          await load.#publish(name, client, `${topic}/${name}`, `${name}:${number}`, qos[number % qos.length]!);
          if (pauseMs > 0) await sleep(pauseMs);
        }
      };
      return Array.from({ length: windowMax }, publishOn);
    });
    load.#work = Promise.all(loops);
    return load;
  }

  async #publish(name: string, client: MqttJsClient, topic: string, payload: string, qos: QoS): Promise<void> {
    const done = (): void => void this.acknowledged.get(name)!.push({ payload, qos, atMs: Date.now() });
    try {
      await client.publish(topic, payload, { qos });
      done();
    } catch (error) {
      const { code, message } = error as Error & { code?: number };
      // The answer to a PUBREL that comes again after a crash: the message was taken over long before [MQTT5 3.7.2.1].
      if (qos === 2 && code === Reason.PacketIdentifierNotFound) return done();
      this.failures.push(`${payload}: ${message}`);
      // One that does not come back would fail at once, for ever.
      if (client.client.options.reconnectPeriod === 0) this.#running &&= client.client.connected;
      else await eventually(`${name} is back`, () => client.client.connected || !this.#running);
    }
  }

  get count(): number {
    return [...this.acknowledged.values()].reduce((sum, { length }) => sum + length, 0);
  }

  get all(): Acknowledged[] {
    return [...this.acknowledged.values()].flat();
  }

  /** So many acknowledgements from now on. */
  async more(count: number): Promise<void> {
    const wanted = this.count + count;
    await eventually(`${count} more acknowledgements`, () => this.count >= wanted || !this.#running);
  }

  /** What is under way is acknowledged first. */
  async stop(): Promise<void> {
    this.#running = false;
    await this.#work;
    for (const { client } of this.clients.values()) await client.endAsync();
  }

  /** The publishers vanish; what is under way stays unacknowledged. */
  kill(): void {
    this.#running = false;
    for (const { client } of this.clients.values()) client.end(true);
  }

  /** Waits until the subscriber has all that was acknowledged. */
  async arrived(subscriber: MqttJsClient): Promise<void> {
    const missing = (): string[] => {
      const got = new Set(subscriber.messages.map(({ payload }) => payload));
      return this.all.map(({ payload }) => payload).filter((payload) => !got.has(payload));
    };
    await eventually('all that was acknowledged arrives', () => missing().length === 0).catch((error: Error) => {
      const lost = missing();
      throw new Error(
        `${error.message}; ${lost.length} of ${this.count} are missing, the first are ${lost.slice(0, 5)}`,
      );
    });
  }
}

/** Payloads that came more than once. */
export function repeated(subscriber: MqttJsClient, qos: QoS): string[] {
  const seen = new Set<string>();
  const payloads = subscriber.messages.filter((message) => message.qos === qos).map(({ payload }) => payload);
  return payloads.filter((payload) => seen.has(payload) || !seen.add(payload));
}
