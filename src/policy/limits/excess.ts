/** What was too much: which limit of which scope, its value, and where that comes from. */
import type { Budget } from './budget.ts';
import type { LimitName, Scope } from './limit-name.ts';

export interface Excess {
  readonly limit: LimitName;
  readonly scope: Scope;
  readonly key: string;
  /** As it was written, such as `10/1m burst 30`. */
  readonly value: string;
  readonly source: string;
  /** Such as `limit:user publish.messagesPerSecond`. */
  readonly by: string;
  /** For whoever is refused: it says the limit, not where it is written. */
  readonly says: string;
}

export function excessOf({ scope, key, limit }: Budget): Excess {
  return excess(scope, key, limit.name, limit.text, limit.source);
}

export function excess(scope: Scope, key: string, limit: LimitName, value: string, source: string): Excess {
  const whose = scope === 'global' ? 'the gateway' : scope === 'client' ? 'one client' : `one ${scope}`;
  const says = `${whose} has ${limit} ${value}, and this is more`;
  return Object.freeze({ limit, scope, key, value, source, by: `limit:${scope} ${limit}`, says });
}
