/**
 * A policy compiled: roles and conditions are numbers, and all grants of all roles stand in one trie. Plain data, made in any
 * thread and handed to another without a copy of the large parts.
 */
import type { CompiledAssignment } from './assigned-roles.ts';
import { NO_CONDITIONS } from './grant-reader.ts';
import type { Action, Conditions, Grant, Policy, WrittenLimit } from './policy-form.ts';
import { hasPlaceholder } from './topic-pattern.ts';
import { TrieBuilder } from './trie-builder.ts';
import { buffersOf, MaskBit, type TrieImage } from './trie-image.ts';

/** A level with placeholders. */
export interface Template {
  readonly level: string;
  /** It begins a filter, where `$` is special. */
  readonly isFirst: boolean;
}

/** A deny that has a placeholder, which some client may lack. */
export interface TemplatedDeny {
  readonly template: number;
  readonly condition: number;
  readonly line: number;
}

/** What a policy comes to, for people. */
export interface PolicySummary {
  readonly roles: number;
  readonly grants: number;
  readonly assignments: number;
  readonly assertions: number;
  /** Listeners that conditions and assignments name, each with the first line that does. */
  readonly listeners: readonly { readonly name: string; readonly line: number }[];
}

export interface CompiledPolicy {
  readonly file: string;
  readonly summary: PolicySummary;
  readonly roleNames: readonly string[];
  /** By role, what it limits. */
  readonly limitsOf: ReadonlyMap<number, readonly WrittenLimit[]>;
  /** By role, the roles that it includes. */
  readonly includes: readonly (readonly number[])[];
  readonly assignments: readonly CompiledAssignment[];
  /** The first is no condition. */
  readonly conditions: readonly Conditions[];
  readonly templates: readonly Template[];
  /** By role, the templates of its grants. */
  readonly templatesOf: ReadonlyMap<number, readonly number[]>;
  readonly templatedDenies: ReadonlyMap<number, readonly TemplatedDeny[]>;
  readonly grants: TrieImage;
  /** Denies of `subscribe`, which also refuse filters that only reach into them. */
  readonly subscribeDenies: TrieImage;
}

/** The memory that can be given to another thread. */
export function buffersOfPolicy({ grants, subscribeDenies }: CompiledPolicy): ArrayBuffer[] {
  return [...buffersOf(grants), ...buffersOf(subscribeDenies)];
}

export const ACTION_BITS: Readonly<Record<Action, number>> = {
  publish: MaskBit.PUBLISH,
  subscribe: MaskBit.SUBSCRIBE,
  receive: MaskBit.RECEIVE,
};

const PROGRESS_EVERY = 20_000;

export type Progress = (done: number, all: number) => void;

export function compilePolicy(policy: Policy, onProgress?: Progress): CompiledPolicy {
  return new PolicyCompiler(policy).compile(onProgress);
}

class PolicyCompiler {
  readonly #policy: Policy;
  readonly #roleNumbers: ReadonlyMap<string, number>;
  readonly #conditions: Conditions[] = [NO_CONDITIONS];
  /** Grants of one entry share their conditions, and entries that say the same share a number. */
  readonly #conditionNumbers = new Map<Conditions | string, number>([[NO_CONDITIONS, 0]]);
  readonly #templates: Template[] = [];
  readonly #templateNumbers = new Map<string, number>();
  readonly #templatesOf = new Map<number, Set<number>>();
  readonly #templatedDenies = new Map<number, Map<string, TemplatedDeny>>();
  readonly #listeners = new Map<string, number>();
  readonly #grants: TrieBuilder;
  readonly #subscribeDenies: TrieBuilder;

  constructor(policy: Policy) {
    this.#policy = policy;
    this.#roleNumbers = new Map(policy.roles.map(({ name }, number) => [name, number]));
    const templateOf = (level: string, isFirst: boolean): number => this.#templateOf(level, isFirst);
    this.#grants = new TrieBuilder({ isWalkable: false, templateOf });
    this.#subscribeDenies = new TrieBuilder({ isWalkable: true, templateOf });
  }

