/** One connection and its limits: joins those that apply, waits when a budget is empty, and goes on when it is not. */
import type { Clock } from '../base/clock.ts';
import { Reason } from '../mqtt/reason.ts';
import type { Budget, Waiter } from '../policy/limits/budget.ts';
import { type Excess, excessOf } from '../policy/limits/excess.ts';
import type { ExcessOutcome } from '../policy/limits/limits-in-force.ts';
import { type Member, Membership, type MembershipOwner } from '../policy/limits/membership.ts';
import { readPersonalLimits } from '../policy/limits/personal-limits.ts';
import { applicantOf, isWrongCredential } from './checks/authentication-rate.ts';
import type { Client } from './client.ts';
import { type ReadGate, Stop } from './read-gate.ts';
import { type Delay, type Denial, exceeds, refuse } from './verdict.ts';

export interface ThrottleTarget {
  /** There is room again for what the client has sent. */
  readOn(): void;
  /** There is room again for what the server has. */
  deliverOn(): void;
  /** Ceilings may have changed. */
  onLimits(): void;
}

/** Of most clients: one for all. */
const NOTHING: readonly never[] = Object.freeze([]);

export class Throttle implements MembershipOwner {
  readonly #client: Client;
  readonly #clock: Clock;
  readonly #gate: ReadGate;
  readonly #target: ThrottleTarget;
  /** Made when there is something to wait for: most clients never have to. */
  #reader: Waiter | undefined;
  #writer: Waiter | undefined;

  constructor(client: Client, clock: Clock, gate: ReadGate, target: ThrottleTarget) {
    this.#client = client;
    this.#clock = clock;
    this.#gate = gate;
    this.#target = target;
  }

  /** Deliveries are held. */
  get holds(): boolean {
    return this.#client.receivingWaitsFor !== undefined;
  }

  /** A login has been judged. */
  authenticated(denial: Denial | undefined): void {
    if (denial !== undefined && !isWrongCredential(denial.reason)) return;
    const { inForce, clientId = '' } = this.#client;
    inForce.authenticated(applicantOf(this.#client, clientId), denial === undefined);
  }

  /** Takes part, as who the client turned out to be; or why not. Once it does, it only takes note of what has changed. */
  join(): Denial | undefined {
    const { inForce, membership } = this.#client;
    const member = this.#member();
    if (typeof member === 'string') return refuse(Reason.NotAuthorized, 'identity:limits', member);
    if (membership !== undefined) {
      inForce.rejoin(membership, member);
      this.limitsChanged();
      return undefined;
    }
    const joined = inForce.join(member);
    if (!(joined instanceof Membership)) return exceeds('refuse', Reason.QuotaExceeded, joined);
    joined.nowMs = this.#clock.nowMs();
    joined.owner = this;
    this.#client.membership = joined;
    this.#client.settleLimits();
    this.#target.onLimits();
    return undefined;
  }

  #member(): Member | string {
    const { downstream, username, clientId = '', identity, authorization } = this.#client;
    const { listener, address } = downstream;
    const own = readPersonalLimits(identity?.limits ?? {}, `identity:${identity?.method ?? 'none'}`);
    if (typeof own === 'string') return `the identity brings a limit that cannot be: ${own}`;
    const personal = [...own];
    for (const { name, text, source } of authorization?.limits ?? []) {
      const ofRole = readPersonalLimits({ [name]: text }, source);
      if (typeof ofRole === 'string') return `a role brings a limit that cannot be: ${ofRole}`;
      personal.push(...ofRole);
    }
    const roles = [...new Set([...(identity?.roles ?? []), ...(authorization?.roles ?? [])])];
    return {
      listener,
      address,
      username,
      clientId,
      roles: roles.length === 0 ? NOTHING : roles,
      personal: personal.length === 0 ? NOTHING : personal,
    };
  }

  /** The packet that was put back waits, and so does the client: nothing is read meanwhile. */
  delay({ budget, cost }: Delay): void {
    this.#client.sendingWaitsFor = budget;
    this.#gate.shut(Stop.Throttled);
    this.tell(excessOf(budget), 'delayed', Reason.MessageRateTooHigh);
    this.#reader ??= { resume: () => this.#readOn() };
    budget.wait(this.#reader, cost);
  }

  /** Deliveries are held until what was delivered beyond the budget is paid back. */
  hold(budget: Budget): void {
    if (this.#client.receivingWaitsFor !== undefined) return;
    this.#client.receivingWaitsFor = budget;
    this.tell(excessOf(budget), 'held', Reason.MessageRateTooHigh);
    this.#writer ??= { resume: () => this.#deliverOn() };
    budget.wait(this.#writer, 1);
  }

  tell(excess: Excess, outcome: ExcessOutcome, reason: number): void {
    this.#client.inForce.tell(excess, outcome, reason, this.#client.facts());
  }

  #readOn(): void {
    this.#client.sendingWaitsFor = undefined;
    this.#gate.open(Stop.Throttled);
    this.#target.readOn();
  }

  #deliverOn(): void {
    this.#client.receivingWaitsFor = undefined;
    this.#target.deliverOn();
  }

  /** The limits are others: whoever waits, tries again under the new ones. */
  limitsChanged(): void {
    const client = this.#client;
    client.settleLimits();
    // Topics are decided anew, with the limits that they have now.
    client.rights++;
    this.#target.onLimits();
    if (this.#reader !== undefined && client.sendingWaitsFor !== undefined) {
      client.sendingWaitsFor.forget(this.#reader);
      this.#readOn();
    }
    if (this.#writer !== undefined && client.receivingWaitsFor !== undefined) {
      client.receivingWaitsFor.forget(this.#writer);
      this.#deliverOn();
    }
  }

  leave(): void {
    if (this.#reader !== undefined) this.#client.sendingWaitsFor?.forget(this.#reader);
    if (this.#writer !== undefined) this.#client.receivingWaitsFor?.forget(this.#writer);
    this.#client.sendingWaitsFor = undefined;
    this.#client.receivingWaitsFor = undefined;
    const { membership, inForce } = this.#client;
    if (membership === undefined) return;
    membership.owner = undefined;
    inForce.leave(membership);
  }
}
