/**
 * All limits that are in force, and what was taken of them. The rules come from the configuration, and with identities; overrides
 * come from operators and from responses to attacks. Both change at any time, and hold for connections that are open already.
 *
 * Memory is bounded: a scope with connections lives as long as they do; one without is remembered, up to a ceiling, until its
 * budgets are full again.
 */
import { BoundedMap } from '../../base/bounded-map.ts';
import type { Clock } from '../../base/clock.ts';
import type { ConnectionFacts, Emit } from '../../base/events.ts';
import { networkOf } from '../../base/ip-address.ts';
import { topicMatchesFilter } from '../../mqtt/topic.ts';
import type { Budget } from './budget.ts';
import { type Excess, excess, excessOf } from './excess.ts';
import type { LimitName, RateName, Scope } from './limit-name.ts';
import { type LimitRules, NO_RULES, scopeKey, type Target } from './limit-rules.ts';
import type { Limit } from './limit-value.ts';
import { type Member, Membership, NO_SCOPES } from './membership.ts';
import { Meter } from './meter.ts';
import { Overrides } from './overrides.ts';
import { RetainedLedger } from './retained-ledger.ts';
import { ScopeState } from './scope-state.ts';
import { targetText } from './target.ts';

export interface LimitsInForceOptions {
  readonly clock: Clock;
  readonly emit: Emit;
  /** Processes that share what more than one connection shares. Default 1. */
  readonly processes?: number;
  /** Scopes of each kind that are remembered without a connection. */
  readonly rememberedMax?: number;
}

/** Who wants to log in. */
export interface Applicant {
  readonly listener: string;
  readonly address: string;
  readonly username: string | undefined;
  readonly clientId: string;
}

const REMEMBERED_MAX = 100_000;
const TOLD_EVERY_MS = 10_000;
const SCALE_MIN = 0.01;
/** Addresses of each listener whose places are known: those of a flood come thousands of times a second. */
const DOORS_MAX = 1024;

/** What was done about an excess. */
export type ExcessOutcome = 'delayed' | 'dropped' | 'refused' | 'disconnected' | 'held';

/** `at` is its `scopeKey`. */
type Place = readonly [scope: Scope, key: string, at: string];

function place(scope: Scope, key: string): Place {
  return [scope, key, scopeKey(scope, key)];
}

/** Where a member is not alone: different client identifiers are counted there. */
function sharedPlacesOf({ username, roles }: Member): Place[] {
  const places: Place[] = username === undefined ? [] : [place('user', username)];
  for (const role of roles) places.push(place('role', role));
  return places;
}

export class LimitsInForce {
  readonly overrides: Overrides;
  readonly #clock: Clock;
  readonly #emit: Emit;
  readonly #processes: number;
  readonly #rememberedMax: number;
  #rules: LimitRules = NO_RULES;
  /** Scopes that have any limit at all: the others cost nothing. */
  #limited: ReadonlySet<Scope> = new Set();
  /** Grows with each change of rules and overrides. */
  #revision = 0;
  readonly #memberships = new Set<Membership>();
  /** Scopes with connections, and topics. */
  readonly #scopes = new Map<string, ScopeState>();
  /** Scopes without, while that says more than a new one would. */
  readonly #remembered = new Map<Scope, BoundedMap<string, ScopeState>>();
  /** Open connections at each place. */
  readonly #connections = new Map<string, number>();
  /** Where one who connects is counted, by listener and address. */
  readonly #doors = new Map<string, Map<string, readonly Place[]>>();
  /** Client identifiers that a user or a role has connected: one that comes back replaces itself. */
  readonly #clientIds = new Map<string, Map<string, number>>();
  /** Users with an address that they have logged in from: whoever fails elsewhere does not shut them out. */
  readonly #proven: BoundedMap<string, true>;
  readonly #ledgers: BoundedMap<string, RetainedLedger>;
  /** Shares of this process that are not even ones. */
  #shares: ReadonlyMap<string, number> = new Map();
  #scale = 1;
  #toldFullAtMs = Number.NEGATIVE_INFINITY;

