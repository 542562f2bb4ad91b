/** What the configuration limits: for every one of a scope, and for those that it names. */
import type { LimitName, Scope } from './limit-name.ts';
import type { Limit } from './limit-value.ts';

export type LimitMap = ReadonlyMap<LimitName, Limit>;

export interface LimitRules {
  /** How much of an address is its network. */
  readonly prefixV4: number;
  readonly prefixV6: number;
  readonly every: ReadonlyMap<Scope, LimitMap>;
  /** By `targetText`, such as `listener mqtts`; they replace what holds for every one. */
  readonly named: ReadonlyMap<string, LimitMap>;
}

/** Something that limits are set on: all of a scope, or one of it. */
export interface Target {
  readonly scope: Scope;
  /** Undefined: every one of the scope. Empty for `global`, of which there is one. */
  readonly key: string | undefined;
}

export function scopeKey(scope: Scope, key: string): string {
  return `${scope} ${key}`;
}

export const NO_RULES: LimitRules = Object.freeze({
  prefixV4: 24,
  prefixV6: 64,
  every: new Map(),
  named: new Map(),
});
