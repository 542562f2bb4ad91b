import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FileFaultError } from '../../base/file-fault.ts';
import { ManualClock } from '../../base/manual-clock.ts';
import { buildPolicyAuthorizer } from './policy-authorizer.ts';
import type { PolicyProgress } from './policy-build.ts';
import { buildPolicy } from './policy-thread.ts';

const IN_THREAD = { threadMinBytes: 0 };

function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Buffer.from(text));
}

test('a policy compiled in a thread decides as one compiled here', async () => {
  const text = `roles:
  r:
    grants:
      - allow: publish
        topics: d/\${username}/#
      - allow: publish
        topics: e
        when: { qos: 1, network: 10.0.0.0/8 }
      - deny: [publish, subscribe]
        topics: d/+/secret
assignments:
  - { roles: r, to: authenticated }
`;
  const subject = { username: 'alice', clientId: 'c', address: '10.0.0.1' };
  const answers = (
    await Promise.all([buildPolicy(bytesOf(text), 'p'), buildPolicy(bytesOf(text), 'p', IN_THREAD)])
  ).map((policy) => {
    const rights = buildPolicyAuthorizer(policy, new ManualClock()).forClient(subject);
    const decision = rights.publish('e');
    return [
      rights.publish('d/alice/x'),
      rights.publish('d/alice/secret'),
      rights.publish('d/bob'),
      decision.depends?.({ qos: 1, retain: false, payloadBytes: 0 }),
      decision.depends?.({ qos: 2, retain: false, payloadBytes: 0 }),
      rights.subscribe('d/alice/#'),
    ].map((each) => `${each?.allowed} ${each?.by}`);
  });
  assert.deepEqual(answers[0], [
    'true policy:p:5',
    'false policy:p:10',
    'false policy:default',
    'true policy:p:7',
    'false policy:default',
    'false policy:p:10',
  ]);
  assert.deepEqual(answers[1], answers[0]);
});

test('faults come out of the thread as they were found', async () => {
  await assert.rejects(buildPolicy(bytesOf('roles:\n  r: { grant: x }\n'), 'p', IN_THREAD), (error) => {
    assert.ok(error instanceof FileFaultError);
    assert.partialDeepStrictEqual(error.faults, [{ file: 'p', line: 2, column: 8 }]);
    return true;
  });
});

test('what is no UTF-8 is refused, in a thread and here', async () => {
  for (const options of [IN_THREAD, {}]) {
    await assert.rejects(buildPolicy(Uint8Array.of(0x72, 0xff), 'p', options), /p:1:1: The file is no UTF-8 text/);
  }
});

test('a large policy tells how far it has come', async () => {
  const grants = Array.from({ length: 60_000 }, (_, i) => `      - allow: publish\n        topics: a/${i}\n`);
  const text = `roles:\n  r:\n    grants:\n${grants.join('')}assignments: [{ roles: r, to: everyone }]\n`;
  const seen: PolicyProgress[] = [];
  const policy = await buildPolicy(bytesOf(text), 'p', { onProgress: (progress) => seen.push(progress) });
  const rights = buildPolicyAuthorizer(policy, new ManualClock()).forClient({ username: 'a', clientId: 'a' });
  assert.equal(rights.publish('a/59999').by, `policy:p:${5 + 2 * 59_999}`);
  assert.deepEqual([...new Set(seen.map(({ stage }) => stage))], ['reading', 'compiling']);
  for (const { done, all } of seen) assert.ok(done > 0 && done <= all);
});

test('a policy that breaks its own assertion is refused with what breaks it, in a thread and here', async () => {
  const text = `roles:
  r:
    grants:
      - { allow: publish, topics: a/# }
assignments: [{ roles: r, to: authenticated }]
assertions:
  - never: anonymous publish a/#
  - never: role r publish a/b
`;
  for (const options of [IN_THREAD, {}]) {
    await assert.rejects(buildPolicy(bytesOf(text), 'p', options), (error) => {
      assert.ok(error instanceof FileFaultError);
      const [fault, ...others] = error.faults;
      assert.deepEqual(others, []);
      assert.partialDeepStrictEqual(fault, { file: 'p', line: 8, column: 12 });
      assert.match(fault!.says, /user \w+ may publish to a\/b\. That is by role r, line 4/);
      return true;
    });
    const mended = await buildPolicy(bytesOf(text.replace('role r publish', 'anonymous publish')), 'p', options);
    assert.equal(mended.summary.assertions, 2);
  }
});
