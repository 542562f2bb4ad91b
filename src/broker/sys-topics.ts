/** `$SYS`: what the broker tells about itself, as retained messages that only it writes. */
import type { Timer } from '../base/clock.ts';
import type { BrokerContext } from './context.ts';
import { NO_BYTES } from './forwarded-properties.ts';
import { Message } from './message.ts';
import type { Router } from './router.ts';
import type { Sessions } from './sessions.ts';

export class SysTopics {
  readonly #context: BrokerContext;
  readonly #router: Router;
  readonly #sessions: Sessions;
  readonly #version: string;
  readonly #startedMs: number;
  readonly #last = new Map<string, string>();
  #timer: Timer | undefined;

  constructor(context: BrokerContext, router: Router, sessions: Sessions, version: string) {
    this.#context = context;
    this.#router = router;
    this.#sessions = sessions;
    this.#version = version;
    this.#startedMs = context.clock.nowMs();
    this.#arm();
  }

  #arm(): void {
    const { sysIntervalS } = this.#context.ceilings.current;
    if (sysIntervalS === 0) return;
    this.#timer = this.#context.clock.after(sysIntervalS * 1000, () => {
      this.refresh();
      this.#arm();
    });
  }

  /** The interval may have changed. */
  rearm(): void {
    this.stop();
    this.#arm();
  }

  stop(): void {
    this.#timer?.cancel();
  }

  /** Publishes what has changed, if anybody wants to hear it. */
  refresh(): void {
    if (this.#context.ceilings.current.sysIntervalS === 0) return;
    for (const [name, value] of this.#values()) this.#tell(`$SYS/broker/${name}`, value);
  }

  /** What the program around the broker tells of itself, by the name behind `$SYS/`. */
  tell(values: Iterable<readonly [name: string, value: string]>): void {
    if (this.#context.ceilings.current.sysIntervalS === 0) return;
    for (const [name, value] of values) this.#tell(`$SYS/${name}`, value);
  }

  #tell(topic: string, value: string): void {
    if (this.#last.get(topic) === value) return;
    this.#last.set(topic, value);
    this.#router.publishOwn(this.#message(topic, value));
  }

  #message(topic: string, value: string): Message {
    return new Message({
      id: ++this.#context.messageIds.last,
      topic,
      payload: new TextEncoder().encode(value),
      qos: 0,
      retain: true,
      propertyBytes: NO_BYTES,
      expiresAtMs: undefined,
      publisher: '',
    });
  }

  /** Names as Mosquitto has them, for dashboards that know those. Messages and bytes are PUBLISH packets and theirs. */
  #values(): [string, string][] {
    const { clock, counters } = this.#context;
    const { count, connectedCount } = this.#sessions;
    return [
      ['version', `sallyport version ${this.#version}`],
      ['uptime', `${Math.floor((clock.nowMs() - this.#startedMs) / 1000)} seconds`],
      ['clients/connected', `${connectedCount}`],
      ['clients/disconnected', `${count - connectedCount}`],
      ['clients/total', `${count}`],
      ['messages/received', `${counters.publishesReceived}`],
      ['messages/sent', `${counters.publishesSent}`],
      ['messages/dropped', `${counters.deliveriesDropped}`],
      ['bytes/received', `${counters.bytesReceived}`],
      ['bytes/sent', `${counters.bytesSent}`],
      ['retained messages/count', `${this.#router.retained.count}`],
      ['subscriptions/count', `${this.#router.subscriptions.count}`],
    ];
  }
}
