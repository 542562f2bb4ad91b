/**
 * Proofs against brute force: every client, topic and message out of small alphabets is put to the compiled policy itself. What is
 * proven has no exception there, and what is not has one, which the compiled policy confirms.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ManualClock } from '../../../base/manual-clock.ts';
import { topicMatchesFilter } from '../../../mqtt/topic.ts';
import type { AccessDecision, ClientAuthorization, PublishFacts, Subject } from '../decision.ts';
import { buildPolicyAuthorizer } from '../policy-authorizer.ts';
import { compilePolicy } from '../policy-compiled.ts';
import { parsePolicyFile } from '../policy-file.ts';
import type { Action, Assertion, Policy } from '../policy-form.ts';
import { fillIn } from '../topic-pattern.ts';
import type { Situation } from './atom.ts';
import { type Proof, proveAll } from './prover.ts';

const SEED = Number(process.env['SEED'] ?? 20_261_126);
/** A longer run: COUNT=3000 SEED=7 STRIDE=1 node --test with this file. */
const RUNS = Number(process.env['COUNT'] ?? 60);

/** `o` is what nobody names. */
const WORDS = ['', 'a', 'b', '$a', 'o'];
const TOPICS = WORDS.flatMap((x) => [
  x,
  ...WORDS.flatMap((y) => [`${x}/${y}`, ...WORDS.map((z) => `${x}/${y}/${z}`)]),
]).filter((topic) => topic !== '');

const word = fc.constantFrom('', 'a', 'b', '$a');
function filterOf(level: fc.Arbitrary<string>): fc.Arbitrary<string> {
  return fc
    .tuple(fc.array(level, { maxLength: 2 }), fc.boolean())
    .map(([levels, open]) => [...levels, ...(open ? ['#'] : [])].join('/'))
    .filter((filter) => filter !== '');
}
const placeholder = fc.constantFrom('${username}', '${clientId}', '${claim.s}', 'a${username}');
const pattern = filterOf(
  fc.oneof(
    { weight: 4, arbitrary: word },
    { weight: 3, arbitrary: fc.constant('+') },
    { weight: 2, arbitrary: placeholder },
  ),
);
const allowWhen = fc.constantFrom(
  undefined,
  undefined,
  '{ qos: 0 }',
  '{ retain: true }',
  '{ tls: required }',
  '{ payloadMax: 10 }',
  '{ hours: mon-fri 08:00-18:00 UTC }',
  '{ hours: "22:00-06:00 Europe/Berlin" }',
);
const denyWhen = fc.constantFrom(
  undefined,
  undefined,
  '{ retain: true }',
  '{ listener: l }',
  '{ network: 10.0.0.0/8 }',
  '{ hours: "sat,sun 00:00-24:00 UTC" }',
);
const grant = fc
  .tuple(
    fc.constantFrom('allow', 'allow', 'deny'),
    fc.subarray(['publish', 'subscribe', 'receive'], { minLength: 1 }),
    pattern,
    allowWhen,
    denyWhen,
  )
  .map(([effect, actions, topics, whenAllowed, whenDenied]) => {
    const when = effect === 'allow' ? whenAllowed : whenDenied;
    const isOfMessages = /qos|retain|payload/.test(when ?? '');
    const ofMessages = actions.filter((action) => action !== 'subscribe');
    const all = isOfMessages ? (ofMessages.length > 0 ? ofMessages : ['publish']) : actions;
    return `{ ${effect}: [${all.join(', ')}], topics: "${topics}"${when === undefined ? '' : `, when: ${when}`} }`;
  });
const to = fc.constantFrom(
  'everyone',
  'everyone',
  'anonymous',
  'authenticated',
  '{ user: a }',
  '{ group: g }',
  '{ group: h, listener: l }',
  '{ clientId: "a*" }',
  '{ claim.s: a }',
  '{ role: x }',
  '{ role: x, group: g }',
  '{ network: 10.0.0.0/8 }',
);
interface Moment {
  readonly who: Subject;
  readonly message: PublishFacts;
  readonly epochMs: number;
}

/** What an assertion may be limited to, and whether a moment is within that: worked out here anew, and not by what is tested. */
const MEETS: Readonly<Record<string, { text: string; isOfMessage?: boolean; by: (moment: Moment) => boolean }>> = {
  networks: { text: '{ network: 10.0.0.0/8 }', by: ({ who }) => who.address!.startsWith('10.') },
  listeners: { text: '{ listener: l }', by: ({ who }) => who.listener === 'l' },
  tls: { text: '{ tls: required }', by: ({ who }) => who.secure === true },
  retain: { text: '{ retain: false }', isOfMessage: true, by: ({ message }) => !message.retain },
  qosMax: { text: '{ qos: 0 }', isOfMessage: true, by: ({ message }) => message.qos === 0 },
  hours: {
    text: '{ hours: mon-fri 08:00-18:00 UTC }',
    by: ({ epochMs }) => {
      const at = new Date(epochMs);
      return at.getUTCDay() % 6 !== 0 && at.getUTCHours() >= 8 && at.getUTCHours() < 18;
    },
  },
};

