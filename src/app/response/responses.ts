/** Acts on what detectors find, and takes it back where it hits those who do no harm. */
import type { Clock } from '../../base/clock.ts';
import type { Emit } from '../../base/events.ts';
import type { Impact } from '../../pipeline/membership.ts';
import { type BanSubject, subjectText } from '../../policy/detection/bans/ban.ts';
import type { BanBook } from '../../policy/detection/bans/ban-book.ts';
import type { Detection, Responder, Response } from '../../policy/detection/detection.ts';
import type { Quarantine } from '../../policy/detection/quarantine.ts';
import type { Scope } from '../../policy/limits/limit-name.ts';
import type { Target } from '../../policy/limits/limit-rules.ts';
import { readLimit } from '../../policy/limits/limit-value.ts';
import type { Config } from '../config/config.ts';
import type { GatewayLimits } from '../limit-control.ts';

/** What every process that serves clients does; `measure` only counts. */
export interface ResponseOrder {
  readonly kind: 'measure' | 'disconnect';
  readonly id: number;
  readonly subject: BanSubject;
  /** `detector:<name>`. */
  readonly by: string;
}

export interface ResponsesOptions {
  readonly config: Config['response'];
  readonly clock: Clock;
  readonly emit: Emit;
  readonly book: BanBook;
  readonly limits: GatewayLimits;
  readonly quarantine: Quarantine;
  /** Has it done by all processes that serve clients; each tells `onImpact` whom it hits, before it does anything. */
  readonly enforce: (order: ResponseOrder) => void;
}

type Action = Exclude<Response, 'log' | 'alert'>;

interface Taken {
  readonly detector: string;
  readonly action: Action;
  readonly subject: BanSubject;
  readonly atMs: number;
  knownGoodHit: number;
  /** By process, since each knows only its own. */
  readonly knownGood: Map<number, number>;
}

/** Responses that can still be taken back; the oldest stand for good. */
const TAKEN_MAX = 1000;
/** Within which every process has told whom a response hits. */
const JUDGE_DELAY_MS = 50;
const SCOPES: Partial<Record<BanSubject['kind'], Scope>> = {
  address: 'address',
  network: 'network',
  username: 'user',
  clientId: 'client',
};
const THROTTLED = 'publish.messagesPerSecond';

export class Responses implements Responder {
  readonly #options: ResponsesOptions;
  #config: Config['response'];
  readonly #taken = new Map<number, Taken>();
  /** Detectors that are only heard for now, and until when. */
  readonly #suspended = new Map<string, number>();
  /** Detectors whose responses are about to be judged. */
  readonly #judging = new Set<string>();
  #lastId = 0;

  constructor(options: ResponsesOptions) {
    this.#options = options;
    this.#config = options.config;
  }

  apply(config: Config['response']): void {
    this.#config = config;
  }

