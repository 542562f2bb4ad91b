/**
 * Keeps the recording of what clients use: switches it on and off, gathers what the processes that serve clients have recorded, and
 * has it on disk, so that a crash forgets at most the last minute.
 */
import type { Clock, Timer } from '../../base/clock.ts';
import type { Emit } from '../../base/events.ts';
import { type Ceiling, NODES_MAX, Recording } from '../../policy/authorization/learning/recording.ts';
import type { Config } from '../config/config.ts';
import { OperatorError } from '../config/problem.ts';
import type { GatewayWatching } from '../gateway.ts';
import type { SilentWorker } from '../silent-workers.ts';
import { readRecording, recordingFileIn, type StoredRecording, writeRecording } from './recording-file.ts';

const SAVE_EVERY_MS = 60_000;

type Reason = 'configuration' | 'operator';

export interface LearningStatus {
  readonly isOn: boolean;
  /** Who says so, where it is on. */
  readonly by?: Reason;
  /** When the recording began, epoch, ms; absent where there is none. */
  readonly sinceMs?: number;
  readonly users: number;
  /** Uses that found no room. */
  readonly lost: number;
  readonly ceilings: readonly Ceiling[];
  readonly file: string;
  /** Workers that did not answer in time: what they have recorded is missing here, and comes later. */
  readonly silentWorkers: readonly SilentWorker[];
}

type Settings = Config['authorization']['learn'];

export interface LearnerOptions {
  readonly dataDirectory: string;
  readonly settings: Settings;
  readonly watching: Pick<GatewayWatching, 'setLearning' | 'takeRecordings'>;
  readonly clock: Clock;
  readonly emit: Emit;
}

export class Learner {
  readonly #options: LearnerOptions;
  readonly #file: string;
  #settings: Settings;
  #recording: Recording;
  #isOnByOperator = false;
  #isOn = false;
  #sinceMs: number | undefined;
  #timer: Timer | undefined;
  /** What is done with the file and the recording is done one after another. */
  #busy: Promise<void> = Promise.resolve();
  /** There is a file, or there will be one. */
  #isKept = false;
  #hasFailed = false;
  #silent: readonly SilentWorker[] = [];
  readonly #told = new Set<Ceiling>();

  private constructor(options: LearnerOptions) {
    this.#options = options;
    this.#settings = options.settings;
    this.#file = recordingFileIn(options.dataDirectory);
    this.#recording = new Recording(options.settings);
  }

  /** Goes on where it was before the restart. Never rejects: a recording is worth less than a gateway that runs. */
  static async open(options: LearnerOptions): Promise<Learner> {
    const learner = new Learner(options);
    try {
      const stored = await readRecording(learner.#file);
      if (stored !== undefined) learner.#takeOver(stored);
    } catch (error) {
      learner.#onFailed(error);
    }
    learner.#decide(learner.#reason());
    return learner;
  }

  #takeOver(stored: StoredRecording): void {
    const { isOn, sinceMs, damaged, users } = stored;
    this.#isKept = true;
    this.#isOnByOperator = isOn;
    this.#recording.merge(stored);
    if (users.length > 0 || isOn) this.#sinceMs = sinceMs;
    if (damaged === 0) return;
    const says = 'what is no line of a recording is left out';
    this.#options.emit({ name: 'storage.damaged', path: this.#file, rows: damaged, says });
  }

  /** After a reload. */
  configure(settings: Settings): void {
    const before = this.#settings;
    this.#settings = settings;
    if (before.usersMax !== settings.usersMax || before.branchingMax !== settings.branchingMax) {
      const image = this.#recording.take();
      this.#recording = new Recording(settings);
      this.#recording.merge(image);
      this.#told.clear();
    }
    this.#decide('configuration');
  }