/** On the weekend, in and out of working hours, and in the night. */
const TIMES = ['2026-11-28T09:30Z', '2026-11-27T12:00Z', '2026-11-27T19:00Z', '2026-11-27T23:30Z'].map((at) =>
  Date.parse(at),
);

const subjectText = fc.constantFrom(
  'role r0',
  'role r1',
  'role r0,r2',
  'role r1 alone',
  'user a',
  'group g',
  'anonymous',
  'everyone',
);
const assertion = fc
  .tuple(
    fc.constantFrom('never', 'only', 'always', 'always'),
    subjectText,
    fc.constantFrom('publish', 'subscribe', 'receive'),
    pattern,
    fc.constantFrom(undefined, undefined, ...Object.keys(MEETS)),
  )
  .filter(([kind, subject]) => !(kind === 'only' && subject.endsWith('alone')))
  .map(([kind, subject, action, topic, when]) => {
    const conditions =
      when === undefined || (action === 'subscribe' && MEETS[when]!.isOfMessage)
        ? ''
        : `\n    when: ${MEETS[when]!.text}`;
    return `  - ${kind}: "${subject} ${action} ${topic}"${conditions}`;
  });
const policy = fc
  .record({
    grants: fc.array(fc.array(grant, { maxLength: 3 }), { minLength: 3, maxLength: 3 }),
    includes: fc.boolean(),
    assignments: fc.array(fc.tuple(fc.constantFrom('r0', 'r1', 'r2'), to), { minLength: 1, maxLength: 4 }),
    assertions: fc.array(assertion, { minLength: 1, maxLength: 3 }),
  })
  .map(({ grants, includes, assignments, assertions }) => {
    const roles = grants.map((own, i) => {
      const included = i === 1 && includes ? '    includes: r0\n' : '';
      return `  r${i}:\n${included}    grants:\n${own.map((text) => `      - ${text}\n`).join('')}`;
    });
    const assigned = assignments.map(([role, whom]) => `  - { roles: ${role}, to: ${whom} }\n`);
    return `roles:\n${roles.join('')}assignments:\n${assigned.join('')}assertions:\n${assertions.join('\n')}\n`;
  });

const CLIENTS: readonly Subject[] = [undefined, 'a', 'o', '$a', 'aa'].flatMap((username) =>
  ['a', 'o', '$a', 'a/o', 'aa'].flatMap((clientId) =>
    [[], ['g'], ['h'], ['g', 'h']].flatMap((groups) =>
      [{}, { 'claim.s': 'a' }, { 'claim.s': 'o' }, { 'claim.s': '$a' }].flatMap((attributes) =>
        ['l', 'm'].flatMap((listener) =>
          ['10.1.2.3', '192.0.2.1'].flatMap((address) =>
            [[], ['x']].map((roles) => ({ username, clientId, groups, roles, attributes, listener, address })),
          ),
        ),
      ),
    ),
  ),
);
/** Each policy meets its own share of them; STRIDE=1 is all. */
const STRIDE = Number(process.env['STRIDE'] ?? 19);

const MESSAGES: readonly PublishFacts[] = [
  { qos: 0, retain: false, payloadBytes: 0 },
  { qos: 1, retain: false, payloadBytes: 0 },
  { qos: 0, retain: true, payloadBytes: 0 },
  { qos: 1, retain: true, payloadBytes: 11 },
];

const clock = new ManualClock();

function allows(rights: ClientAuthorization, action: Action, text: string, message: PublishFacts): boolean {
  const decision: AccessDecision = rights[action](text);
  return (decision.depends?.(message) ?? decision).allowed;
}

/** Who has which role, by asking a policy in which each role is a topic. */
function rolesAsTopics(of: Policy): (who: Subject) => (name: string) => boolean {
  const roles = of.roles.map((role) => ({
    ...role,
    grants: [{ ...of.roles[0]!, effect: 'allow' as const, actions: ['publish' as const], topic: role.name, when: {} }],
  }));
  const authorizer = buildPolicyAuthorizer(compilePolicy({ ...of, roles, assertions: [] }), clock);
  return (who) => {
    const rights = authorizer.forClient(who);
    return (name) => rights.publish(name).allowed;
  };
}