  respond(detection: Detection): void {
    const { subject, detector, responses } = detection;
    const { kind, value } = subject;
    if (kind === 'listener' || this.#isSuspended(detector)) return;
    for (const response of responses) {
      // These are events, which go to those who are to be told by another way.
      if (response === 'log' || response === 'alert') continue;
      // Whoever cannot be confined is disconnected instead, which hurts less than to let it go on.
      const isUnconfined = response === 'quarantine' && !this.#canConfine({ kind, value });
      this.#take(isUnconfined ? 'disconnect' : response, { kind, value }, detection);
    }
  }

  #isSuspended(detector: string): boolean {
    const untilMs = this.#suspended.get(detector);
    if (untilMs === undefined) return false;
    if (this.#options.clock.nowMs() < untilMs) return true;
    this.#suspended.delete(detector);
    return false;
  }

  #take(action: Action, subject: BanSubject, { detector, says, origin }: Detection): void {
    const by = `detector:${detector}`;
    const id = ++this.#lastId;
    // It is counted before anything is done: those who are gone are not counted any more.
    this.#taken.set(id, {
      detector,
      action,
      subject,
      atMs: this.#options.clock.nowMs(),
      knownGoodHit: 0,
      knownGood: new Map(),
    });
    if (this.#taken.size > TAKEN_MAX) this.#taken.delete(this.#taken.keys().next().value!);
    this.#options.enforce({ kind: action === 'disconnect' ? 'disconnect' : 'measure', id, subject, by });
    const isDone = this.#do(action, subject, by, says, origin.address);
    if (!isDone) {
      this.#taken.delete(id);
      return;
    }
    const { kind, value } = subject;
    this.#options.emit({ name: 'response.taken', action, subjectKind: kind, subject: value, by, says });
  }

  /** False where there was nothing to do. */
  #do(action: Action, subject: BanSubject, author: string, reason: string, from: string | undefined): boolean {
    switch (action) {
      case 'ban':
        return this.#options.book.add({ subject, reason, author, from }).kind === 'added';
      case 'throttle':
        return this.#throttle(subject, author);
      case 'quarantine':
        return this.#options.quarantine.confine(subject, this.#config.quarantine.durationMs);
      case 'disconnect':
        return true;
    }
  }

  #throttle(subject: BanSubject, author: string): boolean {
    const target = targetOf(subject);
    if (target === undefined) return false;
    const { messagesPerSecond, durationMs } = this.#config.throttle;
    const limit = readLimit(THROTTLED, messagesPerSecond, author);
    return typeof limit !== 'string' && this.#options.limits.override(target, limit, durationMs);
  }

  #canConfine(subject: BanSubject): boolean {
    const { role, upstream } = this.#config.quarantine;
    if (role === undefined && upstream === undefined) return false;
    const { quarantine, emit } = this.#options;
    if (quarantine.hasRoomFor(subject)) return true;
    const says = 'no more can be in quarantine at once; this one is disconnected instead';
    emit({ name: 'ceiling.reached', ceiling: 'quarantine', limit: quarantine.entriesMax, says });
    return false;
  }

  // --- whom it hits ---

  /** `process` tells them apart; each tells of an order once. */
  onImpact(id: number, process: number, { knownGoodHit, knownGood }: Impact): void {
    const taken = this.#taken.get(id);
    if (taken === undefined) return;
    taken.knownGoodHit += knownGoodHit;
    taken.knownGood.set(process, knownGood);
    if (knownGoodHit > 0) this.#judgeLater(taken);
  }

  /** When all processes have told. */
  #judgeLater(taken: Taken): void {
    if (this.#judging.has(taken.detector)) return;
    this.#judging.add(taken.detector);
    this.#options.clock.after(JUDGE_DELAY_MS, () => {
      this.#judging.delete(taken.detector);
      this.#judge(taken);
    });
  }

  #judge({ detector, knownGood }: Taken): void {
    const { sharePercent, clientsMin, windowMs } = this.#config.rollback;
    const sinceMs = this.#options.clock.nowMs() - windowMs;
    const recent = [...this.#taken].filter(([, taken]) => taken.detector === detector && taken.atMs >= sinceMs);
    const hit = recent.reduce((sum, [, taken]) => sum + taken.knownGoodHit, 0);
    const left = [...knownGood.values()].reduce((sum, count) => sum + count, 0);
    // Whoever was hit before may be gone and is not among those who are connected now.
    const all = Math.max(left, hit);
    if (hit < clientsMin || hit * 100 <= sharePercent * all) return;
    this.#suspended.set(detector, this.#options.clock.nowMs() + windowMs);
    for (const [id, taken] of recent) {
      this.#taken.delete(id);
      this.#undo(taken, 'response:rollback', `the responses of ${detector} hit ${hit} known-good clients`);
    }
    const subjects = recent.slice(0, 10).map(([, { subject }]) => subjectText(subject));
    const says = `they hit ${hit} of ${all} known-good clients, and ${sharePercent} % is the most; the detector is only heard for now`;
    this.#options.emit({
      name: 'response.rolled-back',
      by: `detector:${detector}`,
      responses: recent.length,
      subjects,
      knownGoodHit: hit,
      knownGood: all,
      suspendedMs: windowMs,
      says,
    });
  }

  #undo({ action, subject }: Taken, by: string, says: string): void {
    if (action === 'quarantine') this.#options.quarantine.release(subject);
    if (action === 'ban') this.#options.book.remove(subject, by, says);
    const target = action === 'throttle' ? targetOf(subject) : undefined;
    if (target !== undefined) this.#options.limits.unset(target, THROTTLED);
  }
}

function targetOf({ kind, value }: BanSubject): Target | undefined {
  const scope = SCOPES[kind];
  return scope === undefined ? undefined : { scope, key: value };
}
