import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Reason } from '../../mqtt/reason.ts';
import { parseAclFile } from '../../policy/authorization/acl-file.ts';
import { buildAuthorizer } from '../../policy/authorization/authorizer.ts';
import type { Authorizer, PublishFacts } from '../../policy/authorization/decision.ts';
import type { Ban, BanSubject } from '../../policy/detection/bans/ban.ts';
import { BanIndex } from '../../policy/detection/bans/ban-index.ts';
import { anonymousMethod } from '../../policy/identity/anonymous.ts';
import { buildAuthenticator } from '../../policy/identity/authenticator.ts';
import { certificateMethod } from '../../policy/identity/certificate.ts';
import type { IdentityMethod } from '../../policy/identity/identity.ts';
import { parseIdentityTemplate } from '../../policy/identity/identity-template.ts';
import type { WillAuthor } from '../will-author.ts';
import type { AuthorStanding } from './authenticate.ts';
import { type LeftWill, type LeftWillPolicy, refusalOfLeftWill } from './left-will.ts';

const WILL = { topic: 'site/gone', payload: Buffer.from('bye'), qos: 1, retain: false } as const;
const AUTHOR = {
  subject: { username: 'ann', clientId: 'pump-7', address: '192.0.2.7', listener: 'tcp', secure: false },
  proof: { method: 'stored', credential: 'mark' },
  certificate: {
    fingerprint: 'ab12',
    commonName: 'ann',
    subject: 'CN = ann',
    issuer: 'CN = plant',
    serial: '01',
    organizationalUnits: [],
    dnsNames: ['pump-7.plant'],
    uris: [],
    emails: [],
    notAfterMs: 9000,
  },
};
const NOW_MS = 5000;

/** Whom a listener knows by a method that keeps this mark of the credential. */
function knowing(mark: string | undefined, change: Partial<AuthorStanding> = {}): LeftWillPolicy['standings'] {
  const stored: IdentityMethod = {
    name: 'stored',
    authenticate: () => undefined,
    stillValid: ({ username, credential }) => username === 'ann' && credential === mark,
  };
  const authenticator = buildAuthenticator([stored, certificateMethod, anonymousMethod]);
  return new Map([['tcp', { authenticator, anonymousAllowed: false, certificateIdentity: undefined, ...change }]]);
}

function refusal(policy: LeftWillPolicy, author: WillAuthor | undefined = AUTHOR, will: LeftWill = WILL) {
  return refusalOfLeftWill(will, author, policy, NOW_MS);
}

function policyOf(acl: string, change: Partial<LeftWillPolicy> = {}): LeftWillPolicy {
  const authorizer = buildAuthorizer(parseAclFile(acl, '/acl'), { subscribe: 'contained' });
  return { bans: new BanIndex(), authorizer, quarantine: undefined, standings: knowing('mark'), ...change };
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
  assert.equal(refusal(policyOf('user ann\ntopic write site/#\n')), undefined);
});

test('one whose grant has gone is not, and the rule is named', () => {
  const refused = refusal(policyOf('user ann\ntopic deny site/gone\ntopic write site/#\n'));
  assert.deepEqual([refused?.reason, refused?.by], [Reason.NotAuthorized, 'acl:/acl:2']);
  assert.equal(refusal(policyOf('user bob\ntopic write #\n'))?.by, 'acl:default');
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
    const refused = refusal(policyOf('topic write #\n', { bans: banned(subject) }));
    assert.deepEqual(
      [refused?.reason, refused?.by],
      [
        Reason.Banned,
        `ban:${subject.kind === 'clientId' ? 'client' : subject.kind === 'username' ? 'user' : subject.kind}:${subject.value}`,
      ],
    );
  }
  const elsewhere = banned({ kind: 'address', value: '192.0.2.8' }, { kind: 'username', value: 'bob' });
  const open = policyOf('user ann\ntopic write #\n', { bans: elsewhere });
  assert.equal(refusal(open), undefined);
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
  assert.equal(refusal(policy), undefined);
  assert.equal(refusal(policy, AUTHOR, { ...WILL, payload: Buffer.from('longer') })?.by, 'policy:3');
  assert.deepEqual(asked[0], { qos: 1, retain: false, payloadBytes: 3 });
});

