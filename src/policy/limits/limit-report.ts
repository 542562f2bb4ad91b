/** The limits of one target as they are now, as plain data for people and programs. */
import type { LimitName, Scope } from './limit-name.ts';
import type { Target } from './limit-rules.ts';
import type { LimitsInForce } from './limits-in-force.ts';
import type { ScopeState } from './scope-state.ts';
import { targetText } from './target.ts';

export interface BucketReport {
  /** What is left, and what there is at most. Below 0 where something is owed. */
  readonly level: number;
  readonly burst: number;
  readonly perSecond: number;
}

export interface LimitReport {
  readonly scope: Scope;
  readonly key: string;
  readonly limit: LimitName;
  /** As it was written, and where. */
  readonly value: string;
  readonly source: string;
  /** Of a rate that somebody is charged to: one for each window. */
  readonly buckets?: readonly BucketReport[];
  /** Connections that wait for it. */
  readonly waiting?: number;
}

export interface OverrideReport {
  readonly target: string;
  readonly limit: LimitName;
  readonly value: string;
  readonly source: string;
  /** Absent where it does not expire. */
  readonly expiresInMs?: number;
}

/** Of a connected client everything that holds for it; of any other target its own limits. */
export function reportOf(limits: LimitsInForce, target: Target, nowMs: number): LimitReport[] {
  const states = new Set<ScopeState>();
  if (target.scope === 'client' && target.key !== undefined) {
    for (const { scopes } of limits.membershipsOf(target)) for (const state of scopes) states.add(state);
  }
  if (states.size === 0 && target.key !== undefined) {
    const state = limits.stateOf(target);
    if (state !== undefined) states.add(state);
  }
  if (states.size === 0) {
    return limits.limitsOf(target.scope, target.key ?? '').map(({ name: limit, text: value, source }) => {
      return { scope: target.scope, key: target.key ?? '', limit, value, source };
    });
  }
  return [...states].flatMap((state) => rowsOf(state, nowMs));
}

function rowsOf({ scope, key, limits, budgets }: ScopeState, nowMs: number): LimitReport[] {
  return limits.map((limit) => {
    const row = { scope, key, limit: limit.name, value: limit.text, source: limit.source };
    const budget = budgets.find((each) => each.limit === limit);
    if (budget === undefined) return row;
    const buckets = budget
      .levels(nowMs)
      .map(({ level, burst, perMs }) => ({ level: round(level), burst: round(burst), perSecond: perMs * 1000 }));
    return { ...row, buckets, waiting: budget.waiting };
  });
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}

/** Reports of several processes as one: what they share out is summed up. */
export function mergedReports(reports: readonly (readonly LimitReport[])[]): LimitReport[] {
  const merged = new Map<string, LimitReport>();
  for (const row of reports.flat()) {
    const at = JSON.stringify([row.scope, row.key, row.limit, row.source]);
    const known = merged.get(at);
    merged.set(at, known === undefined ? row : summed(known, row));
  }
  return [...merged.values()];
}

function summed(a: LimitReport, b: LimitReport): LimitReport {
  if (a.buckets === undefined) return b;
  if (b.buckets === undefined || a.scope === 'client') return a;
  const buckets = a.buckets.map((bucket, i) => ({
    level: round(bucket.level + (b.buckets?.[i]?.level ?? 0)),
    burst: round(bucket.burst + (b.buckets?.[i]?.burst ?? 0)),
    perSecond: bucket.perSecond + (b.buckets?.[i]?.perSecond ?? 0),
  }));
  return { ...a, buckets, waiting: (a.waiting ?? 0) + (b.waiting ?? 0) };
}

export function overridesOf(limits: LimitsInForce, nowMs: number): OverrideReport[] {
  return limits.overrides.list().map(({ target, limit: { name: limit, text: value, source }, untilMs }) => ({
    target: targetText(target),
    limit,
    value,
    source,
    ...(untilMs === Number.POSITIVE_INFINITY ? {} : { expiresInMs: Math.max(0, Math.round(untilMs - nowMs)) }),
  }));
}
