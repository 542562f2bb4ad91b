import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { GatewayEvent } from '../../../base/events.ts';
import { ManualClock } from '../../../base/manual-clock.ts';
import { parseAclFile } from '../acl-file.ts';
import { buildAuthorizer } from '../authorizer.ts';
import type { Authorizer, Subject } from '../decision.ts';
import { watchedAuthorizer } from '../decision-watch.ts';
import { buildPolicyAuthorizer } from '../policy-authorizer.ts';
import { compilePolicy } from '../policy-compiled.ts';
import { parsePolicyFile } from '../policy-file.ts';
import { mergedReport, type ShadowReport, ShadowTally } from './shadow-tally.ts';
import { ShadowWatcher } from './shadow-watcher.ts';

const D1: Subject = { username: 'd1', clientId: 'c1', listener: 'tcp', address: '192.0.2.1' };

const ACTIVE = `roles:
  device:
    grants:
      - allow: [publish, subscribe, receive]
        topics: a/#
assignments: [{ roles: device, to: authenticated }]
`;
/** Takes a/b away, gives c, and asks of a/r that it is not retained. */
const CANDIDATE = `roles:
  device:
    grants:
      - allow: [publish, subscribe, receive]
        topics: a/#
      - deny: [publish, receive]
        topics: a/b
      - deny: publish
        topics: a/r
        when: { retain: true }
      - allow: publish
        topics: c
assignments: [{ roles: device, to: everyone }]
`;

function authorizerOf(text: string, file: string, clock: ManualClock): Authorizer {
  return buildPolicyAuthorizer(compilePolicy(parsePolicyFile(text, file)), clock);
}

function shadowed(active: Authorizer | undefined = undefined) {
  const clock = new ManualClock();
  const events: GatewayEvent[] = [];
  const tally = new ShadowTally('new.yaml', clock, (event) => events.push(event));
  const watcher = new ShadowWatcher(authorizerOf(CANDIDATE, 'new.yaml', clock), tally);
  const authorizer = watchedAuthorizer(active ?? authorizerOf(ACTIVE, 'old.yaml', clock), () => [watcher]);
  return { clock, events, tally, authorizer };
}

describe('a candidate policy in the shadow of the active one', () => {
  it('is asked whatever is asked, enforces nothing, and is counted where it differs, with both authors', () => {
    const { tally, authorizer } = shadowed();
    const rights = authorizer.forClient(D1);
    assert.equal(rights.publish('a/b').allowed, true);
    assert.equal(rights.receive('a/b').allowed, true);
    assert.equal(rights.publish('c').allowed, false);
    assert.equal(rights.publish('a/x').allowed, true);
    assert.equal(rights.subscribe('a/#').allowed, true);
    const { compared, wouldAllow, wouldDeny, differences } = tally.report();
    assert.deepEqual([compared, wouldAllow, wouldDeny], [5, 1, 2]);
    assert.deepEqual(
      differences.map(({ kind, action, active, candidate }) => [kind, action, active, candidate]),
      [
        ['would deny', 'publish', 'policy:old.yaml:5', 'policy:new.yaml:7'],
        ['would deny', 'receive', 'policy:old.yaml:5', 'policy:new.yaml:7'],
        ['would allow', 'publish', 'policy:default', 'policy:new.yaml:12'],
      ],
    );
    assert.deepEqual(differences[0]!.example, { topic: 'a/b', clientId: 'c1', username: 'd1' });
  });

  it('is not asked again for what is remembered', () => {
    const { tally, authorizer } = shadowed();
    const rights = authorizer.forClient(D1);
    const first = rights.publish('a/b');
    assert.equal(rights.publish('a/b'), first);
    assert.equal(tally.report().compared, 1);
  });

  it('is asked for each message where either of the two depends on it', () => {
    const { tally, authorizer } = shadowed();
    const { depends } = authorizer.forClient(D1).publish('a/r');
    const facts = { qos: 0, payloadBytes: 1 } as const;
    assert.equal(depends!({ ...facts, retain: true }).allowed, true);
    assert.equal(depends!({ ...facts, retain: false }).allowed, true);
    const { compared, wouldDeny } = tally.report();
    assert.deepEqual([compared, wouldDeny], [2, 1]);
  });

  it('is compared with an ACL file as well, and for clients that have no rights at all', () => {
    for (const acl of [undefined, parseAclFile('user d1\ntopic readwrite a/#\n', 'acl'), parseAclFile('', 'acl')]) {
      const { tally, authorizer } = shadowed(buildAuthorizer(acl, { subscribe: 'contained' }));
      const anonymous = authorizer.forClient({ ...D1, username: undefined });
      assert.equal(anonymous.publish('c').allowed, false);
      assert.equal(anonymous.subscribe('a/#').allowed, false);
      assert.equal(anonymous.publish('c').allowed, false);
      assert.equal(tally.report().wouldAllow, 2);
    }
  });

  it('is told of once for each difference, then once a minute with the count, and never in a flood', () => {
    const { clock, events, tally } = shadowed();
    const differ = (line: number): void =>
      tally.compare('publish', 't', D1, { allowed: false, by: `old:${line}` }, { allowed: true, by: 'new' });
    differ(1);
    differ(1);
    assert.equal(events.length, 1);
    clock.advance(60_000);
    differ(1);
    assert.equal(events.length, 2);
    assert.deepEqual(events[1], {
      name: 'shadow.differed',
      kind: 'would allow',
      action: 'publish',
      topic: 't',
      clientId: 'c1',
      username: 'd1',
      listener: 'tcp',
      address: '192.0.2.1',
      active: 'old:1',
      candidate: 'new',
      times: 3,
    });
    for (let line = 2; line < 40; line++) differ(line);
    assert.equal(events.length, 11);
    clock.advance(1000);
    differ(40);
    const last = events.at(-1)!;
    assert.equal(last.name === 'shadow.differed' && last.suppressed, 29);
  });

  it('is remembered in bounded memory, and what is forgotten stays in the sums', () => {
    const { events, tally } = shadowed();
    for (let line = 0; line < 1500; line++) {
      tally.compare(
        'publish',
        't'.repeat(9000),
        D1,
        { allowed: true, by: `old:${line}` },
        { allowed: false, by: 'new' },
      );
    }
    const report = tally.report();
    assert.deepEqual([report.wouldDeny, report.forgotten, report.differences.length], [1500, 500, 200]);
    assert.ok(JSON.stringify(report).length < 256 * 1024);
    assert.equal(events.filter(({ name }) => name === 'ceiling.reached').length, 1);
  });

  it('is one report for several workers', () => {
    const reports = [1, 2].map((times): ShadowReport => {
      const { tally } = shadowed();
      for (let i = 0; i < times; i++) {
        tally.compare('publish', 't', D1, { allowed: true, by: 'old' }, { allowed: false, by: 'new' });
      }
      tally.compare('publish', 't', D1, { allowed: false, by: `old:${times}` }, { allowed: true, by: 'new' });
      return tally.report();
    });
    const { compared, wouldAllow, wouldDeny, differences } = mergedReport(reports)!;
    assert.deepEqual([compared, wouldAllow, wouldDeny], [5, 2, 3]);
    assert.deepEqual(
      differences.map(({ active, times }) => [active, times]),
      [
        ['old', 3],
        ['old:1', 1],
        ['old:2', 1],
      ],
    );
    assert.equal(mergedReport([]), undefined);
  });
});
