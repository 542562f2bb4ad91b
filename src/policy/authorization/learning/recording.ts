/** What each user was seen doing, in bounded memory; several of them can be made one. */
import type { Subject } from '../decision.ts';
import { ACTIONS, type Action } from '../policy-form.ts';
import { checkPattern } from '../topic-pattern.ts';
import { generalized } from './generalized.ts';
import { type NodeBudget, type SeenFilter, SeenTopics } from './seen-topics.ts';

/** What is known of one user, as it is kept on disk and sent between processes. Times are epoch milliseconds. */
export interface UserImage {
  /** Absent for all anonymous clients together. */
  readonly user?: string;
  readonly firstMs: number;
  readonly lastMs: number;
  /** Roles and groups that its identity brought, listeners that it came through, and some of its client identifiers. */
  readonly roles: readonly string[];
  readonly groups: readonly string[];
  readonly listeners: readonly string[];
  readonly clientIds: readonly string[];
  readonly publish: readonly SeenFilter[];
  readonly subscribe: readonly SeenFilter[];
  readonly receive: readonly SeenFilter[];
}

export interface RecordingLimits {
  /** Users that are told apart; of more, nothing is recorded. */
  readonly usersMax: number;
  /** Values that a level of a user's topics keeps apart before it becomes `+`. */
  readonly branchingMax: number;
}

export interface RecordingImage {
  readonly users: readonly UserImage[];
  /** Decisions that found no room. */
  readonly lost: number;
  /** The ceilings that were met. */
  readonly ceilings: readonly Ceiling[];
}

export const NOTHING_RECORDED: RecordingImage = Object.freeze({ users: [], lost: 0, ceilings: [] });

export type Ceiling = 'users' | 'nodes';

/** Levels of topics of all users together: some tens of megabytes. */
export const NODES_MAX = 500_000;
const NAMES_MAX = 64;
const CLIENT_IDS_MAX = 3;
const NAME_MAX_CHARS = 256;

interface User {
  readonly name: string | undefined;
  firstMs: number;
  lastMs: number;
  readonly roles: Set<string>;
  readonly groups: Set<string>;
  readonly listeners: Set<string>;
  readonly clientIds: Set<string>;
  readonly seen: Readonly<Record<Action, SeenTopics>>;
}

export class Recording {
  readonly #limits: RecordingLimits;
  readonly #budget: NodeBudget;
  readonly #users = new Map<string | undefined, User>();
  readonly #ceilings = new Set<Ceiling>();
  #lost = 0;

  constructor(limits: RecordingLimits, nodesMax = NODES_MAX) {
    this.#limits = limits;
    this.#budget = { used: 0, max: nodesMax, isExhausted: false };
  }

  get userCount(): number {
    return this.#users.size;
  }

  get lost(): number {
    return this.#lost;
  }

