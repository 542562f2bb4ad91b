/** `sallyport policy test` and `policy diff` as a CI job meets them: exit codes, and JSON for what reads it. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { sallyport } from '../kit/gateway.ts';
import { removeDirectory, temporaryDirectory } from '../kit/process.ts';

const POLICY = `roles:
  viewer:
    grants:
      - { allow: [subscribe, receive], topics: site/# }
  operator:
    includes: viewer
    grants:
      - { allow: publish, topics: site/+/command, when: { network: 10.0.0.0/8 } }
assignments:
  - { roles: viewer, to: authenticated }
  - { roles: operator, to: { group: operators } }
assertions:
  - never: role viewer alone publish site/#
`;

interface Tested {
  ok: boolean;
  assertions: { file: string; line: number; outcome: string; counterexample?: Record<string, unknown> }[];
}

describe('policies in CI', () => {
  let directory: string;
  const at = (name: string): string => path.join(directory, name);
  const run = (...words: string[]) => sallyport(words, { cwd: directory });

  before(async () => {
    directory = await temporaryDirectory('policy-commands');
    await writeFile(at('policy.yaml'), POLICY);
    await writeFile(at('wider.yaml'), POLICY.replace(', when: { network: 10.0.0.0/8 }', ''));
    await writeFile(at('broken.yaml'), POLICY.replace('site/+/command', 'site/+#'));
    await writeFile(at('more.yaml'), 'assertions:\n  - never: role operator publish site/#\n');
  });
  after(() => removeDirectory(directory));

  it('ends with 0 where all hold', async () => {
    const { code, out } = await run('policy', 'test', '--policy', 'policy.yaml', '--json');
    assert.equal(code, 0);
    const tested = JSON.parse(out) as Tested;
    assert.deepEqual([tested.ok, tested.assertions.map(({ outcome }) => outcome)], [true, ['holds']]);
  });

  it('ends with 1 and a whole counterexample where one does not', async () => {
    const { code, out } = await run('policy', 'test', 'more.yaml', '--policy', 'policy.yaml', '--json');
    assert.equal(code, 1);
    const { ok, assertions } = JSON.parse(out) as Tested;
    assert.equal(ok, false);
    const { file, line, outcome, counterexample } = assertions.at(-1)!;
    assert.deepEqual([file, line, outcome], ['more.yaml', 2, 'broken']);
    const { topic, action, subject, by } = counterexample as {
      topic: string;
      action: string;
      subject: { groups: string[]; address: string };
      by: { line: number };
    };
    assert.match(topic, /^site\/[^/]+\/command$/);
    assert.equal(action, 'publish');
    assert.deepEqual(subject.groups, ['operators']);
    assert.match(subject.address, /^10\./);
    assert.equal(by.line, 8);
  });

  it('ends with 2 and a place where a file has to be mended', async () => {
    const { code, err } = await run('policy', 'test', '--policy', 'broken.yaml');
    assert.equal(code, 2);
    assert.match(err, /broken\.yaml:8:\d+: /);
    const absent = await run('policy', 'diff', 'policy.yaml', 'absent.yaml');
    assert.equal(absent.code, 2);
    assert.match(absent.err, /absent\.yaml/);
  });

  it('tells by its exit code whether a change of the policy changes anything', async () => {
    const same = await run('policy', 'diff', 'policy.yaml', 'policy.yaml', '--json');
    assert.deepEqual([same.code, JSON.parse(same.out).same], [0, true]);
    const { code, out } = await run('policy', 'diff', 'policy.yaml', 'wider.yaml', '--json');
    assert.equal(code, 1);
    const { roles } = JSON.parse(out) as { roles: { role: string; changes: { becomes: string; filter: string }[] }[] };
    assert.deepEqual(
      roles.map(({ role, changes }) => [role, changes.map(({ becomes, filter }) => [becomes, filter])]),
      [['operator', [['allowed', 'site/+/command']]]],
    );
  });
});