  #reason(): Reason {
    return this.#settings.enabled ? 'configuration' : 'operator';
  }

  /** Puts into force what configuration and operator say together. */
  #decide(by: Reason): void {
    const isOn = this.#settings.enabled || this.#isOnByOperator;
    if (isOn === this.#isOn) return;
    this.#isOn = isOn;
    if (isOn) {
      this.#isKept = true;
      this.#sinceMs ??= this.#options.clock.epochMs();
    }
    this.#options.watching.setLearning(isOn);
    this.#options.emit({ name: isOn ? 'learning.started' : 'learning.stopped', by });
    this.#timer?.cancel();
    this.#timer = undefined;
    if (isOn) this.#saveLater();
    else void this.save();
  }

  #saveLater(): void {
    this.#timer = this.#options.clock.after(SAVE_EVERY_MS, () => {
      void this.save().then(() => {
        if (this.#isOn) this.#saveLater();
      });
    });
  }

  async start(): Promise<LearningStatus> {
    this.#isOnByOperator = true;
    this.#decide('operator');
    await this.save();
    return this.status();
  }

  /** @throws {OperatorError} where the configuration keeps it on. */
  async stop(): Promise<LearningStatus> {
    if (this.#settings.enabled) {
      throw new OperatorError(
        'The configuration keeps it on: set authorization.learn.enabled to false, then `sallyport reload`.',
      );
    }
    this.#isOnByOperator = false;
    this.#decide('operator');
    await this.save();
    return this.status();
  }

  /** Forgets what was recorded; whether it is on stays. */
  async clear(): Promise<LearningStatus> {
    await this.#inTurn(async () => {
      this.#silent = (await this.#options.watching.takeRecordings(true)).silent;
      this.#recording.take();
      this.#told.clear();
      this.#sinceMs = this.#isOn ? this.#options.clock.epochMs() : undefined;
    });
    await this.save();
    return this.status();
  }

  async status(): Promise<LearningStatus> {
    await this.#inTurn(() => this.#gather());
    return {
      isOn: this.#isOn,
      ...(this.#isOn ? { by: this.#reason() } : {}),
      ...(this.#sinceMs === undefined ? {} : { sinceMs: this.#sinceMs }),
      users: this.#recording.userCount,
      lost: this.#recording.lost,
      ceilings: this.#recording.ceilings,
      file: this.#file,
      silentWorkers: [...this.#silent],
    };
  }

  /** All that was recorded until now is in the file when it resolves, unless the disk fails. Never rejects. */
  save(): Promise<void> {
    return this.#inTurn(async () => {
      await this.#gather();
      if (!this.#isKept) return;
      const { lost, ceilings } = this.#recording;
      const head = { isOn: this.#isOnByOperator, sinceMs: this.#sinceMs ?? 0, lost, ceilings };
      await writeRecording(this.#file, head, this.#recording.images());
      if (this.#hasFailed) this.#options.emit({ name: 'storage.recovered', path: this.#file });
      this.#hasFailed = false;
    });
  }

  async #gather(): Promise<void> {
    const { recordings, silent } = await this.#options.watching.takeRecordings();
    this.#silent = silent;
    for (const image of recordings) this.#recording.merge(image);
    for (const ceiling of this.#recording.ceilings) this.#tellCeiling(ceiling);
  }

  #tellCeiling(ceiling: Ceiling): void {
    if (this.#told.has(ceiling)) return;
    this.#told.add(ceiling);
    this.#options.emit(
      ceiling === 'users'
        ? {
            name: 'ceiling.reached',
            ceiling: 'authorization.learn.usersMax',
            limit: this.#settings.usersMax,
            says: 'what further users do is not recorded',
          }
        : {
            name: 'ceiling.reached',
            ceiling: 'learning.nodesMax',
            limit: NODES_MAX,
            says: 'new topics are recorded as +, because the recording is full',
          },
    );
  }

  #inTurn(run: () => Promise<void>): Promise<void> {
    this.#busy = this.#busy.then(run).catch((error: unknown) => this.#onFailed(error));
    return this.#busy;
  }

  #onFailed(error: unknown): void {
    if (this.#hasFailed) return;
    this.#hasFailed = true;
    const says = error instanceof Error ? error.message : String(error);
    this.#options.emit({ name: 'storage.failed', path: this.#file, says });
  }

  /** Before the gateway drains: what its processes have recorded is asked for once more. */
  async close(): Promise<void> {
    this.#timer?.cancel();
    if (this.#isOn) await this.save();
    else await this.#busy;
    // A save that is under way begins no new timer.
    this.#isOn = false;
  }
}
