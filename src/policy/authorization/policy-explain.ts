/**
 * Why a client may or may not: the grant that decided, the roles the client has and through what, the grants that came near, and
 * what would have to change. The decision itself is the compiled policy's; only its surroundings are looked up here.
 */
import type { Clock } from '../../base/clock.ts';
import { filterContains, filtersOverlap, topicMatchesFilter } from '../../mqtt/topic.ts';
import { demandsOf } from './assigned-roles.ts';
import { Condition } from './condition.ts';
import type { PublishFacts, Subject } from './decision.ts';
import { describeCondition, describeGrant, describeSelector } from './grant-words.ts';
import { buildPolicyAuthorizer } from './policy-authorizer.ts';
import { compilePolicy } from './policy-compiled.ts';
import type { Action, Assignment, Conditions, Grant, Policy, Role } from './policy-form.ts';
import { attributeOf, fillIn, hasPlaceholder, placeholdersIn } from './topic-pattern.ts';
import { Holds } from './trie-search.ts';

export interface Question {
  readonly action: Action;
  /** A topic name; with `subscribe` a topic filter. */
  readonly topic: string;
  /** Of the message; of no meaning with `subscribe`. */
  readonly facts: PublishFacts;
}

export interface ExplainedRole {
  readonly role: string;
  /** Such as `assigned to group ops (line 41)` or `included by operator`. */
  readonly through: string;
}

export interface ExplainedGrant {
  readonly file: string;
  readonly line: number;
  readonly role: string;
  /** In words. */
  readonly grant: string;
}

/** A grant that would have decided otherwise. */
export interface NearGrant extends ExplainedGrant {
  /** What kept it from applying. */
  readonly obstacles: readonly string[];
}

export interface Explanation {
  readonly allowed: boolean;
  /** The author, as events name it. */
  readonly by: string;
  /** Undefined when nothing granted it. */
  readonly decided: ExplainedGrant | undefined;
  /** Where it is not plain from the grant why it decided. */
  readonly remark: string | undefined;
  readonly roles: readonly ExplainedRole[];
  /** The nearest first. */
  readonly near: readonly NearGrant[];
  /** What would have to change for the opposite; each by itself is enough. Empty where it is allowed. */
  readonly changes: readonly string[];
}

const NEAR_MAX = 8;
/** With more in its way a grant is not near. */
const OBSTACLES_MAX = 2;
const ROLES_LISTED_MAX = 5;

interface Obstacle {
  readonly says: string;
  /** How to be rid of it. */
  readonly change: string;
  /** It is about the grant itself, so that with anything else in the way the grant is not near. */
  readonly isOwn?: true;
}

interface Near {
  readonly role: Role;
  readonly grant: Grant;
  readonly obstacles: readonly Obstacle[];
}

export function explain(policy: Policy, subject: Subject, question: Question, clock: Clock): Explanation {
  return new Explainer(policy, subject, question, clock).explain();
}

class Explainer {
  readonly #policy: Policy;
  readonly #subject: Subject;
  readonly #question: Question;
  readonly #clock: Clock;
  /** Roles that are held, and through what. */
  readonly #held = new Map<string, string>();

  constructor(policy: Policy, subject: Subject, question: Question, clock: Clock) {
    this.#policy = policy;
    this.#subject = subject;
    this.#question = question;
    this.#clock = clock;
    this.#findRoles();
  }