  constructor({ clock, emit, processes = 1, rememberedMax = REMEMBERED_MAX }: LimitsInForceOptions) {
    this.#clock = clock;
    this.#emit = emit;
    this.#processes = processes;
    this.#rememberedMax = rememberedMax;
    this.#proven = new BoundedMap({ entriesMax: rememberedMax });
    this.#ledgers = new BoundedMap({ entriesMax: rememberedMax });
    this.overrides = new Overrides(clock, (expired) => {
      for (const { target, limit } of expired) {
        this.#refresh(target);
        this.#tellChange(target, limit, 'expired');
      }
    });
  }

  // --- what is limited ---

  /** Puts the configuration's limits into force, on open connections too. */
  setRules(rules: LimitRules): void {
    const { prefixV4, prefixV6 } = this.#rules;
    this.#rules = rules;
    if (rules.prefixV4 !== prefixV4 || rules.prefixV6 !== prefixV6) this.#regroup();
    this.#refresh(undefined);
  }

  /** Networks are others now: connections that stand are counted where they will end. */
  #regroup(): void {
    this.#doors.clear();
    for (const at of [...this.#connections.keys()]) if (at.startsWith('network ')) this.#connections.delete(at);
    for (const [at, count] of [...this.#connections]) {
      if (!at.startsWith('address ')) continue;
      const network = scopeKey('network', this.networkOf(at.slice('address '.length)));
      this.#connections.set(network, (this.#connections.get(network) ?? 0) + count);
    }
  }

  /** Replaces one limit of a scope, for so long or until it is taken back; false where there are too many overrides already. */
  override(target: Target, limit: Limit, forMs: number | undefined): boolean {
    const untilMs = forMs === undefined ? Number.POSITIVE_INFINITY : this.#clock.nowMs() + forMs;
    if (!this.overrides.set({ target, limit, untilMs })) return false;
    this.#refresh(target);
    this.#tellChange(target, limit, 'set');
    return true;
  }

  /** Takes an override back, or all of a target; how many there were. */
  unset(target: Target, name?: LimitName): number {
    const before = [...(this.overrides.of(target)?.values() ?? [])];
    const gone = this.overrides.unset(target, name);
    if (gone === 0) return 0;
    this.#refresh(target);
    for (const { limit } of before) {
      if (name === undefined || limit.name === name) this.#tellChange(target, limit, 'unset');
    }
    return gone;
  }

  #tellChange(target: Target, { name: limit, text: value, source }: Limit, action: 'set' | 'unset' | 'expired'): void {
    this.#emit({ name: 'limit.changed', target: targetText(target), limit, value, source, action });
  }

  /** What applies to one of a scope, also several of one name. An override replaces what the scope has of that name. */
  limitsOf(scope: Scope, key: string, personal: readonly Limit[] = []): Limit[] {
    const replaced = new Map<LimitName, Limit>();
    const every = scope === 'global' ? undefined : this.overrides.of({ scope, key: undefined });
    for (const { limit } of every?.values() ?? []) replaced.set(limit.name, limit);
    for (const { limit } of this.overrides.of({ scope, key })?.values() ?? []) replaced.set(limit.name, limit);
    const written = new Map(this.#rules.every.get(scope));
    for (const limit of this.#rules.named.get(scopeKey(scope, key))?.values() ?? []) written.set(limit.name, limit);
    const limits = [...replaced.values()];
    for (const limit of [...personal, ...written.values()]) if (!replaced.has(limit.name)) limits.push(limit);
    return limits;
  }

  /** Something was changed, for one target or for all. */
  #refresh(target: Target | undefined): void {
    this.#revision++;
    const limited = new Set<Scope>();
    for (const [scope, limits] of this.#rules.every) if (limits.size > 0) limited.add(scope);
    for (const key of this.#rules.named.keys()) limited.add(key.slice(0, key.indexOf(' ')) as Scope);
    for (const { target: overridden } of this.overrides.list()) limited.add(overridden.scope);
    this.#limited = limited;
    const isMeant = (scope: Scope, key: string): boolean =>
      target === undefined || (target.scope === scope && (target.key === undefined || target.key === key));
    for (const remembered of this.#remembered.values()) {
      for (const state of remembered.values()) if (isMeant(state.scope, state.key)) this.#apply(state, []);
    }
    for (const [at, state] of this.#scopes) {
      if (state.scope !== 'topic' || !isMeant(state.scope, state.key)) continue;
      this.#apply(state, []);
      if (state.limits.length === 0) this.#scopes.delete(at);
    }
    for (const membership of this.#memberships) {
      const isAffected =
        target?.scope === 'topic' || this.#placesOf(membership.member).some(([scope, key]) => isMeant(scope, key));
      if (!isAffected) continue;
      this.#enter(membership);
      membership.owner?.limitsChanged();
    }
  }

  #apply(state: ScopeState, personal: readonly Limit[]): void {
    state.revision = this.#revision;
    const limits = this.limitsOf(state.scope, state.key, personal);
    state.apply(limits, this.#clock, this.#factorOf(state.scope, state.key));
  }

  // --- shares and scale ---

  /** Below 1, what a single client may do is less: for as long as the gateway has too much to do. */
  get scale(): number {
    return this.#scale;
  }

  set scale(scale: number) {
    const next = Math.min(1, Math.max(SCALE_MIN, scale));
    if (next === this.#scale) return;
    this.#scale = next;
    for (const state of this.#states()) if (state.scope === 'client') this.#refactor(state);
  }

  /** What this process may use of scopes that others share, by `scopeKey`; of the rest it has an even part. */
  setShares(shares: ReadonlyMap<string, number>): void {
    if (this.#processes === 1) return;
    this.#shares = shares;
    for (const state of this.#states()) this.#refactor(state);
  }

  #refactor(state: ScopeState): void {
    const factor = this.#factorOf(state.scope, state.key);
    for (const budget of state.budgets) budget.factor = factor;
  }

  #factorOf(scope: Scope, key: string): number {
    // A client identifier is connected to one process at a time.
    if (scope === 'client') return this.#scale;
    return this.#processes === 1 ? 1 : (this.#shares.get(scopeKey(scope, key)) ?? 1 / this.#processes);
  }

  /** What was asked since the last call of shared budgets that are running out, as parts of their rates. */
  demands(): Map<string, number> {
    const demands = new Map<string, number>();
    const nowMs = this.#clock.nowMs();
    for (const state of this.#states()) {
      if (state.scope === 'client') continue;
      let demand = 0;
      for (const budget of state.budgets) demand = Math.max(demand, budget.demand(nowMs));
      if (demand > 0) demands.set(scopeKey(state.scope, state.key), demand);
    }
    return demands;
  }

  *#states(): Iterable<ScopeState> {
    yield* this.#scopes.values();
    for (const remembered of this.#remembered.values()) yield* remembered.values();
  }

  // --- scopes ---

  networkOf(address: string): string {
    return networkOf(address, this.#rules.prefixV4, this.#rules.prefixV6);
  }

  #placesOf(member: Member): Place[] {
    const { listener, address, clientId } = member;
    return [...this.#connecting(listener, address), ...sharedPlacesOf(member), place('client', clientId)];
  }

  #connecting(listener: string, address: string): readonly Place[] {
    let doors = this.#doors.get(listener);
    if (doors === undefined) {
      doors = new Map();
      this.#doors.set(listener, doors);
    }
    let places = doors.get(address);
    if (places === undefined) {
      const network = this.networkOf(address);
      places = [place('global', ''), place('listener', listener), place('network', network), place('address', address)];
      if (doors.size >= DOORS_MAX) doors.clear();
      doors.set(address, places);
    }
    return places;
  }

  /** The state of a place that nobody has to be in; undefined where nothing is limited. */
  #look([scope, key, at]: Place): ScopeState | undefined {
    if (!this.#limited.has(scope)) return undefined;
    const known = this.#scopes.get(at);
    if (known !== undefined) return known;
    const remembered = this.#memoryOf(scope);
    let state = remembered.get(at);
    if (state === undefined) {
      state = new ScopeState(scope, key);
      this.#apply(state, []);
      if (state.limits.length === 0) return undefined;
    }
    remembered.set(at, state);
    return state;
  }

  #lookAll(places: readonly Place[]): ScopeState[] {
    const states: ScopeState[] = [];
    for (const place of places) {
      const state = this.#look(place);
      if (state !== undefined) states.push(state);
    }
    return states;
  }

  #memoryOf(scope: Scope): BoundedMap<string, ScopeState> {
    let memory = this.#remembered.get(scope);
    if (memory === undefined) {
      memory = new BoundedMap({ entriesMax: this.#rememberedMax, onEvict: (_, state) => this.#onForgotten(state) });
      this.#remembered.set(scope, memory);
    }
    return memory;
  }

  #onForgotten(state: ScopeState): void {
    state.dissolve();
    const nowMs = this.#clock.nowMs();
    if (state.isFull(nowMs) || nowMs - this.#toldFullAtMs < TOLD_EVERY_MS) return;
    this.#toldFullAtMs = nowMs;
    const says = `what the ${state.scope} seen longest ago has used of its limits is forgotten`;
    this.#emit({ name: 'ceiling.reached', ceiling: 'limits.rememberedMax', limit: this.#rememberedMax, says });
  }

  /** Takes a connection into the scopes that are limited now, and out of those that no longer are. */
  #enter(membership: Membership): void {
    const { member, scopes: before } = membership;
    const scopes: ScopeState[] = [];
    for (const [scope, key, at] of this.#placesOf(member)) {
      const personal = scope === 'client' ? member.personal : [];
      if (!this.#limited.has(scope) && personal.length === 0) continue;
      let state = this.#scopes.get(at);
      if (state === undefined) {
        state = this.#remembered.get(scope)?.get(at) ?? new ScopeState(scope, key);
        this.#remembered.get(scope)?.delete(at);
        this.#scopes.set(at, state);
      }
      if (state.revision !== this.#revision || personal.length > 0) this.#apply(state, personal);
      state.members++;
      scopes.push(state);
    }
    // A copy of just its size: one that was grown keeps room for many more.
    membership.settle(scopes.length === 0 ? NO_SCOPES : scopes.slice());
    for (const state of before) this.#exit(state);
  }

  #exit(state: ScopeState): void {
    state.members--;
    if (state.members > 0) return;
    const at = scopeKey(state.scope, state.key);
    this.#scopes.delete(at);
    if (state.isFull(this.#clock.nowMs())) state.dissolve();
    else this.#memoryOf(state.scope).set(at, state);
  }

  // --- connections ---

  /** Asked for each connection before anything is read of it, and answered by `connected` when it stays. */
  admitConnect(listener: string, address: string): Excess | undefined {
    if (this.#limited.size === 0) return undefined;
    const states = this.#lookAll(this.#connecting(listener, address));
    return (
      this.#overCap(states, (at) => this.#connections.get(at) ?? 0) ?? charge(states, 'connects', this.#clock.nowMs())
    );
  }

  /** A connection stands; `disconnected` is owed. */
  connected(listener: string, address: string): void {
    for (const [, , at] of this.#connecting(listener, address)) {
      this.#connections.set(at, (this.#connections.get(at) ?? 0) + 1);
    }
  }

  disconnected(listener: string, address: string): void {
    for (const [, , at] of this.#connecting(listener, address)) {
      const left = (this.#connections.get(at) ?? 0) - 1;
      if (left > 0) this.#connections.set(at, left);
      else this.#connections.delete(at);
    }
  }

  #overCap(states: readonly ScopeState[], countOf: (at: string) => number): Excess | undefined {
    for (const { scope, key, limits } of states) {
      for (const { name, value, text, source } of limits) {
        if (name !== 'connectionsMax' || value.form !== 'ceiling') continue;
        const mine = Math.max(1, Math.ceil(value.max * this.#factorOf(scope, key)));
        if (countOf(scopeKey(scope, key)) >= mine) return excess(scope, key, name, text, source);
      }
    }
    return undefined;
  }

  // --- authentication ---

  /** Asked before anything costly is done for a login; `authenticated` says how it went. */
  admitAuthentication(applicant: Applicant): Excess | undefined {
    if (this.#limited.size === 0) return undefined;
    const states = this.#statesOf(applicant);
    const nowMs = this.#clock.nowMs();
    return this.#lacksFailures(applicant, states, nowMs) ?? charge(states, 'authentications', nowMs);
  }

  /** Asked again of a login that had to wait: too many may have failed meanwhile. Nothing is charged. */
  failedTooOften(applicant: Applicant): Excess | undefined {
    if (this.#limited.size === 0) return undefined;
    return this.#lacksFailures(applicant, this.#statesOf(applicant), this.#clock.nowMs());
  }

  #lacksFailures(applicant: Applicant, states: readonly ScopeState[], nowMs: number): Excess | undefined {
    if (this.#isProven(applicant)) return undefined;
    for (const { budgets } of states) {
      for (const budget of budgets) {
        if (budget.name === 'authenticationFailures' && budget.lacks(1, nowMs)) return excessOf(budget);
      }
    }
    return undefined;
  }

  #statesOf(applicant: Applicant): ScopeState[] {
    return this.#lookAll(applicantPlaces(applicant, this.#connecting(applicant.listener, applicant.address)));
  }

  /** A login was judged by what it showed. */
  authenticated(applicant: Applicant, ok: boolean): void {
    if (this.#limited.size === 0) return;
    const { address, username } = applicant;
    if (ok) {
      if (username !== undefined) this.#proven.set(provenKey(username, address), true);
      return;
    }
    if (username !== undefined) this.#proven.delete(provenKey(username, address));
    const nowMs = this.#clock.nowMs();
    for (const { budgets } of this.#statesOf(applicant)) {
      for (const budget of budgets) if (budget.name === 'authenticationFailures') budget.owes(1, nowMs);
    }
  }

  #isProven({ username, address }: Applicant): boolean {
    return username !== undefined && this.#proven.has(provenKey(username, address));
  }

  // --- members ---

  /** A client is known now: its part in the limits, or why it has one connection too many. `leave` is owed. */
  join(member: Member): Membership | Excess {
    const over = this.#overCap(this.#lookAll(sharedPlacesOf(member)), (at) => {
      const known = this.#clientIds.get(at);
      return known === undefined ? 0 : known.size - (known.has(member.clientId) ? 1 : 0);
    });
    if (over !== undefined) return over;
    this.#countMember(member, 1);
    const membership = new Membership(member);
    this.#memberships.add(membership);
    this.#enter(membership);
    return membership;
  }

  /** The client is known better, or otherwise: it stays, whatever its number of connections. */
  rejoin(membership: Membership, member: Member): void {
    this.#countMember(membership.member, -1);
    membership.member = member;
    this.#countMember(member, 1);
    this.#enter(membership);
  }

  leave(membership: Membership): void {
    if (!this.#memberships.delete(membership)) return;
    const { member, scopes } = membership;
    this.#countMember(member, -1);
    membership.settle([]);
    for (const state of scopes) this.#exit(state);
  }

  #countMember(member: Member, by: 1 | -1): void {
    for (const [, , at] of sharedPlacesOf(member)) this.#countClientId(at, member.clientId, by);
  }

  #countClientId(at: string, clientId: string, by: 1 | -1): void {
    const known = this.#clientIds.get(at) ?? new Map<string, number>();
    this.#clientIds.set(at, known);
    const count = (known.get(clientId) ?? 0) + by;
    if (count > 0) known.set(clientId, count);
    else known.delete(clientId);
    if (known.size === 0) this.#clientIds.delete(at);
  }

  /** Connections of a client, or in any other scope. */
  membershipsOf({ scope, key }: Target): Membership[] {
    return [...this.#memberships].filter(({ member }) =>
      this.#placesOf(member).some(([at, name]) => at === scope && (key === undefined || key === name)),
    );
  }

  /** A scope as it is now, if it has any limits. */
  stateOf({ scope, key = '' }: Target): ScopeState | undefined {
    return scope === 'topic' ? this.topicStates([key])[0] : this.#look(place(scope, key));
  }

  /** What a client has retained, while it is limited or remembered. */
  ledgerOf({ username, clientId }: Member): RetainedLedger {
    const key = provenKey(clientId, username ?? '');
    let ledger = this.#ledgers.get(key);
    if (ledger === undefined) ledger = new RetainedLedger();
    this.#ledgers.set(key, ledger);
    return ledger;
  }

  // --- topics ---

  /** The limited filters that take a topic in. */
  topicFilters(topic: string): readonly string[] {
    if (!this.#limited.has('topic')) return [];
    const filters = new Set<string>();
    for (const at of this.#rules.named.keys()) if (at.startsWith('topic ')) filters.add(at.slice('topic '.length));
    for (const { target } of this.overrides.list()) if (target.scope === 'topic') filters.add(target.key ?? '');
    return [...filters].filter((filter) => filter === topic || topicMatchesFilter(topic, filter));
  }

  topicStates(filters: readonly string[]): ScopeState[] {
    return filters.map((filter) => {
      const at = scopeKey('topic', filter);
      let state = this.#scopes.get(at);
      if (state === undefined) {
        state = new ScopeState('topic', filter);
        this.#apply(state, []);
        this.#scopes.set(at, state);
      }
      return state;
    });
  }

  // --- telling ---

  /** Tells of an excess, of one limit and scope at most once in ten seconds, with how many there were in between. */
  tell(told: Excess, outcome: ExcessOutcome, reason: number, facts: ExcessFacts): void {
    const { scope, key, limit, value, source, by, says } = told;
    const at = scopeKey(scope, key);
    const state = this.#scopes.get(at) ?? this.#remembered.get(scope)?.get(at);
    const suppressed = state?.tellable(limit, this.#clock.nowMs(), TOLD_EVERY_MS);
    if (state !== undefined && suppressed === undefined) return;
    this.#emit({
      name: 'limit.exceeded',
      ...facts,
      limit,
      scope,
      key,
      value,
      source,
      action: outcome,
      reason,
      by,
      says,
      ...(suppressed === undefined || suppressed === 0 ? {} : { suppressed }),
    });
  }

  close(): void {
    this.overrides.close();
    for (const state of this.#states()) state.dissolve();
  }
}

/** Who exceeded it, as far as that is known. */
export type ExcessFacts = Pick<ConnectionFacts, 'listener' | 'address'> & Partial<ConnectionFacts>;

function applicantPlaces({ username, clientId }: Applicant, connecting: readonly Place[]): Place[] {
  return [...connecting, ...(username === undefined ? [] : [place('user', username)]), place('client', clientId)];
}

/** A NUL is in no user name. */
function provenKey(username: string, address: string): string {
  return `${address}\0${username}`;
}

/** Charges one to every budget of that name, or to none: then the one that lacks longest is told. */
function charge(states: readonly ScopeState[], name: RateName, nowMs: number): Excess | undefined {
  const budgets: Budget[] = [];
  for (const state of states) {
    for (const budget of state.budgets) if (budget.name === name) budgets.push(budget);
  }
  if (budgets.length === 0) return undefined;
  const lacking = new Meter(budgets).charge(1, 1, nowMs);
  return lacking === undefined ? undefined : excessOf(lacking);
}
