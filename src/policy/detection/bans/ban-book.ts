/** Who may ban whom and for how long: the one place where bans are laid, taken back and end. */
import type { Chance } from '../../../base/chance.ts';
import type { Clock, Timer } from '../../../base/clock.ts';
import type { Emit } from '../../../base/events.ts';
import { type Ban, type BanSubject, isOperators, subjectText } from './ban.ts';
import type { BanIndex } from './ban-index.ts';
import { type BanTimes, banDurationMs, type Offence, Offences } from './ban-times.ts';
import { ExpiryQueue } from './expiry-queue.ts';

export interface BanRules extends BanTimes {
  /** Networks that are never banned. */
  readonly allow: readonly string[];
  readonly entriesMax: number;
}

export interface BanRequest {
  readonly subject: BanSubject;
  readonly reason: string;
  readonly author: string;
  /**
   * How long, as an operator says it; infinite until somebody takes it back. Without it a detector asks, and the time is as the
   * rules have it.
   */
  readonly durationMs?: number;
  /** Where that came from which a detector bans for. */
  readonly from?: string | undefined;
}

export type BanOutcome =
  | { readonly kind: 'added' | 'replaced'; readonly ban: Ban }
  /** A detector asks, and a ban is in force already. */
  | { readonly kind: 'kept'; readonly ban: Ban }
  | { readonly kind: 'refused'; readonly says: string };

/** Why a ban is in force no longer. */
export type BanEnd = 'removed' | 'expired' | 'evicted';

/** Does what follows from a ban. No method throws or waits. */
export interface BanFollower {
  banned(ban: Ban): void;
  lifted(ban: Ban, end: BanEnd): void;
  /** The machine's clock was set: what is stored in its time moves with it. */
  clockSet?(byMs: number): void;
}

export interface BanBookOptions {
  readonly clock: Clock;
  readonly chance: Chance;
  readonly emit: Emit;
  readonly index: BanIndex;
  readonly rules: BanRules;
}

/** How often the clock of the machine is compared with ours, at least. */
const LOOK_INTERVAL_MS = 30_000;
/** What the two may differ without somebody having set one of them. */
const DRIFT_MAX_MS = 1000;
/** Ends that are worked through in one go. */
const BATCH = 1000;
const CEILING_NOTICE_MS = 60_000;

/**
 * INVARIANT: within a run bans last by the monotonic clock. The clock of the machine only says when a ban ends to people and to
 * the next run; setting it neither ends a ban nor prolongs it.
 */
export class BanBook {
  readonly #options: BanBookOptions;
  readonly #index: BanIndex;
  readonly #queue: ExpiryQueue;
  readonly #followers: BanFollower[] = [];
  readonly #offences: Offences;
  #rules: BanRules;
  /** What the machine's clock is ahead of ours. */
  #epochAheadMs: number;
  #timer: Timer | undefined;
  #dueMs = Number.POSITIVE_INFINITY;
  #fullToldMs = Number.NEGATIVE_INFINITY;

  constructor(options: BanBookOptions) {
    this.#options = options;
    this.#index = options.index;
    this.#rules = options.rules;
    this.#index.allowed = options.rules.allow;
    this.#offences = new Offences(options.rules.entriesMax);
    this.#queue = new ExpiryQueue((ban) => this.#index.get(ban.subject) === ban);
    this.#epochAheadMs = this.#aheadMs();
    this.#arm(options.clock.nowMs() + LOOK_INTERVAL_MS);
  }

  get size(): number {
    return this.#index.size;
  }

  follow(follower: BanFollower): void {
    this.#followers.push(follower);
  }

  // --- as it was before ---