  #findRoles(): void {
    for (const { roles, to, line } of this.#policy.assignments) {
      if (!demandsOf(to)(this.#subject)) continue;
      for (const role of roles) {
        if (!this.#held.has(role)) this.#held.set(role, `assigned to ${describeSelector(to)} (line ${line})`);
      }
    }
    const byName = new Map(this.#policy.roles.map((role) => [role.name, role]));
    // A map that grows while it is walked is walked to its end.
    for (const name of this.#held.keys()) {
      for (const included of byName.get(name)?.includes ?? []) {
        if (!this.#held.has(included)) this.#held.set(included, `included by ${name}`);
      }
    }
  }

  explain(): Explanation {
    const { action, topic, facts } = this.#question;
    const rights = buildPolicyAuthorizer(compilePolicy(this.#policy), this.#clock).forClient(this.#subject);
    const asked = rights[action](topic);
    const { allowed, by } = asked.depends?.(facts) ?? asked;
    const decided = this.#grantBy(by);
    const near = allowed ? this.#nearDenies() : this.#nearAllows();
    return {
      allowed,
      by,
      decided: decided && explained(decided.role, decided.grant),
      remark: this.#remark(by, decided?.grant),
      roles: [...this.#held].map(([role, through]) => ({ role, through })),
      near: near.slice(0, NEAR_MAX).map(({ role, grant, obstacles }) => ({
        ...explained(role, grant),
        obstacles: obstacles.map(({ says }) => says),
      })),
      changes: allowed ? [] : this.#changes(decided, near),
    };
  }

  /** The author is a line; of several grants on one, it is the one that applies. */
  #grantBy(by: string): { role: Role; grant: Grant } | undefined {
    const line = Number(by.slice(by.lastIndexOf(':') + 1));
    const onLine = this.#policy.roles.flatMap((role) =>
      role.grants.filter((grant) => grant.line === line).map((grant) => ({ role, grant })),
    );
    return onLine.find(({ role, grant }) => this.#obstacles(role, grant)?.length === 0) ?? onLine[0];
  }

  #remark(by: string, grant: Grant | undefined): string | undefined {
    if (by === 'policy:filter-too-broad') {
      return 'The filter reaches so many denies of `subscribe` that the search was given up; ask for less at once.';
    }
    if (grant === undefined)
      return this.#held.size === 0 ? 'The client has no role.' : 'No grant of its roles covers it.';
    if (grant.effect !== 'deny') return undefined;
    const lacking = this.#unusable(grant);
    if (lacking.length > 0) {
      const names = lacking.map((name) => `\${${name}}`).join(' and ');
      return `The client has no ${names} that is fit for a topic. What the deny was meant to keep it from is not known, so it is kept from everything.`;
    }
    if (this.#question.action !== 'subscribe' || filterContains(this.#filled(grant) ?? '', this.#question.topic))
      return undefined;
    return 'The filter reaches topics of that deny. To let a wide filter stand and only withhold, deny `receive` in place of `subscribe`.';
  }

  /** Placeholders that cannot be filled in. */
  #unusable({ topic }: Grant): string[] {
    return placeholdersIn(topic).filter((name) => fillIn(`\${${name}}`, this.#subject, false) === undefined);
  }

  /** The topic with its placeholders filled in; undefined where one cannot be. */
  #filled({ topic }: Grant): string | undefined {
    const levels = topic.split('/').map((level, index) => fillIn(level, this.#subject, index === 0));
    return levels.includes(undefined) ? undefined : levels.join('/');
  }

  #nearAllows(): Near[] {
    // Where only a deny stands in the way, no other allow is of interest.
    if (this.#isAllowedOtherwise()) return [];
    return this.#near('allow', (role, grant) => this.#obstacles(role, grant));
  }

  /** Whether some grant allows it, were it not for the denies. */
  #isAllowedOtherwise(): boolean {
    return this.#policy.roles.some((role) =>
      role.grants.some((grant) => grant.effect === 'allow' && this.#obstacles(role, grant)?.length === 0),
    );
  }

  /** Denies that spared the client only because of a condition. */
  #nearDenies(): Near[] {
    return this.#near('deny', (role, grant) => {
      const isOther = !this.#held.has(role.name) || !grant.actions.includes(this.#question.action);
      return isOther ? undefined : this.#obstacles(role, grant);
    });
  }

  #near(effect: Grant['effect'], obstaclesOf: (role: Role, grant: Grant) => Obstacle[] | undefined): Near[] {
    const near: Near[] = [];
    for (const role of this.#policy.roles) {
      for (const grant of role.grants) {
        if (grant.effect !== effect) continue;
        const obstacles = obstaclesOf(role, grant);
        if (obstacles === undefined || obstacles.length === 0 || obstacles.length > OBSTACLES_MAX) continue;
        if (obstacles.length > 1 && obstacles.some(({ isOwn }) => isOwn)) continue;
        near.push({ role, grant, obstacles });
      }
    }
    return near.sort((a, b) => a.obstacles.length - b.obstacles.length || a.grant.line - b.grant.line);
  }

  /** Everything that keeps a grant from applying; undefined where its topics have nothing to do with the question. */
  #obstacles(role: Role, grant: Grant): Obstacle[] | undefined {
    const onTopic = this.#topicObstacle(grant);
    if (onTopic === undefined) return undefined;
    const obstacles = [...onTopic];
    const { action } = this.#question;
    if (!this.#held.has(role.name)) {
      obstacles.push({ says: `the client lacks the role ${role.name}`, change: this.#howToHold(role.name) });
    }
    if (!grant.actions.includes(action)) {
      const change = `Add ${action} to the actions of the grant at line ${grant.line}.`;
      obstacles.push({ says: `it is about ${grant.actions.join(' and ')}, not ${action}`, change, isOwn: true });
    }
    return [...obstacles, ...this.#conditionObstacles(grant)];
  }

  #topicObstacle(grant: Grant): Obstacle[] | undefined {
    const filled = this.#filled(grant);
    if (filled !== undefined && this.#covers(grant, filled)) return [];
    const { action, topic } = this.#question;
    if (hasPlaceholder(grant.topic)) {
      const widest = grant.topic
        .split('/')
        .map((level) => (hasPlaceholder(level) ? '+' : level))
        .join('/');
      if (this.#covers(grant, widest)) return [this.#placeholderObstacle(grant)];
    }
    if (action !== 'subscribe' || filled === undefined || !filtersOverlap(filled, topic)) return undefined;
    const says = `it covers only a part of ${topic}`;
    return [{ says, change: `Subscribe to less: ${filled} is granted at line ${grant.line}.` }];
  }

  #covers(grant: Grant, filter: string): boolean {
    const { action, topic } = this.#question;
    if (action !== 'subscribe') return topicMatchesFilter(topic, filter);
    return grant.effect === 'deny' ? filtersOverlap(filter, topic) : filterContains(filter, topic);
  }

  #placeholderObstacle(grant: Grant): Obstacle {
    const values = placeholdersIn(grant.topic).map((name) => {
      const value = attributeOf(this.#subject, name);
      if (value === undefined || value === '') return `the client has no \${${name}}`;
      return this.#unusable(grant).includes(name)
        ? `\${${name}} is not fit for a topic here`
        : `\${${name}} is ${value} here`;
    });
    return { says: values.join(', '), change: `Keep to the topics that ${grant.topic} stands for with this client.` };
  }

  #conditionObstacles({ when, effect }: Grant): Obstacle[] {
    const isDeny = effect === 'deny';
    return (Object.keys(when) as (keyof Conditions)[]).flatMap((key) => {
      const only = new Condition({ [key]: when[key] }, this.#clock);
      if (only.stateFor(this.#subject, isDeny) !== Holds.NEVER && only.holds(this.#question.facts)) return [];
      const words = describeCondition(when, key);
      return [{ says: `only ${words}`, change: CHANGES[key](words) }];
    });
  }

  #howToHold(role: string): string {
    const assigned = this.#policy.assignments.filter((assignment) => assignment.roles.includes(role));
    const including = this.#policy.roles.filter(({ includes }) => includes.includes(role)).map(({ name }) => name);
    const whom = (assignment: Assignment): string => `${describeSelector(assignment.to)} (line ${assignment.line})`;
    const ways = [
      ...assigned.slice(0, 3).map(whom),
      ...including.slice(0, 3).map((name) => `whoever has the role ${name}`),
    ];
    if (ways.length === 0) return `Assign the role ${role}, which nobody has.`;
    return `Assign the role ${role} to this client; ${ways.join(', ')} has it.`;
  }

  #changes(decided: { role: Role; grant: Grant } | undefined, near: readonly Near[]): string[] {
    const changes = near.filter(({ obstacles }) => obstacles.length === 1).map(({ obstacles }) => obstacles[0]!.change);
    const { action, topic } = this.#question;
    const roles = [...this.#held.keys()];
    const grant = `\`allow: ${action}\` on \`${topic}\``;
    changes.push(
      roles.length === 0
        ? `Assign the client a role that has ${grant}.`
        : `Add ${grant} to a role that it has: ${roles.slice(0, ROLES_LISTED_MAX).join(', ')}.`,
    );
    if (decided?.grant.effect !== 'deny') return [...new Set(changes)];
    const cures = denyChanges(decided);
    // More than one thing is in the way: all that is left to say is where to begin.
    return this.#isAllowedOtherwise() ? cures : [`${cures[0]} Even then nothing would allow it.`];
  }
}

const CHANGES: Readonly<Record<keyof Conditions, (words: string) => string>> = {
  qosMax: (words) => `Send it ${words.replace('up to', 'at most at')}.`,
  retain: (words) => `Send it ${words}.`,
  payloadMaxBytes: (words) => `Send a payload of ${words}.`,
  hours: (words) => `Wait: it is granted ${words}.`,
  networks: (words) => `Connect ${words}.`,
  listeners: (words) => `Connect ${words}.`,
  tls: (words) => `Connect ${words}.`,
};

/** Each takes one deny out of the way. */
function denyChanges({ role, grant }: { role: Role; grant: Grant }): string[] {
  const { retain, hours, networks, listeners } = grant.when;
  const where = `the role ${role.name} (line ${grant.line})`;
  return [
    ...(retain === undefined ? [] : [`Send it ${retain ? 'not retained' : 'retained'}.`]),
    ...(hours === undefined ? [] : [`Wait: it is denied only ${describeCondition(grant.when, 'hours')}.`]),
    ...(networks === undefined
      ? []
      : [`Connect from elsewhere: it is denied ${describeCondition(grant.when, 'networks')}.`]),
    ...(listeners === undefined
      ? []
      : [`Connect otherwise: it is denied ${describeCondition(grant.when, 'listeners')}.`]),
    `Take \`${describeGrant(grant)}\` out of ${where}, or narrow it: a deny beats every allow.`,
  ];
}

function explained(role: Role, grant: Grant): ExplainedGrant {
  return { file: grant.file, line: grant.line, role: role.name, grant: describeGrant(grant) };
}
