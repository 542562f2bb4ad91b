import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Reason } from '../../mqtt/reason.ts';
import { parseAclFile } from '../../policy/authorization/acl-file.ts';
import { buildAuthorizer } from '../../policy/authorization/authorizer.ts';
import type { Authorizer, PublishFacts } from '../../policy/authorization/decision.ts';
import type { Ban, BanSubject } from '../../policy/detection/bans/ban.ts';
import { BanIndex } from '../../policy/detection/bans/ban-index.ts';
import { type LeftWillPolicy, refusalOfLeftWill } from './left-will.ts';

const WILL = { topic: 'site/gone', payload: Buffer.from('bye'), qos: 1, retain: false } as const;
const AUTHOR = {
  subject: { username: 'ann', clientId: 'pump-7', address: '192.0.2.7', listener: 'tcp', secure: false },
  fingerprint: 'ab12',
};

function policyOf(acl: string, change: Partial<LeftWillPolicy> = {}): LeftWillPolicy {
  const authorizer = buildAuthorizer(parseAclFile(acl, '/acl'), { subscribe: 'contained' });
  return { bans: new BanIndex(), authorizer, quarantine: undefined, ...change };
}

function banned(...subjects: BanSubject[]): BanIndex {
  const bans = new BanIndex();
  for (const subject of subjects) {
    const ban: Ban = { subject, reason: 'r', author: 'operator:o', sinceMs: 0, untilMs: 1, offence: 0 };
    bans.put(ban);
  }
  return bans;
}

test('a Will whose author may publish there now is published', () => {
  assert.equal(refusalOfLeftWill(WILL, AUTHOR, policyOf('user ann\ntopic write site/#\n')), undefined);
});

test('one whose grant has gone is not, and the rule is named', () => {
  const refusal = refusalOfLeftWill(WILL, AUTHOR, policyOf('user ann\ntopic deny site/gone\ntopic write site/#\n'));
  assert.deepEqual([refusal?.reason, refusal?.by], [Reason.NotAuthorized, 'acl:/acl:2']);
  assert.equal(refusalOfLeftWill(WILL, AUTHOR, policyOf('user bob\ntopic write #\n'))?.by, 'acl:default');
});

test('nor one of a banned author, by whatever it is banned, also by the address that it had', () => {
  const subjects: BanSubject[] = [
    { kind: 'username', value: 'ann' },
    { kind: 'clientId', value: 'pump-7' },
    { kind: 'address', value: '192.0.2.7' },
    { kind: 'network', value: '192.0.2.0/24' },
    { kind: 'certificate', value: 'ab12' },
  ];
  for (const subject of subjects) {
    const refusal = refusalOfLeftWill(WILL, AUTHOR, policyOf('topic write #\n', { bans: banned(subject) }));
    assert.deepEqual(
      [refusal?.reason, refusal?.by],
      [
        Reason.Banned,
        `ban:${subject.kind === 'clientId' ? 'client' : subject.kind === 'username' ? 'user' : subject.kind}:${subject.value}`,
      ],
    );
  }
  const elsewhere = banned({ kind: 'address', value: '192.0.2.8' }, { kind: 'username', value: 'bob' });
  const open = policyOf('user ann\ntopic write #\n', { bans: elsewhere });
  assert.equal(refusalOfLeftWill(WILL, AUTHOR, open), undefined);
});

test('a grant that depends on the message is asked about this one', () => {
  const asked: PublishFacts[] = [];
  const decision = {
    allowed: false,
    by: 'policy:3',
    depends: (facts: PublishFacts) => {
      asked.push(facts);
      return { allowed: facts.payloadBytes < 4, by: 'policy:3' };
    },
  };
  const authorizer = { forClient: () => ({ publish: () => decision }) } as unknown as Authorizer;
  const policy = policyOf('', { authorizer });
  assert.equal(refusalOfLeftWill(WILL, AUTHOR, policy), undefined);
  assert.equal(refusalOfLeftWill({ ...WILL, payload: Buffer.from('longer') }, AUTHOR, policy)?.by, 'policy:3');
  assert.deepEqual(asked[0], { qos: 1, retain: false, payloadBytes: 3 });
});

test('an author in quarantine may what the quarantine may', () => {
  const confined = { holds: ({ clientId }: { clientId?: string }) => clientId === 'pump-7' };
  const authorizer = buildAuthorizer(parseAclFile('topic write notices/#\n', '/role'), { subscribe: 'contained' });
  const quarantine = { confined, authorizer, hasDecoy: false } as unknown as LeftWillPolicy['quarantine'];
  const policy = policyOf('user ann\ntopic write #\n', { quarantine });
  assert.equal(refusalOfLeftWill(WILL, AUTHOR, policy)?.by, 'acl:default');
  const free = { ...AUTHOR, subject: { ...AUTHOR.subject, clientId: 'pump-8' } };
  assert.equal(refusalOfLeftWill(WILL, free, policy), undefined);
});

test('of whom nothing is known, nothing is published', () => {
  assert.equal(refusalOfLeftWill(WILL, undefined, policyOf('topic write #\n'))?.by, 'will:author');
});
