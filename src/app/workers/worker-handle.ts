/** One worker as its supervisor sees it: a process, what it was asked, and what it answered. */
import cluster, { type Worker } from 'node:cluster';
import { once } from 'node:events';
import type { Clock } from '../../base/clock.ts';
import type { RecordingImage } from '../../policy/authorization/learning/recording.ts';
import type { Config } from '../config/config.ts';
import type { Gateway, ReloadOutcome } from '../gateway.ts';
import type { MetricSample } from '../observability/metrics/metric-sample.ts';
import type { FromWorker, ToWorker } from './messages.ts';

type Start = Extract<ToWorker, { kind: 'start' }>;
type Answer = Extract<FromWorker, { id: number }>;

export interface AnswerDeadline {
  readonly clock: Clock;
  readonly ms: number;
}

/** What a worker says unasked. */
export interface WorkerListener {
  onMessage(worker: WorkerHandle, message: FromWorker): void;
  /** Last call. `code` is its exit code, or the name of the signal that ended it. */
  onExit(worker: WorkerHandle, code: number | string): void;
}

export class WorkerHandle {
  readonly slot: number;
  readonly #worker: Worker;
  readonly #listener: WorkerListener;
  readonly #waiting = new Map<number, (answer: Answer | undefined) => void>();
  #lastId = 0;
  #isGone = false;
  /** It was told to go: its end is no accident. */
  isLeaving = false;
  /** Its gateway has started. */
  isReady = false;
  readonly startedMs: number;

  constructor(slot: number, startedMs: number, listener: WorkerListener) {
    this.slot = slot;
    this.startedMs = startedMs;
    this.#listener = listener;
    this.#worker = cluster.fork();
    this.#worker.on('message', (message: FromWorker) => this.#onMessage(message));
    this.#worker.on('error', () => undefined);
    this.#worker.on('exit', (code, signal) => {
      this.#isGone = true;
      for (const resolve of this.#waiting.values()) resolve(undefined);
      this.#waiting.clear();
      this.#listener.onExit(this, signal ?? code);
    });
  }

  get pid(): number {
    return this.#worker.process.pid ?? 0;
  }

  #onMessage(message: FromWorker): void {
    if ('id' in message && message.kind !== 'claim') {
      this.#waiting.get(message.id)?.(message);
      this.#waiting.delete(message.id);
    } else {
      this.#listener.onMessage(this, message);
    }
  }

  get isGone(): boolean {
    return this.#isGone;
  }

  /** Starts its gateway. @throws an error with the worker's own words when that cannot start, or not in time: it is ended then. */
  async start(start: Start, { clock, ms }: AnswerDeadline): Promise<Gateway['listeners']> {
    this.send(start);
    return new Promise((resolve, reject) => {
      const timer = clock.after(ms, () => {
        reject(new Error(`The worker (process ${this.pid}) was not ready within ${ms / 1000} s, and was ended.`));
        this.kill();
      });
      const onMessage = (message: FromWorker): void => {
        if (message.kind === 'ready') {
          timer.cancel();
          this.isReady = true;
          resolve(message.listeners);
        } else if (message.kind === 'failed') reject(new Error(message.says));
        else return;
        this.#worker.off('message', onMessage);
      };
      this.#worker.on('message', onMessage);
      this.#worker.once('exit', (code, signal) => {
        timer.cancel();
        reject(new Error(`The worker ended with ${signal ?? `code ${code}`} before it was ready.`));
      });
    });
  }

  send(message: ToWorker): void {
    if (!this.#isGone && this.#worker.isConnected()) this.#worker.send(message);
  }

  /** Asks, and resolves with the answer, or with undefined when the worker is gone or does not answer in time. */
  ask<Kind extends Answer['kind']>(
    make: (id: number) => ToWorker,
    deadline?: AnswerDeadline,
  ): Promise<Extract<Answer, { kind: Kind }> | undefined> {
    if (this.#isGone) return Promise.resolve(undefined);
    const id = ++this.#lastId;
    return new Promise((resolve) => {
      const timer = deadline?.clock.after(deadline.ms, () => {
        this.#waiting.delete(id);
        resolve(undefined);
      });
      this.#waiting.set(id, (answer) => {
        timer?.cancel();
        resolve(answer as Extract<Answer, { kind: Kind }> | undefined);
      });
      this.send(make(id));
    });
  }

  async askSamples(): Promise<readonly MetricSample[] | undefined> {
    return (await this.ask<'metric samples'>((id) => ({ kind: 'metric samples', id })))?.samples;
  }

  /** Whether its event loop turns. */
  async isAnswering(deadline: AnswerDeadline): Promise<boolean> {
    const question = { kind: 'figures' } as const;
    return (
      (await this.ask<'client question'>((id) => ({ kind: 'client question', id, question }), deadline)) !== undefined
    );
  }

  async reload(config: Config): Promise<ReloadOutcome | undefined> {
    return (await this.ask<'reloaded'>((id) => ({ kind: 'reload', id, config })))?.outcome;
  }

  async takeRecording(): Promise<RecordingImage | undefined> {
    return (await this.ask<'recording'>((id) => ({ kind: 'recording', id })))?.recording;
  }

  kill(): void {
    if (!this.#isGone) this.#worker.process.kill('SIGKILL');
  }

  async gone(): Promise<void> {
    if (!this.#isGone) await once(this.#worker, 'exit');
  }
}
