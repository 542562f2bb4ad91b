/** The compiled policy against the plainest reading of the same roles: grant by grant, with the codec's own filter algebra. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ManualClock } from '../../base/manual-clock.ts';
import { filterContains, filtersOverlap, topicMatchesFilter } from '../../mqtt/topic.ts';
import type { AccessDecision, PublishFacts, Subject } from './decision.ts';
import { buildPolicyAuthorizer } from './policy-authorizer.ts';
import { compilePolicy } from './policy-compiled.ts';
import { parsePolicyFile } from './policy-file.ts';
import type { Action, Assignment, Grant, Policy } from './policy-form.ts';

const clock = new ManualClock();

const word = fc.constantFrom('', 'a', 'b', '$a');
const topic = fc
  .array(word, { minLength: 1, maxLength: 3 })
  .map((levels) => levels.join('/'))
  .filter((name) => name !== '');

function filterOf(level: fc.Arbitrary<string>): fc.Arbitrary<string> {
  return fc
    .tuple(fc.array(level, { maxLength: 3 }), fc.boolean())
    .map(([levels, open]) => [...levels, ...(open ? ['#'] : [])].join('/'))
    .filter((filter) => filter !== '');
}

const filter = filterOf(fc.oneof({ weight: 2, arbitrary: word }, { weight: 1, arbitrary: fc.constant('+') }));
const placeholder = fc.constantFrom('${username}', '${clientId}', 'x${username}', '${claim.s}', '$${clientId}');
const pattern = filterOf(
  fc.oneof(
    { weight: 4, arbitrary: word },
    { weight: 3, arbitrary: fc.constant('+') },
    { weight: 1, arbitrary: placeholder },
  ),
);
const roleName = fc.constantFrom('r0', 'r1', 'r2', 'r3');

const allowWhen = fc.constantFrom(
  undefined,
  '{ qos: 0 }',
  '{ retain: true }',
  '{ payloadMax: 10 }',
  '{ tls: required }',
  '{ listener: l }',
  '{ network: 10.0.0.0/8, qos: 1 }',
);
const denyWhen = fc.constantFrom(
  undefined,
  undefined,
  '{ retain: true }',
  '{ listener: l }',
  '{ network: 10.0.0.0/8 }',
  '{ retain: false, listener: l }',
);
const messageActions = fc.subarray(['publish', 'receive'], { minLength: 1 });
const grant = fc
  .tuple(fc.constantFrom('allow', 'allow', 'deny'), messageActions, pattern, allowWhen, denyWhen, fc.boolean())
  .map(([effect, actions, filterText, whenAllowed, whenDenied, subscribes]) => {
    const when = effect === 'allow' ? whenAllowed : whenDenied;
    const isAboutMessages = /qos|retain|payload/.test(when ?? '');
    const all = subscribes && !isAboutMessages ? ['subscribe', ...actions] : actions;
    const condition = when === undefined ? '' : `, when: ${when}`;
    return `{ ${effect}: [${all.join(', ')}], topics: "${filterText}"${condition} }`;
  });
const to = fc.constantFrom(
  'everyone',
  'everyone',
  'everyone',
  'anonymous',
  'authenticated',
  '{ user: [a, b] }',
  '{ group: g }',
  '{ role: op, listener: l }',
  '{ clientId: "*b" }',
  '{ claim.s: a }',
  '{ network: 10.0.0.0/8 }',
);
const policy = fc
  .record({
    // Roles include only those before them: no circles.
    grants: fc.array(fc.array(grant, { maxLength: 4 }), { minLength: 4, maxLength: 4 }),
    includes: fc.tuple(fc.boolean(), fc.boolean(), fc.boolean()),
    assignments: fc.array(fc.tuple(roleName, to), { maxLength: 4 }),
  })
  .map(({ grants, includes, assignments }) => {
    const roles = grants.map((own, i) => {
      const included = i > 0 && includes[i - 1] ? `    includes: r${i - 1}\n` : '';
      return `  r${i}:\n${included}    grants:\n${own.map((text) => `      - ${text}\n`).join('')}`;
    });
    const assigned = assignments.map(([role, whom]) => `  - { roles: ${role}, to: ${whom} }\n`);
    return parsePolicyFile(`roles:\n${roles.join('')}assignments:\n${assigned.join('')}`, 'p');
  });

const username = fc.constantFrom('a', 'b', '$a', 'a/b', '+', '', undefined);
const subject: fc.Arbitrary<Subject> = fc.record({
  username,
  clientId: fc.constantFrom('a', 'b', 'xb', '#'),
  roles: fc.constantFrom([], ['op']),
  groups: fc.constantFrom([], ['g', 'h']),
  attributes: fc.constantFrom({}, { 'claim.s': 'a' }, { 'claim.s': 'b' }),
  listener: fc.constantFrom('l', 'm'),
  address: fc.constantFrom('10.1.2.3', '192.0.2.1'),
  secure: fc.boolean(),
});
const facts: fc.Arbitrary<PublishFacts> = fc.record({
  qos: fc.constantFrom(0, 1, 2),
  retain: fc.boolean(),
  payloadBytes: fc.constantFrom(0, 10, 11),
});

function meets({ to: selector }: Assignment, who: Subject): boolean {
  if (selector.who === 'anonymous' && who.username !== undefined) return false;
  if (selector.who === 'authenticated' && who.username === undefined) return false;
  if (selector.users !== undefined && !selector.users.includes(who.username ?? '?')) return false;
  if (selector.groups !== undefined && !selector.groups.some((group) => who.groups!.includes(group))) return false;
  if (selector.identityRoles !== undefined && !selector.identityRoles.some((role) => who.roles!.includes(role)))
    return false;
  if (selector.clientIds !== undefined && !who.clientId.endsWith('b')) return false;
  if (selector.listeners !== undefined && !selector.listeners.includes(who.listener!)) return false;
  if (selector.networks !== undefined && !who.address!.startsWith('10.')) return false;
  return (selector.attributes ?? []).every(({ name, values }) => values.includes(who.attributes![name] ?? '?'));
}

function grantsOf({ roles, assignments }: Policy, who: Subject): Grant[] {
  const held = new Set(assignments.filter((assignment) => meets(assignment, who)).flatMap((each) => each.roles));
  for (const name of held) for (const other of roles.find((role) => role.name === name)!.includes) held.add(other);
  return roles.filter((role) => held.has(role.name)).flatMap((role) => role.grants);
}

/** The filter with its placeholders filled in; undefined where one cannot be. */
function filled(text: string, who: Subject): string | undefined {
  const values: Record<string, string | undefined> = {
    username: who.username,
    clientId: who.clientId,
    'claim.s': who.attributes!['claim.s'],
  };
  let isFit = true;
  const result = text.replace(/\$\{([^}]*)\}/g, (_, name: string) => {
    const value = values[name];
    if (value === undefined || value === '' || /[+#/]/.test(value)) isFit = false;
    return value ?? '';
  });
  return isFit && !(text.startsWith('${') && result.startsWith('$')) ? result : undefined;
}

function holds({ when }: Grant, who: Subject, message: PublishFacts | undefined): boolean {
  if (when.tls !== undefined && !who.secure) return false;
  if (when.listeners !== undefined && !when.listeners.includes(who.listener!)) return false;
  if (when.networks !== undefined && !who.address!.startsWith('10.')) return false;
  if (message === undefined) return true;
  if (when.qosMax !== undefined && message.qos > when.qosMax) return false;
  if (when.retain !== undefined && message.retain !== when.retain) return false;
  return when.payloadMaxBytes === undefined || message.payloadBytes <= when.payloadMaxBytes;
}

interface Question {
  readonly action: Action;
  readonly message: PublishFacts;
  readonly isAllowedBy: (text: string) => boolean;
  readonly isDeniedBy: (text: string) => boolean;
}

/** The outcome, and the lines of all grants that may be its author. */
function expected(of: Policy, who: Subject, question: Question): { allowed: boolean; lines: number[] } {
  const grants = grantsOf(of, who);
  const lost = grants.filter(
    (each) => each.effect === 'deny' && filled(each.topic, who) === undefined && holds(each, who, undefined),
  );
  if (lost.length > 0) return { allowed: false, lines: lost.map(({ line }) => line) };
  const applying = grants.filter(
    (each) => each.actions.includes(question.action) && holds(each, who, question.message),
  );
  const linesOf = (effect: string, applies: (text: string) => boolean): number[] =>
    applying
      .filter((each) => each.effect === effect)
      .filter((each) => {
        const text = filled(each.topic, who);
        return text !== undefined && applies(text);
      })
      .map(({ line }) => line);
  const denies = linesOf('deny', question.isDeniedBy);
  if (denies.length > 0) return { allowed: false, lines: denies };
  const allows = linesOf('allow', question.isAllowedBy);
  return { allowed: allows.length > 0, lines: allows };
}

function assertDecision(decision: AccessDecision, wanted: { allowed: boolean; lines: number[] }): void {
  assert.equal(decision.allowed, wanted.allowed, `${decision.by}, not ${wanted.lines}`);
  assert.equal(decision.depends, undefined);
  const authors = wanted.lines.length === 0 ? ['policy:default'] : wanted.lines.map((line) => `policy:p:${line}`);
  assert.ok(authors.includes(decision.by), `${decision.by} is none of ${authors}`);
}

const RUNS = { numRuns: 2500 };

test('publishing and receiving are decided as by reading grant by grant', () => {
  fc.assert(
    fc.property(policy, subject, fc.array(topic, { maxLength: 6 }), facts, (of, who, topics, message) => {
      const rights = buildPolicyAuthorizer(compilePolicy(of), clock).forClient(who);
      for (const name of topics) {
        const matches = (text: string): boolean => topicMatchesFilter(name, text);
        const question = { message, isAllowedBy: matches, isDeniedBy: matches };
        for (const action of ['publish', 'receive'] as const) {
          const decision = rights[action](name);
          const settled = decision.depends?.(message) ?? decision;
          assertDecision(settled, expected(of, who, { ...question, action }));
          if (decision.depends !== undefined) assert.equal(decision.allowed, false);
        }
      }
    }),
    RUNS,
  );
});

test('a subscription is decided as by reading grant by grant', () => {
  fc.assert(
    fc.property(policy, subject, fc.array(filter, { maxLength: 6 }), (of, who, filters) => {
      const rights = buildPolicyAuthorizer(compilePolicy(of), clock).forClient(who);
      for (const asked of filters) {
        assertDecision(
          rights.subscribe(asked),
          expected(of, who, {
            action: 'subscribe',
            message: { qos: 0, retain: false, payloadBytes: 0 },
            isAllowedBy: (text) => filterContains(text, asked),
            isDeniedBy: (text) => filtersOverlap(text, asked),
          }),
        );
      }
    }),
    RUNS,
  );
});

test('no subscription reaches a topic whose own subscription is refused', () => {
  fc.assert(
    fc.property(policy, subject, filter, topic, (of, who, asked, name) => {
      const rights = buildPolicyAuthorizer(compilePolicy(of), clock).forClient(who);
      if (!rights.subscribe(asked).allowed || !topicMatchesFilter(name, asked)) return;
      assert.equal(rights.subscribe(name).allowed, true);
    }),
    RUNS,
  );
});

test('many roles on one filter are told apart', () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.nat(199), { minLength: 1, maxLength: 150 }),
      fc.uniqueArray(fc.nat(199), { minLength: 1, maxLength: 20 }),
      (granted, held) => {
        const roles = Array.from({ length: 200 }, (_, i) =>
          granted.includes(i) ? `  r${i}: { grants: [{ allow: publish, topics: a/b }] }` : `  r${i}: {}`,
        );
        const text = `roles:\n${roles.join('\n')}\nassignments: [{ roles: [${held.map((i) => `r${i}`)}], to: everyone }]`;
        const rights = buildPolicyAuthorizer(compilePolicy(parsePolicyFile(text, 'p')), clock).forClient({
          username: 'a',
          clientId: 'a',
        });
        const both = granted.filter((i) => held.includes(i));
        const by = both.length === 0 ? 'policy:default' : `policy:p:${Math.min(...both) + 2}`;
        assert.deepEqual(rights.publish('a/b'), { allowed: both.length > 0, by });
      },
    ),
    { numRuns: 300 },
  );
});