test('an author in quarantine may what the quarantine may', () => {
  const confined = { holds: ({ clientId }: { clientId?: string }) => clientId === 'pump-7' };
  const authorizer = buildAuthorizer(parseAclFile('topic write notices/#\n', '/role'), { subscribe: 'contained' });
  const quarantine = { confined, authorizer, hasDecoy: false } as unknown as LeftWillPolicy['quarantine'];
  const policy = policyOf('user ann\ntopic write #\n', { quarantine });
  assert.equal(refusal(policy)?.by, 'acl:default');
  const free = { ...AUTHOR, subject: { ...AUTHOR.subject, clientId: 'pump-8' } };
  assert.equal(refusal(policy, free), undefined);
});

test('of whom nothing is known, nothing is published', () => {
  assert.equal(refusalOfLeftWill(WILL, undefined, policyOf('topic write #\n'), NOW_MS)?.by, 'will:author');
});

const OPEN = 'user ann\ntopic write #\n';

test('a Will of who would not be let in again is not published: removed, disabled, or with another password', () => {
  for (const mark of [undefined, 'another']) {
    const refused = refusal(policyOf(OPEN, { standings: knowing(mark) }));
    assert.deepEqual([refused?.reason, refused?.by], [Reason.NotAuthorized, 'policy:identity'], mark ?? 'removed');
  }
});

test('nor one of an identity or a certificate that has expired, from that moment on', () => {
  const until = (expiresAtMs: number) => ({ ...AUTHOR, proof: { ...AUTHOR.proof, expiresAtMs } });
  assert.equal(refusal(policyOf(OPEN), until(NOW_MS))?.by, 'identity:expired');
  assert.equal(refusal(policyOf(OPEN), until(NOW_MS + 1)), undefined);
  const late = { ...AUTHOR, certificate: { ...AUTHOR.certificate, notAfterMs: NOW_MS } };
  assert.equal(refusal(policyOf(OPEN), late)?.by, 'identity:expired');
});

test('nor one whose method is in the chain no longer, or whose listener is gone', () => {
  const other = { ...AUTHOR, proof: { method: 'jwt', credential: 'mark' } };
  assert.equal(refusal(policyOf(OPEN), other)?.by, 'policy:identity');
  assert.equal(refusal(policyOf(OPEN, { standings: new Map() }))?.by, 'config:listeners');
});

test('a name from a certificate has to be made of it still', () => {
  const author = { ...AUTHOR, proof: { method: 'certificate', credential: 'certificate' } };
  const named = (text: string) => {
    const certificateIdentity = parseIdentityTemplate(text);
    assert.ok(typeof certificateIdentity !== 'string');
    return policyOf(OPEN, { standings: knowing(undefined, { certificateIdentity }) });
  };
  assert.equal(refusal(named('${cert.cn}'), author), undefined);
  assert.equal(refusal(named('${cert.san.dns}'), author)?.by, 'policy:identity');
  assert.equal(refusal(policyOf(OPEN), author)?.by, 'policy:identity');
});

test('a nameless author may leave what is due while the listener lets in who shows nothing', () => {
  const { username: _username, ...nameless } = AUTHOR.subject;
  const author: WillAuthor = {
    subject: { ...nameless, username: undefined },
    proof: { method: 'anonymous', credential: 'anonymous' },
  };
  const anonymous = policyOf('topic write #\n', { standings: knowing('mark', { anonymousAllowed: true }) });
  assert.equal(refusal(anonymous, author), undefined);
  assert.equal(refusal(policyOf('topic write #\n'), author)?.by, 'policy:identity');
});

test('who vouches for it is told that the client cannot be asked', () => {
  const asked: unknown[] = [];
  const stillValid = (...given: unknown[]): boolean => asked.push(given) > 0;
  const authenticator = { ...buildAuthenticator([]), stillValid };
  assert.equal(refusal(policyOf(OPEN, { standings: knowing('', { authenticator }) })), undefined);
  const identity = { ...AUTHOR.proof, username: 'ann', clientId: 'pump-7' };
  assert.deepEqual(asked, [[identity, { anonymousAllowed: false, certificateName: undefined, isAway: true }]]);
});
