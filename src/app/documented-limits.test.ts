import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { ManualClock } from '../base/manual-clock.ts';
import { LimitsInForce } from '../policy/limits/limits-in-force.ts';
import { Membership } from '../policy/limits/membership.ts';
import { loadAuthorization } from './authorization-files.ts';
import type { Config } from './config/config.ts';
import { loadConfig } from './config/load.ts';
import { limitControl, setLimits } from './limit-control.ts';
import { limitRulesOf } from './limit-rules.ts';

const PAGE = readFileSync(new URL('../../docs/limits.md', import.meta.url), 'utf8');
const blocks = (language: string) =>
  [...PAGE.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, 'gm'))].map(([, text]) => text!);
const directory = mkdtempSync(join(tmpdir(), 'sallyport-limits-'));
after(() => rmSync(directory, { recursive: true }));

async function configOf(text: string): Promise<Config> {
  const file = join(directory, 'sallyport.yaml');
  writeFileSync(file, text);
  return (await loadConfig(file)).config;
}

function policyIn(text: string): Promise<Awaited<ReturnType<typeof loadAuthorization>>> {
  const policyFile = join(directory, 'policy.yaml');
  writeFileSync(policyFile, text);
  return loadAuthorization(
    {
      authorization: { policyFile } as Config['authorization'],
      response: { quarantine: { role: undefined, upstream: undefined, durationMs: 1 } },
    },
    new ManualClock(),
  );
}

describe('docs/limits.md', () => {
  const [configuration = '', policy = ''] = blocks('yaml');

  it('shows a configuration that is one, with the limits that it speaks of', async () => {
    const config = await configOf(configuration);
    const limits = new LimitsInForce({ clock: new ManualClock(), emit: () => undefined });
    limits.setRules(limitRulesOf(config));
    const client = limits.join({
      listener: 'mqtt',
      address: '192.0.2.7',
      username: 'cam',
      clientId: 'cam-1',
      roles: ['camera'],
      personal: [],
    });
    assert.ok(client instanceof Membership);
    assert.deepEqual(
      client.publish?.budgets.map(({ scope, limit }) => `${scope} ${limit.text}`),
      [
        'global 20MB burst 60MB',
        'listener 5000',
        'user 500',
        'role 50MB',
        'client 50 burst 200',
        'client 64KB burst 256KB',
      ],
    );
    assert.equal(client.ceilings.packetSizeMax?.max, 1_048_576);
    assert.match(client.publish?.budgets[0]?.limit.source ?? '', /sallyport\.yaml:13$/, 'file and line');
    assert.deepEqual(limits.topicFilters('config/pump'), ['config/#']);
    assert.equal(config.listeners[0]?.limits?.ceilings.packetSizeMaxBytes, 16_384);
  });

  it('shows a policy that is one', async () => {
    const { authorizer } = await policyIn(policy);
    const { roles, limits } = authorizer.forClient({ username: 'a', clientId: 'c' });
    assert.deepEqual(roles, ['sensor']);
    assert.deepEqual(
      limits?.map(({ name, text }) => `${name} ${text}`),
      ['publish.messagesPerSecond 2 burst 20', 'packetSizeMax 4KiB'],
    );
  });

  it('shows commands that the gateway understands', () => {
    const control = limitControl(
      new LimitsInForce({ clock: new ManualClock(), emit: () => undefined }),
      new ManualClock(),
    );
    const lines = blocks('sh').join('').split('\n');
    const sets = lines.filter((line) => line.startsWith('sallyport limits set '));
    assert.ok(sets.length >= 3);
    for (const line of sets) {
      const words = [...line.replace(/ #.*$/, '').matchAll(/(?:[^\s"]|"[^"]*")+/g)].map(([word]) =>
        word.replaceAll('"', ''),
      );
      const [, , , target = '', assignment = '', option, forText = ''] = words;
      assert.ok(option === undefined || option === '--for');
      assert.equal(setLimits(control, [target, forText, assignment], 'ann').length, 1, line);
    }
  });
});

describe('a policy whose roles bring limits that cannot be', () => {
  it('is refused with the line and what is wrong, all of it at once', async () => {
    const roles =
      'roles:\n  r:\n    limits:\n      publish.messagesPerSecond: 0\n      inflightMx: 3\n      connects: 1/1s\n';
    await assert.rejects(policyIn(roles), (error: Error) => {
      assert.match(error.message, /policy\.yaml:4:\d+: The limit cannot be: .*lets nothing through/);
      assert.match(error.message, /policy\.yaml:5:\d+: .*did you mean inflightMax\?/);
      assert.match(error.message, /policy\.yaml:6:\d+: .*no limit of the scope client/);
      return true;
    });
  });
});

describe('a listener', () => {
  it('has ceilings of its own, and all the others from the rest', async () => {
    const config = await configOf(
      'limits: { packetSizeMax: 1KiB, pingOnlyMax: 2h }\nlisteners:\n  - { name: a, type: tcp, port: 1883, limits: { inflightMax: 3, protocolVersions: [5], pingOnlyMax: never } }\n  - { name: b, type: tcp, port: 1884 }\n',
    );
    assert.deepEqual(config.listeners[0]?.limits?.ceilings, {
      inflightMax: 3,
      pingOnlyMaxMs: Number.POSITIVE_INFINITY,
      protocolVersions: [5],
    });
    assert.equal(config.listeners[1]?.limits, undefined);
    assert.equal(config.limits.pingOnlyMaxMs, 7_200_000);
  });
});
