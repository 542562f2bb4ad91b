/** One connection's part in the limits: the scopes it is in, what its packets are charged to, and its ceilings. */
import type { Budget } from './budget.ts';
import type { CeilingName, LimitName } from './limit-name.ts';
import type { Limit } from './limit-value.ts';
import { Meter } from './meter.ts';
import type { ScopeState } from './scope-state.ts';

/** Who a connection is, as far as limits ask. */
export interface Member {
  readonly listener: string;
  readonly address: string;
  readonly username: string | undefined;
  readonly clientId: string;
  readonly roles: readonly string[];
  /** Limits that came with its identity or with its roles. */
  readonly personal: readonly Limit[];
}

export type Ceilings = Partial<Readonly<Record<CeilingName, { readonly max: number; readonly by: string }>>>;

export interface MembershipOwner {
  limitsChanged(): void;
}

export const NO_SCOPES: readonly ScopeState[] = Object.freeze([]);

const NO_CEILINGS: Ceilings = Object.freeze({});

export class Membership {
  /** As it is known now: authenticating anew may change its roles. */
  member: Member;
  /** Of the packets that are being looked at, by monotonic time; set by whoever reads them. */
  nowMs = 0;
  /** Undefined where nothing is limited: then nothing is asked. */
  publish: Meter | undefined;
  deliver: Meter | undefined;
  subscribe: Meter | undefined;
  ceilings: Ceilings = NO_CEILINGS;
  scopes: readonly ScopeState[] = NO_SCOPES;
  /** Told when any of the above may have changed. */
  owner: MembershipOwner | undefined;

  constructor(member: Member) {
    this.member = member;
  }

  /** Takes what its scopes say now. */
  settle(scopes: readonly ScopeState[]): void {
    this.scopes = scopes;
    const budgets = scopes.flatMap((scope) => scope.budgets);
    this.publish = meterOf(budgets, 'publish.');
    this.deliver = meterOf(budgets, 'deliver.');
    this.subscribe = meterOf(budgets, 'subscribe.');
    this.ceilings = ceilingsOf(scopes);
  }
}

function meterOf(budgets: readonly Budget[], prefix: string): Meter | undefined {
  const found = budgets.filter(({ name }) => name.startsWith(prefix));
  return found.length === 0 ? undefined : new Meter(found);
}

/** Of each ceiling the tightest. */
function ceilingsOf(scopes: readonly ScopeState[]): Ceilings {
  let ceilings: Partial<Record<LimitName, { max: number; by: string }>> | undefined;
  for (const { scope, limits } of scopes) {
    for (const { name, value } of limits) {
      // How many connections there are is counted elsewhere.
      if (value.form !== 'ceiling' || name === 'connectionsMax') continue;
      ceilings ??= {};
      const known = ceilings[name];
      if (known === undefined || value.max < known.max)
        ceilings[name] = { max: value.max, by: `limit:${scope} ${name}` };
    }
  }
  return ceilings === undefined ? NO_CEILINGS : (ceilings as Ceilings);
}
