/**
 * A reload of all workers, one after another, each with a deadline. The first that answers speaks for all: what it refuses, none of them
 * takes. One that is stuck is named, and takes what the others have as soon as it goes on.
 */
import type { Clock } from '../../base/clock.ts';
import type { Config } from '../config/config.ts';
import { OperatorError } from '../config/problem.ts';
import type { ReloadOutcome } from '../reload-outcome.ts';
import { namesOf, type SilentWorker, workersNamed } from '../silent-workers.ts';
import { askEach } from './questions.ts';
import type { AnswerDeadline } from './worker-handle.ts';

/** One whose event loop turns answers this at once. */
const LIFE_WITHIN_MS = 2_000;
/** All of them together, as a rule: a large policy takes its time. Below what a command waits for its answer. */
const RELOAD_WITHIN_MS = 30_000;

/** A worker, as far as it is asked to reload. */
export interface ReloadedWorker extends SilentWorker {
  readonly isGone: boolean;
  /** Its gateway has started. */
  readonly isReady: boolean;
  isAnswering(deadline: AnswerDeadline): Promise<boolean>;
  /** Undefined where it has ended. */
  reload(config: Config): Promise<ReloadOutcome | undefined>;
  kill(): void;
}

type Asked = readonly [worker: ReloadedWorker, outcome: Promise<ReloadOutcome | undefined>];

export class FleetReload {
  readonly #clock: Clock;
  #latest: Config | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @throws {OperatorError} where no worker answers: then nothing has changed. */
  async run(workers: readonly ReloadedWorker[], config: Config): Promise<ReloadOutcome> {
    this.#latest = config;
    const untilMs = this.#clock.nowMs() + RELOAD_WITHIN_MS;
    const stuck = await this.#stuckOf(workers);
    const late: Asked[] = [];
    let outcome: ReloadOutcome | undefined;
    for (const worker of workers) {
      if (stuck.has(worker) || worker.isGone) continue;
      const asked = worker.reload(config);
      const answer = await this.#within(asked, Math.max(LIFE_WITHIN_MS, untilMs - this.#clock.nowMs()));
      if (answer === 'late') late.push([worker, asked]);
      else if (answer !== undefined && outcome === undefined) outcome = answer;
      // What another has taken this one cannot refuse for good: it starts anew, with the new configuration.
      else if (answer?.ok === false) worker.kill();
      if (outcome?.ok === false) break;
    }
    const isTaken = outcome?.ok === true;
    // Nothing is asked of a stuck one that the others have not taken: nobody would be there to take it back.
    if (isTaken) for (const worker of stuck) late.push([worker, worker.reload(config)]);
    for (const asked of late) this.#judgeLater(asked, config, isTaken);
    const silent = [...new Set([...stuck, ...late.map(([worker]) => worker)])].filter(({ isGone }) => !isGone);
    const silentWorkers = namesOf(silent);
    if (outcome === undefined) throw new OperatorError(nobodySays(silentWorkers));
    return outcome.ok ? { ...outcome, silentWorkers } : outcome;
  }

  async #stuckOf(workers: readonly ReloadedWorker[]): Promise<Set<ReloadedWorker>> {
    const deadline = { clock: this.#clock, ms: LIFE_WITHIN_MS };
    const started = workers.filter(({ isReady }) => isReady);
    const { stuck } = await askEach(started, async (worker) => (await worker.isAnswering(deadline)) || undefined);
    return new Set(stuck);
  }

  #within<Answer>(asked: Promise<Answer>, ms: number): Promise<Answer | 'late'> {
    return new Promise((resolve) => {
      const timer = this.#clock.after(ms, () => resolve('late'));
      void asked.then((answer) => {
        timer.cancel();
        resolve(answer);
      });
    });
  }

  /** One that decides otherwise than all others starts anew, with what is in force. A later reload has the last word. */
  #judgeLater([worker, asked]: Asked, config: Config, isTaken: boolean): void {
    void asked.then((outcome) => {
      if (outcome === undefined || outcome.ok === isTaken) return;
      if (outcome.ok || this.#latest === config) worker.kill();
    });
  }
}

function nobodySays(silent: readonly SilentWorker[]): string {
  if (silent.length === 0) return 'No worker is running at the moment; they are being started again.';
  return `No worker answers: ${workersNamed(silent)}. \`kill -KILL\` with the number of its process has one started anew.`;
}