  /** Those that were met so far. */
  get ceilings(): readonly Ceiling[] {
    if (this.#budget.isExhausted) this.#ceilings.add('nodes');
    return [...this.#ceilings];
  }

  /** The client was allowed to. `topic` is a filter with `subscribe`. */
  note(subject: Subject, action: Action, topic: string, nowMs: number): void {
    const { username, clientId, roles = [], groups = [], listener } = subject;
    const filter = generalized(topic, subject);
    const user = filter === undefined ? undefined : this.#userOf(username, nowMs);
    if (filter === undefined || user === undefined) {
      this.#lost++;
      return;
    }
    user.lastMs = nowMs;
    addAll(user.roles, roles, NAMES_MAX);
    addAll(user.groups, groups, NAMES_MAX);
    if (listener !== undefined) addAll(user.listeners, [listener], NAMES_MAX);
    addAll(user.clientIds, [clientId], CLIENT_IDS_MAX);
    const evidence = { times: 1, firstMs: nowMs, lastMs: nowMs, example: topic };
    if (!user.seen[action].add(filter, evidence)) this.#lost++;
  }

  #userOf(name: string | undefined, nowMs: number): User | undefined {
    const known = this.#users.get(name);
    if (known !== undefined) return known;
    const isTooMany = this.#users.size >= this.#limits.usersMax;
    if (isTooMany) this.#ceilings.add('users');
    // A name this long is none that a policy would list.
    if (isTooMany || (name?.length ?? 0) > NAME_MAX_CHARS) return undefined;
    const seenTopics = (): SeenTopics => new SeenTopics(this.#limits.branchingMax, this.#budget);
    const user: User = {
      name,
      firstMs: nowMs,
      lastMs: nowMs,
      roles: new Set(),
      groups: new Set(),
      listeners: new Set(),
      clientIds: new Set(),
      seen: { publish: seenTopics(), subscribe: seenTopics(), receive: seenTopics() },
    };
    this.#users.set(name, user);
    return user;
  }

  merge({ users, lost, ceilings }: RecordingImage): void {
    this.#lost += lost;
    for (const ceiling of ceilings) this.#ceilings.add(ceiling);
    for (const image of users) {
      const user = this.#userOf(image.user, image.firstMs);
      if (user === undefined) {
        this.#lost += ACTIONS.reduce((sum, action) => sum + image[action].length, 0);
        continue;
      }
      user.firstMs = Math.min(user.firstMs, image.firstMs);
      user.lastMs = Math.max(user.lastMs, image.lastMs);
      addAll(user.roles, image.roles, NAMES_MAX);
      addAll(user.groups, image.groups, NAMES_MAX);
      addAll(user.listeners, image.listeners, NAMES_MAX);
      addAll(user.clientIds, image.clientIds, CLIENT_IDS_MAX);
      for (const action of ACTIONS) {
        for (const [filter, times, firstMs, lastMs, example] of image[action]) {
          if (!user.seen[action].add(filter, { times, firstMs, lastMs, example })) this.#lost++;
        }
      }
    }
  }

  /** One user at a time, so that a large recording can be written in pieces. */
  *images(): Generator<UserImage> {
    for (const user of this.#users.values()) yield imageOf(user);
  }

  /** All of it, and begins anew. */
  take(): RecordingImage {
    const image = { users: [...this.images()], lost: this.#lost, ceilings: this.ceilings };
    this.#users.clear();
    this.#ceilings.clear();
    this.#budget.used = 0;
    this.#budget.isExhausted = false;
    this.#lost = 0;
    return image;
  }
}

function imageOf({ name, firstMs, lastMs, roles, groups, listeners, clientIds, seen }: User): UserImage {
  return {
    ...(name === undefined ? {} : { user: name }),
    firstMs,
    lastMs,
    roles: [...roles],
    groups: [...groups],
    listeners: [...listeners],
    clientIds: [...clientIds],
    publish: seen.publish.filters(),
    subscribe: seen.subscribe.filters(),
    receive: seen.receive.filters(),
  };
}

function addAll(names: Set<string>, more: readonly string[], namesMax: number): void {
  for (const name of more) if (names.size < namesMax && name.length <= NAME_MAX_CHARS) names.add(name);
}

/** What stands in a file or came from elsewhere, as an image of a user; undefined where it is none. */
export function userImageOf(value: unknown): UserImage | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { user, firstMs, lastMs, roles, groups, listeners, clientIds, ...seen } = value as Record<string, unknown>;
  const isWhole =
    (user === undefined || typeof user === 'string') &&
    isTime(firstMs) &&
    isTime(lastMs) &&
    [roles, groups, listeners, clientIds].every(isTexts) &&
    ACTIONS.every((action) => Array.isArray(seen[action]) && seen[action].every(isSeenFilter));
  return isWhole ? (value as UserImage) : undefined;
}

function isTime(value: unknown): boolean {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0 && value <= MAX_DATE_MS;
}

/** The latest that a `Date` can be. */
const MAX_DATE_MS = 8.64e15;

function isTexts(value: unknown): boolean {
  return Array.isArray(value) && value.every((text) => typeof text === 'string');
}

function isSeenFilter(value: unknown): boolean {
  if (!Array.isArray(value) || value.length !== 5) return false;
  const [filter, times, firstMs, lastMs, example] = value as unknown[];
  return (
    typeof filter === 'string' &&
    checkPattern(filter) === undefined &&
    Number.isSafeInteger(times) &&
    isTime(firstMs) &&
    isTime(lastMs) &&
    typeof example === 'string'
  );
}
