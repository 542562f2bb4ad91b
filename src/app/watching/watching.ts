/** Who looks on while decisions are made: a candidate policy in shadow, and a recording of what clients use. */
import type { Clock } from '../../base/clock.ts';
import type { Emit } from '../../base/events.ts';
import type { Authorizer, DecisionWatcher } from '../../policy/authorization/decision.ts';
import { watchedAuthorizer } from '../../policy/authorization/decision-watch.ts';
import { Recorder } from '../../policy/authorization/learning/recorder.ts';
import {
  NOTHING_RECORDED,
  Recording,
  type RecordingImage,
  type RecordingLimits,
} from '../../policy/authorization/learning/recording.ts';
import { type ShadowReport, ShadowTally } from '../../policy/authorization/shadow/shadow-tally.ts';
import { ShadowWatcher } from '../../policy/authorization/shadow/shadow-watcher.ts';
import type { Candidate } from '../authorization-files.ts';
import type { SilentWorker } from '../silent-workers.ts';
import type { TakenRecordings } from '../workers/fleet-recordings.ts';

export interface PreparedShadow {
  readonly stamp: string;
  readonly tally: ShadowTally;
  readonly watcher: DecisionWatcher;
}

export interface ShadowSeen {
  /** Of the candidate policy; undefined where there is none. */
  readonly report: ShadowReport | undefined;
  readonly silent: readonly SilentWorker[];
}

/** Those that look on while decisions are made, and change none. */
export interface GatewayWatching {
  shadow(): ShadowSeen | Promise<ShadowSeen>;
  /** Clients that are connected are asked for anew what they may do, so that the recording has them too. */
  setLearning(isOn: boolean): void;
  /** What was recorded since it was last taken. */
  takeRecordings(isForgetting?: boolean): TakenRecordings | Promise<TakenRecordings>;
}

export class Watching {
  readonly #clock: Clock;
  readonly #emit: Emit;
  #shadow: PreparedShadow | undefined;
  #recording: Recording | undefined;
  #recorder: Recorder | undefined;

  constructor(clock: Clock, emit: Emit) {
    this.#clock = clock;
    this.#emit = emit;
  }

  /** Of what a configuration names; what was counted of the same two files goes on. */
  prepare(candidate: Candidate | undefined): PreparedShadow | undefined {
    if (candidate === undefined) return undefined;
    const { authorizer, file, stamp } = candidate;
    const isSame = this.#shadow?.stamp === stamp;
    const tally = isSame ? this.#shadow!.tally : new ShadowTally(file, this.#clock, this.#emit);
    return { stamp, tally, watcher: new ShadowWatcher(authorizer, tally) };
  }

  commit(shadow: PreparedShadow | undefined): void {
    this.#shadow = shadow;
  }

  /** The authorizer that goes with this shadow; whether there is a recording is asked with each client. */
  over(authorizer: Authorizer, shadow: PreparedShadow | undefined): Authorizer {
    const shadows = shadow === undefined ? [] : [shadow.watcher];
    return watchedAuthorizer(authorizer, () => (this.#recorder === undefined ? shadows : [...shadows, this.#recorder]));
  }

  shadowReport(): ShadowReport | undefined {
    return this.#shadow?.tally.report();
  }

  /** Undefined ends it; what was recorded can still be taken. Clients that are there already have to be asked anew. */
  setLearning(limits: RecordingLimits | undefined): void {
    if (limits === undefined) {
      this.#recorder = undefined;
      return;
    }
    const before = this.#recording?.take();
    this.#recording = new Recording(limits);
    if (before !== undefined) this.#recording.merge(before);
    this.#recorder = new Recorder(this.#recording, this.#clock);
  }

  /** What was recorded since it was last taken. */
  takeRecording(): RecordingImage {
    return this.#recording?.take() ?? NOTHING_RECORDED;
  }
}
