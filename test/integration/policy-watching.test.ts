/** A candidate policy in shadow, and a policy that is learnt, with real clients, over one process and several. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { table } from '../../src/cli/table.ts';
import { documented } from '../kit/documented.ts';
import { eventsLike, untilEvent } from '../kit/event-log.ts';
import { eventually } from '../kit/eventually.ts';
import { type RunningGateway, sallyport, startGateway } from '../kit/gateway.ts';
import { MqttJsClient } from '../kit/mqttjs.ts';
import { removeAtExit, temporaryDirectory } from '../kit/process.ts';

const USERS = { 'pump-1': 'p', 'pump-2': 'p', ann: 'p' };
const NOT_AUTHORIZED = 0x87;
const DOCUMENT = new URL('../../docs/policy.md', import.meta.url);

interface Init {
  readonly workers: number;
  /** Files beside the configuration. */
  readonly files?: Readonly<Record<string, string>>;
  readonly authorization?: Readonly<Record<string, unknown>>;
  readonly acl?: readonly string[];
}

async function start(t: TestContext, { workers, files = {}, authorization = {}, acl }: Init): Promise<RunningGateway> {
  const directory = await temporaryDirectory('watching');
  removeAtExit(directory);
  for (const [name, text] of Object.entries(files)) await writeFile(path.join(directory, name), text);
  const gateway = await startGateway({
    directory,
    listeners: [{ name: 'tcp', type: 'tcp' }],
    users: USERS,
    ...(acl === undefined ? {} : { acl }),
    config: { workers, authorization, broker: { persistence: 'memory' }, shutdown: { drainTimeout: '1s' } },
  });
  t.after(() => gateway.stop());
  return gateway;
}

async function connect(t: TestContext, gateway: RunningGateway, username: string): Promise<MqttJsClient> {
  const client = await MqttJsClient.connect({
    port: gateway.ports.get('tcp')!,
    options: { username, password: 'p', clientId: username, reconnectPeriod: 0 },
  });
  t.after(() => client.client.end(true));
  return client;
}

async function policy<Result>(gateway: RunningGateway, ...words: string[]): Promise<Result> {
  const { code, out, err } = await sallyport(['policy', ...words, '--data', gateway.directory, '--json']);
  assert.ok(code === 0 || code === 1, err);
  return JSON.parse(out) as Result;
}

interface Shadow {
  compared: number;
  wouldAllow: number;
  wouldDeny: number;
  differences: { kind: string; action: string; times: number; active: string; candidate: string }[];
}

