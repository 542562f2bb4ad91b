/**
 * Limits of several processes: overrides are told to all of them, also to those that start later, and once a second what they share
 * is shared out by what each is asked for.
 */
import type { Clock, Timer } from '../../base/clock.ts';
import type { Emit } from '../../base/events.ts';
import type { LimitName } from '../../policy/limits/limit-name.ts';
import { type LimitReport, mergedReports, type OverrideReport, overridesOf } from '../../policy/limits/limit-report.ts';
import { scopeKey, type Target } from '../../policy/limits/limit-rules.ts';
import type { Limit } from '../../policy/limits/limit-value.ts';
import { LimitsInForce } from '../../policy/limits/limits-in-force.ts';
import { Shares } from '../../policy/limits/shares.ts';
import type { GatewayLimits, HeldLimits } from '../limit-control.ts';
import { type Heard, namesOf, type SilentWorker } from '../silent-workers.ts';
import type { ToldOverride } from './messages.ts';

const ROUND_MS = 1000;

export interface FleetLimitsTarget {
  /** To every worker. */
  broadcast(
    message:
      | { kind: 'override'; override: ToldOverride }
      | { kind: 'unset override'; target: Target; name: LimitName | undefined },
  ): void;
  reports(target: Target): Promise<Heard<readonly LimitReport[]>>;
  /** The workers that serve, by number. */
  numbers(): number[];
  tellShares(number: number, shares: [string, number][]): void;
}

export class FleetLimits implements GatewayLimits {
  readonly #clock: Clock;
  readonly #target: FleetLimitsTarget;
  /** Nobody is limited here: it keeps the overrides, lets them expire, and tells of both. */
  readonly #limits: LimitsInForce;
  readonly #shares = new Shares();
  /** The last round told somebody of shares that are not even. */
  readonly #uneven = new Set<number>();
  #timer: Timer | undefined;

  constructor(clock: Clock, emit: Emit, target: FleetLimitsTarget) {
    this.#clock = clock;
    this.#target = target;
    this.#limits = new LimitsInForce({ clock, emit });
    this.#arm();
  }

  override(target: Target, limit: Limit, forMs: number | undefined): boolean {
    if (!this.#limits.override(target, limit, forMs)) return false;
    this.#target.broadcast({ kind: 'override', override: { target, limit, forMs } });
    return true;
  }

  unset(target: Target, name?: LimitName): number {
    const gone = this.#limits.unset(target, name);
    if (gone > 0) this.#target.broadcast({ kind: 'unset override', target, name });
    return gone;
  }

  overrides(): OverrideReport[] {
    return overridesOf(this.#limits, this.#clock.nowMs());
  }

  async report(target: Target): Promise<HeldLimits> {
    const { answers, silent } = await this.#target.reports(target);
    const rows = mergedReports(answers);
    if (target.scope !== 'client') return { limits: rows, silent };
    // The worker that serves the client knows of what is shared only its own part.
    const shared = new Map<string, Target>();
    for (const { scope, key } of rows) if (scope !== 'client') shared.set(scopeKey(scope, key), { scope, key });
    const whole = await Promise.all([...shared.values()].map((each) => this.#target.reports(each)));
    return {
      limits: [
        ...whole.flatMap((each) => mergedReports(each.answers)),
        ...rows.filter(({ scope }) => scope === 'client'),
      ],
      silent: unique([...silent, ...whole.flatMap((each) => each.silent)]),
    };
  }

  /** What a worker that starts now has to know. */
  told(): ToldOverride[] {
    const nowMs = this.#clock.nowMs();
    return this.#limits.overrides.list().map(({ target, limit, untilMs }) => ({
      target,
      limit,
      forMs: untilMs === Number.POSITIVE_INFINITY ? undefined : untilMs - nowMs,
    }));
  }

  demanded(worker: number, demands: readonly [string, number][]): void {
    this.#shares.report(worker, demands);
  }

  #arm(): void {
    this.#timer = this.#clock.after(ROUND_MS, () => {
      for (const [number, shares] of this.#shares.next(this.#target.numbers())) {
        if (shares.size === 0 && !this.#uneven.has(number)) continue;
        if (shares.size === 0) this.#uneven.delete(number);
        else this.#uneven.add(number);
        this.#target.tellShares(number, [...shares]);
      }
      this.#arm();
    });
  }

  close(): void {
    this.#timer?.cancel();
    this.#limits.close();
  }
}

function unique(workers: readonly SilentWorker[]): SilentWorker[] {
  return namesOf(new Map(workers.map((worker) => [worker.pid, worker])).values());
}