function isMeant({ subject }: Assertion, of: Policy, who: Subject, has: (role: string) => boolean): boolean {
  switch (subject.kind) {
    case 'everyone':
      return true;
    case 'anonymous':
      return who.username === undefined;
    case 'user':
      return subject.names.includes(who.username ?? '?');
    case 'group':
      return subject.names.some((name) => who.groups!.includes(name));
    case 'role': {
      if (!subject.names.some(has)) return false;
      if (!subject.isAlone) return true;
      const common = of.assignments.filter(({ to: selector }) => Object.keys(selector).every((key) => key === 'who'));
      const own = new Set([...subject.names, ...common.flatMap(({ roles }) => roles)]);
      for (const name of own) for (const other of of.roles.find((role) => role.name === name)!.includes) own.add(other);
      return of.roles.every(({ name }) => own.has(name) || !has(name));
    }
  }
}

/** Whether this client, with this message, breaks it; and on what. */
function broken(
  assertionOf: Assertion,
  isOne: boolean,
  who: Subject,
  rights: ClientAuthorization,
  message: PublishFacts,
) {
  const { kind, action, topic } = assertionOf;
  const levels = topic.split('/').map((level, index) => fillIn(level, who, index === 0));
  if (levels.includes(undefined)) return undefined;
  const filter = levels.join('/');
  if (kind === 'only' ? isOne : !isOne) return undefined;
  if (kind === 'always' && action === 'subscribe') return allows(rights, action, filter, message) ? undefined : filter;
  return TOPICS.find(
    (name) => topicMatchesFilter(name, filter) && allows(rights, action, name, message) === (kind !== 'always'),
  );
}

function textOf({ levels }: Situation, { kind, action, topic }: Assertion): string {
  const isFilter = kind === 'always' && action === 'subscribe';
  const isOpen = isFilter && topic.endsWith('#');
  return [...levels, ...(isOpen ? ['#'] : [])].join('/');
}

function isWithin({ when }: Assertion, moment: Moment): boolean {
  return Object.keys(when).every((key) => MEETS[key]!.by(moment));
}

function checkCounterexample(of: Policy, proof: Proof): void {
  assert.equal(proof.outcome, 'broken');
  const { assertion: asserted, counterexample } = proof as Extract<Proof, { outcome: 'broken' }>;
  const { situation } = counterexample;
  const { subject, facts, epochMs } = situation;
  assert.ok(isWithin(asserted, { who: subject, message: facts, epochMs }), JSON.stringify(situation));
  clock.setEpoch(epochMs);
  const isOne = isMeant(asserted, of, subject, rolesAsTopics(of)(subject));
  assert.equal(isOne, asserted.kind !== 'only');
  const rights = buildPolicyAuthorizer(compilePolicy(of), clock).forClient(subject);
  const filled = asserted.topic.split('/').map((level, index) => fillIn(level, subject, index === 0));
  assert.ok(!filled.includes(undefined));
  const text = textOf(situation, asserted);
  if (!text.includes('+') && !text.includes('#'))
    assert.ok(topicMatchesFilter(text, filled.join('/')), `${text} of ${filled.join('/')}`);
  assert.equal(allows(rights, asserted.action, text, facts), asserted.kind !== 'always', JSON.stringify(situation));
}

test('what is proven has no exception among all small clients and topics, and what is not proven has one', () => {
  process.stdout.write(`seed ${SEED}\n`);
  let shares = 0;
  let turn = 0;
  const seen = { holds: 0, broken: 0, undecided: 0 };
  fc.assert(
    fc.property(policy, (text) => {
      const of = parsePolicyFile(text, 'p');
      const authorizer = buildPolicyAuthorizer(compilePolicy(of), clock);
      const rolesOf = rolesAsTopics(of);
      for (const proof of proveAll(of, of.assertions)) {
        seen[proof.outcome]++;
        if (proof.outcome === 'broken') {
          checkCounterexample(of, proof);
          continue;
        }
        assert.equal(proof.outcome, 'holds');
        for (let at = shares++ % STRIDE; at < CLIENTS.length; at += STRIDE) {
          const who = CLIENTS[at]!;
          const isOne = isMeant(proof.assertion, of, who, rolesOf(who));
          if (isOne === (proof.assertion.kind === 'only')) continue;
          for (const secure of [false, true]) {
            const client = { ...who, secure };
            const rights = authorizer.forClient(client);
            const epochMs = TIMES[turn++ % TIMES.length]!;
            clock.setEpoch(epochMs);
            for (const message of MESSAGES) {
              if (!isWithin(proof.assertion, { who: client, message, epochMs })) continue;
              const exception = broken(proof.assertion, isOne, client, rights, message);
              assert.equal(exception, undefined, `${proof.assertion.text}: ${JSON.stringify(client)}`);
            }
          }
        }
      }
    }),
    { seed: SEED, numRuns: RUNS },
  );
  process.stdout.write(`${JSON.stringify(seen)}\n`);
  assert.ok(seen.holds > RUNS / 10 && seen.broken > RUNS / 10);
});