for (const workers of [1, 2]) {
  describe(`with ${workers === 1 ? 'one process' : `${workers} workers`}`, { concurrency: false }, () => {
    it('a candidate in shadow changes nothing, and tells where it differs', async (t) => {
      const gateway = await start(t, {
        workers,
        files: {
          'policy.yaml': /```yaml\n# policy\.yaml\n([\s\S]*?)```/.exec(readFileSync(DOCUMENT, 'utf8'))![1]!,
          'next.yaml': documented('policy.md', 'Beside the policy in force', 'next.yaml'),
        },
        authorization: { policyFile: 'policy.yaml', shadowFile: 'next.yaml' },
      });
      const clients = [await connect(t, gateway, 'pump-1'), await connect(t, gateway, 'pump-2')];
      for (const [index, client] of clients.entries()) {
        const own = `devices/pump-${index + 1}`;
        assert.deepEqual(await client.subscribe([`${own}/command`], { qos: 1 }), [1]);
        await client.publish(`${own}/telemetry`, '7', { qos: 1 });
        await client.publish(`${own}/debug`, 'x', { qos: 1 });
        await client.publish(`${own}/debug`, 'y', { qos: 1 });
        await client.publish(`${own}/command`, 'self', { qos: 1 });
        assert.equal((await client.received(1))[0]!.payload, 'self');
        await assert.rejects(client.publish('alarms', 'x', { qos: 1 }), { code: NOT_AUTHORIZED });
      }
      const at = (name: string, line: number): string => `policy:${path.join(gateway.directory, name)}:${line}`;
      const lineOf = (text: string): number =>
        readFileSync(path.join(gateway.directory, 'next.yaml'), 'utf8').split('\n').indexOf(text) + 1;
      const shadow = await policy<Shadow>(gateway, 'shadow');
      assert.deepEqual([shadow.compared, shadow.wouldAllow, shadow.wouldDeny], [12, 2, 4]);
      assert.deepEqual(
        shadow.differences
          .map(({ kind, action, times, active, candidate }) => [kind, action, times, active, candidate])
          .sort(),
        [
          ['would allow', 'publish', 2, 'policy:default', at('next.yaml', lineOf('          - alarms'))],
          ['would deny', 'publish', 4, at('policy.yaml', 5), 'policy:default'],
        ],
      );
      const told = await untilEvent(gateway.program, 'shadow.differed', { kind: 'would deny', topic: /\/debug$/ });
      assert.equal(told['candidate'], 'policy:default');
      if (workers === 1) await checkDocument(gateway);

      // What was counted goes on over a reload that changes neither file; a broken candidate is refused whole.
      assert.equal((await gateway.reload()).code, 0);
      await eventually('open connections are asked anew', async () => {
        return (await policy<Shadow>(gateway, 'shadow')).compared > 12;
      });
      await writeFile(
        path.join(gateway.directory, 'next.yaml'),
        'roles:\n  device: { grants: [{ allow: fly, topics: a }] }\n',
      );
      const refused = await gateway.reload();
      assert.equal(refused.code, 2);
      assert.match(refused.err, /next\.yaml:2:\d+: .*fly/);
      await clients[0]!.publish('devices/pump-1/telemetry', 'still', { qos: 1 });
      assert.ok((await policy<Shadow>(gateway, 'shadow')).compared > 12, 'the old candidate runs on');
      await gateway.rewrite({ config: { ...gateway.files.config, authorization: { policyFile: 'policy.yaml' } } });
      assert.equal((await gateway.reload()).code, 0);
      const without = await sallyport(['policy', 'shadow', '--data', gateway.directory]);
      assert.equal(without.code, 2);
      assert.match(without.err, /authorization\.shadowFile/);
    });

    it('a policy that was learnt permits what was seen, and nothing else', async (t) => {
      const gateway = await start(t, { workers, acl: ['pattern readwrite #'] });
      const before = await connect(t, gateway, 'ann');
      await before.subscribe('devices/+/telemetry', { qos: 1 });
      assert.equal((await policy<{ isOn: boolean }>(gateway, 'learn', 'start')).isOn, true);
      const use = async (): Promise<void> => {
        const ann = await connect(t, gateway, 'ann');
        await ann.subscribe('devices/+/telemetry', { qos: 1 });
        for (const pump of ['pump-1', 'pump-2']) {
          const client = await connect(t, gateway, pump);
          await client.subscribe(`devices/${pump}/command`, { qos: 1 });
          await client.publish(`devices/${pump}/telemetry`, '7', { qos: 1 });
          await ann.publish(`devices/${pump}/command`, 'go', { qos: 1 });
          assert.equal((await client.received(1))[0]!.payload, 'go');
          await client.end();
        }
        await ann.received(2);
        await ann.end();
      };
      await use();
      if (workers > 1) {
        // What a worker has recorded does not go with it.
        assert.equal((await sallyport(['restart', '--data', gateway.directory])).code, 0);
        await connect(t, gateway, 'pump-1').then((client) => client.end());
      }
      const { users, isOn } = await policy<{ users: number; isOn: boolean }>(gateway, 'learn', 'status');
      assert.deepEqual([users, isOn], [3, true]);
      const running = await sallyport(['policy', 'learn', 'propose', '--data', gateway.directory]);
      assert.equal(running.code, 0, running.err);

      await gateway.program.end();
      const proposed = await sallyport(['policy', 'learn', 'propose', '--data', gateway.directory]);
      assert.equal(proposed.out, running.out, 'without a gateway it is the same');
      await writeFile(path.join(gateway.directory, 'learnt.yaml'), proposed.out);
      const config = { ...gateway.files.config, authorization: { policyFile: 'learnt.yaml' } };
      await gateway.rewrite({ config });
      const again = await gateway.restart();
      t.after(() => again.stop());
      await untilEvent(again.program, 'learning.started', { by: 'operator' });
      await use();
      for (const refusal of ['publish.refused', 'subscribe.refused', 'delivery.withheld']) {
        assert.deepEqual(eventsLike(again.program, refusal), []);
      }
      const pump = await connect(t, again, 'pump-1');
      await assert.rejects(pump.publish('devices/pump-2/telemetry', 'x', { qos: 1 }), { code: NOT_AUTHORIZED });
      await assert.rejects(pump.subscribe('devices/+/command'), /Not authorized/);
      const { unused } = await policy<{ unused: unknown[] }>(again, 'learn', 'unused');
      assert.deepEqual(unused, []);
      assert.equal((await policy<{ isOn: boolean }>(again, 'learn', 'stop')).isOn, false);
    });
  });
}

/** docs/policy.md shows the table of this very test, with another time in it. After a change: UPDATE_GOLDEN=1. */
async function checkDocument(gateway: RunningGateway): Promise<void> {
  const { out, code } = await sallyport(['policy', 'shadow', '--data', gateway.directory]);
  assert.equal(code, 1);
  const shortened = out
    .replaceAll(`${gateway.directory}/`, '')
    .replaceAll(/\d{4}-\d\d-\d\d \d\d:\d\dZ/g, '2026-07-06 08:00Z');
  // Shorter paths make narrower columns.
  const [words = '', rows = ''] = shortened.trimEnd().split('\n\n');
  const [head = [], ...cells] = rows.split('\n').map((line) => line.split(/ {2,}/));
  const told = `${words}\n\n${table(head, cells)}\n`;
  const block = /```text\n\$ sallyport policy shadow\n([\s\S]*?)```/;
  const text = readFileSync(DOCUMENT, 'utf8');
  if (process.env['UPDATE_GOLDEN'] === '1') {
    writeFileSync(
      DOCUMENT,
      text.replace(block, () => `\`\`\`text\n$ sallyport policy shadow\n${told}\`\`\``),
    );
  } else assert.equal(block.exec(text)?.[1], told);
}