  compile(onProgress: Progress | undefined): CompiledPolicy {
    const { file, roles, assignments } = this.#policy;
    const all = roles.reduce((sum, role) => sum + role.grants.length, 0);
    let done = 0;
    for (const [number, role] of roles.entries()) {
      for (const grant of role.grants) {
        this.#add(grant, number);
        if (++done % PROGRESS_EVERY === 0) onProgress?.(done, all);
      }
    }
    return {
      file,
      summary: this.#summarize(all),
      roleNames: roles.map(({ name }) => name),
      limitsOf: new Map(
        roles.flatMap(({ limits }, number) => (limits === undefined ? [] : [[number, limits] as const])),
      ),
      includes: roles.map((role) => this.#numbersOf(role.includes)),
      assignments: assignments.map((assignment) => ({ roles: this.#numbersOf(assignment.roles), to: assignment.to })),
      conditions: this.#conditions,
      templates: this.#templates,
      templatesOf: new Map([...this.#templatesOf].map(([role, templates]) => [role, [...templates]])),
      templatedDenies: new Map([...this.#templatedDenies].map(([role, denies]) => [role, [...denies.values()]])),
      grants: this.#grants.finish(),
      subscribeDenies: this.#subscribeDenies.finish(),
    };
  }

  #numbersOf(names: readonly string[]): number[] {
    return names.map((name) => this.#roleNumbers.get(name)!);
  }

  #add(grant: Grant, role: number): void {
    const { topic, line } = grant;
    const condition = this.#conditionOf(grant.when);
    for (const name of grant.when.listeners ?? []) this.#noteListener(name, line);
    const isDeny = grant.effect === 'deny';
    const actions = grant.actions.reduce((mask, action) => mask | ACTION_BITS[action], 0);
    if (isDeny && (actions & MaskBit.SUBSCRIBE) !== 0) {
      this.#subscribeDenies.add({ topic, role, condition, line, mask: MaskBit.SUBSCRIBE | MaskBit.DENY });
    }
    const mask = isDeny ? (actions & ~MaskBit.SUBSCRIBE) | MaskBit.DENY : actions;
    if (mask !== MaskBit.DENY) this.#grants.add({ topic, role, condition, line, mask });
    if (hasPlaceholder(topic)) this.#noteTemplates(grant, role, condition);
  }

  #summarize(grants: number): PolicySummary {
    const { roles, assignments, assertions } = this.#policy;
    for (const { to, line } of assignments) for (const name of to.listeners ?? []) this.#noteListener(name, line);
    const listeners = [...this.#listeners].map(([name, line]) => ({ name, line }));
    return {
      roles: roles.length,
      grants,
      assignments: assignments.length,
      assertions: assertions.length,
      listeners,
    };
  }

  #noteListener(name: string, line: number): void {
    this.#listeners.set(name, Math.min(line, this.#listeners.get(name) ?? line));
  }

  #noteTemplates({ topic, line, effect }: Grant, role: number, condition: number): void {
    const templates = getOrMake(this.#templatesOf, role, () => new Set<number>());
    for (const [index, level] of topic.split('/').entries()) {
      if (!hasPlaceholder(level)) continue;
      const template = this.#templateOf(level, index === 0);
      templates.add(template);
      if (effect !== 'deny') continue;
      const denies = getOrMake(this.#templatedDenies, role, () => new Map<string, TemplatedDeny>());
      const key = `${template} ${condition}`;
      if (!denies.has(key)) denies.set(key, { template, condition, line });
    }
  }

  #templateOf(level: string, isFirst: boolean): number {
    return getOrMake(this.#templateNumbers, `${isFirst} ${level}`, () => this.#templates.push({ level, isFirst }) - 1);
  }

  #conditionOf(when: Conditions): number {
    return getOrMake(this.#conditionNumbers, when, () =>
      getOrMake(this.#conditionNumbers, JSON.stringify(when), () => this.#conditions.push(when) - 1),
    );
  }
}

function getOrMake<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = make();
  map.set(key, made);
  return made;
}
