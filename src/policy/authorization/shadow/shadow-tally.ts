/** Counts where a candidate policy would have decided otherwise, difference by difference, in bounded memory. */
import { BoundedMap } from '../../../base/bounded-map.ts';
import type { Clock } from '../../../base/clock.ts';
import type { Emit } from '../../../base/events.ts';
import type { AccessDecision, Subject } from '../decision.ts';
import type { Action } from '../policy-form.ts';

export type ShadowKind = 'would allow' | 'would deny';

/** All decisions on which the same two authors disagree in the same way. */
export interface ShadowDifference {
  readonly kind: ShadowKind;
  readonly action: Action;
  /** Author of the decision that holds. */
  readonly active: string;
  /** Author of the candidate's. */
  readonly candidate: string;
  readonly times: number;
  /** Epoch, ms. */
  readonly firstMs: number;
  readonly lastMs: number;
  /** The latest, cut where it is long. */
  readonly example: { readonly topic: string; readonly clientId: string; readonly username?: string };
}

export interface ShadowReport {
  /** File of the candidate. */
  readonly candidate: string;
  /** When counting began; epoch, ms. */
  readonly sinceMs: number;
  /** Decisions that both have made. */
  readonly compared: number;
  readonly wouldAllow: number;
  readonly wouldDeny: number;
  /** Differences that were forgotten to make room for later ones; they are in the sums. */
  readonly forgotten: number;
  /** The most frequent first. */
  readonly differences: readonly ShadowDifference[];
}

/** Differences that are told apart at once. */
const DIFFERENCES_MAX = 1000;
/** What an answer holds: more help nobody. */
const REPORTED_MAX = 200;
const EXAMPLE_MAX_CHARS = 200;
/** The same difference is told again after this long, with its count. */
const REPEAT_MS = 60_000;
const EVENTS_PER_WINDOW_MAX = 10;
const WINDOW_MS = 1000;

interface Counted {
  readonly kind: ShadowKind;
  readonly action: Action;
  readonly active: string;
  readonly candidate: string;
  times: number;
  readonly firstMs: number;
  lastMs: number;
  example: ShadowDifference['example'];
  toldMs: number;
}

export class ShadowTally {
  readonly candidate: string;
  readonly #clock: Clock;
  readonly #emit: Emit;
  readonly #sinceMs: number;
  readonly #differences: BoundedMap<string, Counted>;
  #compared = 0;
  #wouldAllow = 0;
  #wouldDeny = 0;
  #forgotten = 0;
  #windowStartMs = Number.NEGATIVE_INFINITY;
  #inWindow = 0;
  #suppressed = 0;

  constructor(candidate: string, clock: Clock, emit: Emit) {
    this.candidate = candidate;
    this.#clock = clock;
    this.#emit = emit;
    this.#sinceMs = clock.epochMs();
    this.#differences = new BoundedMap({ entriesMax: DIFFERENCES_MAX, onEvict: () => this.#onForgotten() });
  }

  #onForgotten(): void {
    this.#forgotten++;
    if (this.#forgotten > 1) return;
    const says =
      'the candidate policy differs in more ways than are told apart; what differed longest ago is forgotten';
    this.#emit({ name: 'ceiling.reached', ceiling: 'shadow.differencesMax', limit: DIFFERENCES_MAX, says });
  }

  /** Both without `depends`. */
  compare(action: Action, topic: string, subject: Subject, active: AccessDecision, candidate: AccessDecision): void {
    this.#compared++;
    if (active.allowed === candidate.allowed) return;
    const kind: ShadowKind = candidate.allowed ? 'would allow' : 'would deny';
    if (candidate.allowed) this.#wouldAllow++;
    else this.#wouldDeny++;
    const key = `${kind}\n${action}\n${active.by}\n${candidate.by}`;
    const nowMs = this.#clock.epochMs();
    const { username, clientId } = subject;
    const example = {
      topic: topic.slice(0, EXAMPLE_MAX_CHARS),
      clientId: clientId.slice(0, EXAMPLE_MAX_CHARS),
      ...(username === undefined ? {} : { username: username.slice(0, EXAMPLE_MAX_CHARS) }),
    };
    const counted = this.#differences.get(key) ?? {
      kind,
      action,
      active: active.by,
      candidate: candidate.by,
      times: 0,
      firstMs: nowMs,
      lastMs: nowMs,
      example,
      toldMs: Number.NEGATIVE_INFINITY,
    };
    counted.times++;
    counted.lastMs = nowMs;
    counted.example = example;
    this.#differences.set(key, counted);
    this.#tell(counted, subject);
  }

  #tell(counted: Counted, { listener, address }: Subject): void {
    const nowMs = this.#clock.nowMs();
    if (nowMs - counted.toldMs < REPEAT_MS) return;
    if (nowMs - this.#windowStartMs >= WINDOW_MS) {
      this.#windowStartMs = nowMs;
      this.#inWindow = 0;
    }
    if (this.#inWindow >= EVENTS_PER_WINDOW_MAX) {
      this.#suppressed++;
      return;
    }
    this.#inWindow++;
    counted.toldMs = nowMs;
    const { kind, action, active, candidate, times, example } = counted;
    this.#emit({
      name: 'shadow.differed',
      kind,
      action,
      ...example,
      ...(listener === undefined ? {} : { listener }),
      ...(address === undefined ? {} : { address }),
      active,
      candidate,
      times,
      ...(this.#suppressed > 0 ? { suppressed: this.#suppressed } : {}),
    });
    this.#suppressed = 0;
  }

  report(): ShadowReport {
    const differences = [...this.#differences.values()].map(({ toldMs: _, ...difference }) => difference);
    return {
      candidate: this.candidate,
      sinceMs: this.#sinceMs,
      compared: this.#compared,
      wouldAllow: this.#wouldAllow,
      wouldDeny: this.#wouldDeny,
      forgotten: this.#forgotten,
      differences: mostFrequent(differences),
    };
  }
}

function mostFrequent(differences: readonly ShadowDifference[]): ShadowDifference[] {
  return differences.toSorted((a, b) => b.times - a.times || a.firstMs - b.firstMs).slice(0, REPORTED_MAX);
}

/** Of several processes that serve the same clients; undefined when none has a candidate. */
export function mergedReport(reports: readonly ShadowReport[]): ShadowReport | undefined {
  const [first] = reports;
  if (first === undefined) return undefined;
  const sum = (of: (report: ShadowReport) => number): number => reports.reduce((all, report) => all + of(report), 0);
  const merged = new Map<string, ShadowDifference>();
  for (const difference of reports.flatMap(({ differences }) => differences)) {
    const { kind, action, active, candidate } = difference;
    const key = `${kind}\n${action}\n${active}\n${candidate}`;
    const known = merged.get(key);
    merged.set(key, known === undefined ? difference : bothOf(known, difference));
  }
  return {
    candidate: first.candidate,
    sinceMs: Math.min(...reports.map(({ sinceMs }) => sinceMs)),
    compared: sum(({ compared }) => compared),
    wouldAllow: sum(({ wouldAllow }) => wouldAllow),
    wouldDeny: sum(({ wouldDeny }) => wouldDeny),
    forgotten: sum(({ forgotten }) => forgotten),
    differences: mostFrequent([...merged.values()]),
  };
}

function bothOf(a: ShadowDifference, b: ShadowDifference): ShadowDifference {
  return {
    ...(a.lastMs >= b.lastMs ? a : b),
    times: a.times + b.times,
    firstMs: Math.min(a.firstMs, b.firstMs),
  };
}