  /** Puts in force what another run has left; tells nobody. What has ended since is left out. */
  restore(bans: Iterable<Ban>, offences: Iterable<readonly [BanSubject, Offence]>): void {
    const nowMs = this.#options.clock.nowMs();
    for (const [subject, offence] of offences) this.#offences.set(subject, offence);
    for (const ban of bans) {
      if (ban.untilMs <= nowMs || this.#index.size >= this.#rules.entriesMax) continue;
      this.#index.put(ban);
      this.#queue.add(ban);
    }
    this.#armForNext();
    this.#dropAllowed();
  }

  // --- by detectors and operators ---

  add(request: BanRequest): BanOutcome {
    const { subject, from } = request;
    const isDetectors = request.durationMs === undefined;
    const allowed =
      this.#index.allowedBy(subject) ??
      (isDetectors && from !== undefined ? this.#index.allowedBy({ kind: 'address', value: from }) : undefined);
    if (allowed !== undefined) {
      return this.#refuse(request, 'bans.allow', `${allowed} is never banned, as bans.allow says`);
    }
    const before = this.#index.get(subject);
    const covering = before ?? (subject.kind === 'address' ? this.#index.ofAddress(subject.value) : undefined);
    if (isDetectors && covering !== undefined) return { kind: 'kept', ban: covering };
    if (before === undefined && !this.#makeRoom()) {
      const says = `there are ${this.#rules.entriesMax} bans, and none of them ends by itself`;
      return this.#refuse(request, 'bans.entriesMax', says);
    }
    const ban = this.#make(request);
    if (before !== undefined) this.#queue.dropped(before);
    this.#index.put(ban);
    this.#queue.add(ban);
    this.#armForNext();
    this.#options.emit({ name: 'ban.added', ...this.#told(ban) });
    for (const follower of this.#followers) follower.banned(ban);
    return { kind: before === undefined ? 'added' : 'replaced', ban };
  }

  #make({ subject, reason, author, durationMs }: BanRequest): Ban {
    const sinceMs = this.#options.clock.nowMs();
    if (durationMs !== undefined) {
      return Object.freeze({ subject, reason, author, sinceMs, untilMs: sinceMs + durationMs, offence: 0 });
    }
    const offence = this.#offences.of(subject, sinceMs, this.#rules.forgetAfterMs) + 1;
    const untilMs = sinceMs + banDurationMs(this.#rules, offence, this.#options.chance);
    this.#offences.set(subject, { count: offence, lastMs: untilMs });
    return Object.freeze({ subject, reason, author, sinceMs, untilMs, offence });
  }

  #refuse({ subject, reason, author }: BanRequest, by: string, says: string): BanOutcome {
    const { kind, value } = subject;
    this.#options.emit({ name: 'ban.refused', subjectKind: kind, subject: value, reason, author, by, says });
    return { kind: 'refused', says };
  }

  /** At the ceiling the ban that ends soonest goes first: it protects least. */
  #makeRoom(): boolean {
    const { entriesMax } = this.#rules;
    while (this.#index.size >= entriesMax) {
      const soonest = this.#queue.next();
      if (soonest === undefined) return false;
      this.#lift(soonest, 'evicted');
      const nowMs = this.#options.clock.nowMs();
      if (nowMs - this.#fullToldMs >= CEILING_NOTICE_MS) {
        this.#fullToldMs = nowMs;
        const says = `no more bans are kept; the one of ${subjectText(soonest.subject)}, which would end first, is let go`;
        this.#options.emit({ name: 'ceiling.reached', ceiling: 'bans.entriesMax', limit: entriesMax, says });
      }
    }
    return true;
  }

  /** The ban that was in force. Whoever is pardoned is no repeat offender. */
  remove(subject: BanSubject, by: string, says: string): Ban | undefined {
    const ban = this.#index.get(subject);
    this.#offences.forgive(subject);
    if (ban === undefined) return undefined;
    this.#lift(ban, 'removed');
    this.#options.emit({ name: 'ban.removed', ...this.#told(ban), by, says });
    return ban;
  }

  #lift(ban: Ban, end: BanEnd): void {
    this.#index.delete(ban.subject);
    this.#queue.dropped(ban);
    for (const follower of this.#followers) follower.lifted(ban, end);
  }

  /** Takes up rules that a reload has changed. */
  apply(rules: BanRules): void {
    this.#rules = rules;
    this.#index.allowed = rules.allow;
    this.#dropAllowed();
  }

  /** What the rules allow now is banned no longer. */
  #dropAllowed(): void {
    for (const ban of [...this.#index.bans()]) {
      const allowed = this.#index.allowedBy(ban.subject);
      if (allowed !== undefined) this.remove(ban.subject, 'config:bans.allow', `${allowed} is never banned`);
    }
  }

  // --- time ---

  /** Milliseconds since the Unix epoch; undefined for a ban without an end. */
  expiresAtMs({ untilMs }: Ban): number | undefined {
    return untilMs === Number.POSITIVE_INFINITY ? undefined : Math.round(untilMs + this.#epochAheadMs);
  }

  createdAtMs({ sinceMs }: Ban): number {
    return Math.round(sinceMs + this.#epochAheadMs);
  }

  #told(ban: Ban) {
    const { subject, reason, author, offence } = ban;
    const expiresAtMs = this.expiresAtMs(ban);
    return {
      subjectKind: subject.kind,
      subject: subject.value,
      reason,
      author,
      ...(expiresAtMs === undefined ? {} : { expiresAt: new Date(expiresAtMs).toISOString() }),
      ...(isOperators(ban) ? {} : { offence }),
    };
  }

  #aheadMs(): number {
    const { clock } = this.#options;
    return clock.epochMs() - clock.nowMs();
  }

  #armForNext(): void {
    const next = this.#queue.next();
    if (next !== undefined && next.untilMs < this.#dueMs) this.#arm(next.untilMs);
  }

  #arm(dueMs: number): void {
    this.#timer?.cancel();
    this.#dueMs = dueMs;
    const delayMs = Math.max(0, dueMs - this.#options.clock.nowMs());
    this.#timer = this.#options.clock.after(Math.ceil(delayMs), () => this.#look());
  }

  #look(): void {
    const driftMs = this.#aheadMs() - this.#epochAheadMs;
    if (Math.abs(driftMs) > DRIFT_MAX_MS) {
      this.#epochAheadMs += driftMs;
      for (const follower of this.#followers) follower.clockSet?.(driftMs);
    }
    const nowMs = this.#options.clock.nowMs();
    let ended = 0;
    let next = this.#queue.next();
    for (; next !== undefined && next.untilMs <= nowMs && ended < BATCH; next = this.#queue.next()) {
      this.#lift(next, 'expired');
      this.#options.emit({ name: 'ban.expired', ...this.#told(next) });
      ended++;
    }
    this.#arm(Math.min(next?.untilMs ?? Number.POSITIVE_INFINITY, nowMs + LOOK_INTERVAL_MS));
  }

  close(): void {
    this.#timer?.cancel();
  }
}
