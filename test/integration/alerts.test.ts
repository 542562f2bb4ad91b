/** Alerts of a real gateway, told to a real Alertmanager, a web service, a topic of its own broker, and a program. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type RunningAlertmanager, startAlertmanager, withoutAlertmanager } from '../kit/alertmanager.ts';
import { untilEvent } from '../kit/event-log.ts';
import { eventually } from '../kit/eventually.ts';
import { type RunningGateway, sallyport, startGateway } from '../kit/gateway.ts';
import { MqttJsClient } from '../kit/mqttjs.ts';
import { freePort, HOST, removeDirectory, temporaryDirectory } from '../kit/process.ts';

const PASSWORD = 'a password of the tests';
/** What the policy of nobody grants, in words that mean something elsewhere. */
const HOSTILE = 'plant/<!channel>/$(touch pwned)';

interface Told {
  readonly status: string;
  readonly alerts: readonly Readonly<Record<string, unknown>>[];
}

describe('alerts', { skip: withoutAlertmanager }, () => {
  let gateway: RunningGateway;
  let alertmanager: RunningAlertmanager;
  let directory: string;
  let watcher: MqttJsClient;
  const hooks: Told[] = [];
  let hookStatus = 200;
  const hook = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (text: string) => (body += text));
    request.on('end', () => {
      if (hookStatus === 200) hooks.push(JSON.parse(body) as Told);
      response.writeHead(hookStatus).end();
    });
  });
  const ran = (): string => path.join(directory, 'ran');
  const control = (...args: string[]) => sallyport([...args, '--data', gateway.directory]);

  before(async () => {
    directory = await temporaryDirectory('alerts');
    alertmanager = await startAlertmanager();
    const hookPort = await freePort();
    hook.listen(hookPort, HOST);
    await once(hook, 'listening');
    const program = path.join(directory, 'on-alert');
    await writeFile(program, `#!/bin/sh\ncat >> ${ran()}\n`);
    await chmod(program, 0o700);
    await mkdir(path.join(directory, 'gateway'));
    gateway = await startGateway({
      directory: path.join(directory, 'gateway'),
      listeners: [{ name: 'tcp', type: 'tcp' }],
      users: { ann: PASSWORD, ops: PASSWORD },
      acl: ['user ops', 'topic read sallyport/alerts'],
      config: {
        alerts: {
          groupWait: '50ms',
          groupInterval: '1s',
          conditions: [{ alert: 'MQTTClientUnauthorizedAccess', count: 3, window: '1m', quiet: '2s' }],
          receivers: [
            { type: 'alertmanager', name: 'manager', url: alertmanager.url, resendInterval: '1s', instance: 'gate-1' },
            { type: 'webhook', name: 'hook', url: `http://${HOST}:${hookPort}/`, timeout: '2s' },
            { type: 'mqtt', name: 'topic', topic: 'sallyport/alerts' },
            { type: 'command', name: 'program', argv: [program] },
          ],
        },
      },
    });
    watcher = await connect('ops', 'watcher');
    await watcher.subscribe('sallyport/alerts', { qos: 1 });
  });

  after(async () => {
    watcher?.kill();
    await gateway?.stop();
    await alertmanager?.stop();
    hook.close();
    hook.closeAllConnections();
    await removeDirectory(directory);
  });

  function connect(username: string, clientId: string): Promise<MqttJsClient> {
    return MqttJsClient.connect({
      port: gateway.ports.get('tcp')!,
      options: { clientId, username, password: PASSWORD },
    });
  }

  /** As many refusals as the condition asks for. */
  async function trespass(clientId: string): Promise<void> {
    const client = await connect('ann', clientId);
    for (let i = 0; i < 3; i++) {
      await assert.rejects(client.publish(HOSTILE, 'x', { qos: 1 }));
    }
    await client.end();
  }

  it('reach every receiver, and each is told when it is over', async () => {
    await trespass('pump-7');
    await untilEvent(gateway.program, 'alert.fired', { alert: 'MQTTClientUnauthorizedAccess', subject: 'pump-7' });
    const [message] = await watcher.received(1);
    const told = JSON.parse(message!.payload) as Told;
    assert.equal(message!.qos, 1);
    assert.partialDeepStrictEqual(told.alerts[0], {
      alert: 'MQTTClientUnauthorizedAccess',
      subject: 'pump-7',
      endsAt: null,
    });
    assert.match(String(told.alerts[0]!['says']), /plant\/<!channel>/);
    await eventually('the web service hears of it', () => hooks.length > 0);
    assert.equal(hooks[0]!.status, 'firing');
    await eventually('Alertmanager knows it', async () => (await alertmanager.alerts()).length > 0);
    const [known] = await alertmanager.alerts();
    assert.deepEqual(known!.labels, {
      alertname: 'MQTTClientUnauthorizedAccess',
      severity: 'warning',
      job: 'sallyport',
      instance: 'gate-1',
      subject_kind: 'clientId',
      subject: 'pump-7',
    });
    await untilEvent(gateway.program, 'alert.resolved', { subject: 'pump-7' });
    await eventually('the web service hears of the end', () => hooks.at(-1)?.status === 'resolved');
    await eventually('Alertmanager hears of the end', async () => (await alertmanager.alerts()).length === 0);
    const [, end] = await watcher.received(2);
    assert.equal((JSON.parse(end!.payload) as Told).status, 'resolved');
    await eventually(
      'the program ran twice',
      async () => (await readFile(ran(), 'utf8')).trim().split('\n').length === 2,
    );
  });

  it('wait for a receiver that is away, and are delivered when it is back', async () => {
    const heard = hooks.length;
    await alertmanager.program.end('SIGKILL');
    hookStatus = 503;
    await trespass('pump-8');
    await untilEvent(gateway.program, 'receiver.failed', { receiver: 'hook', says: /503/ });
    await untilEvent(gateway.program, 'receiver.failed', { receiver: 'manager' });
    hookStatus = 200;
    await alertmanager.restart();
    await untilEvent(gateway.program, 'receiver.recovered', { receiver: 'hook', lost: 0 });
    await untilEvent(gateway.program, 'receiver.recovered', { receiver: 'manager' });
    const subjects = hooks.slice(heard).flatMap(({ alerts }) => alerts.map(({ subject }) => subject));
    assert.ok(subjects.includes('pump-8'));
  });

  it('are tested by a command, which says what each receiver answered', async () => {
    const { code, out } = await control('alert', 'test', '--json');
    assert.equal(code, 0, out);
    const { result } = JSON.parse(out) as { result: { receiver: string; ok: boolean; says: string }[] };
    assert.deepEqual(
      result.map(({ receiver, ok }) => [receiver, ok]),
      [
        ['manager', true],
        ['hook', true],
        ['topic', true],
        ['program', true],
      ],
    );
    hookStatus = 500;
    const failed = await control('alert', 'test', '--receiver', 'hook');
    hookStatus = 200;
    assert.equal(failed.code, 1);
    assert.match(failed.out, /hook +webhook +FAILED .*500/);
    const unknown = await control('alert', 'test', '--receiver', 'nobody');
    assert.equal(unknown.code, 2);
    assert.match(unknown.err, /no receiver "nobody"; there are manager, hook, topic, program/);
  });

  it('are silenced by a command, over a restart, and journaled', async () => {
    const made = await control(
      'alert',
      'silence',
      'subject=pump-9',
      '--for',
      '1h',
      '--reason',
      'our own test',
      '--json',
    );
    assert.equal(made.code, 0, made.err);
    const { id } = (JSON.parse(made.out) as { result: { id: string } }).result;
    await gateway.stop();
    gateway = await gateway.restart();
    const listed = await control('alert', 'silences');
    assert.match(listed.out, /subject=pump-9 .* our own test/);
    const heard = hooks.length;
    await trespass('pump-9');
    await untilEvent(gateway.program, 'alert.fired', { subject: 'pump-9' });
    const list = await control('alert', 'list');
    assert.match(list.out, /MQTTClientUnauthorizedAccess +warning +clientId pump-9 .* silenced/);
    await untilEvent(gateway.program, 'alert.resolved', { subject: 'pump-9' });
    assert.equal(hooks.length, heard);
    assert.equal((await control('alert', 'unsilence', id)).code, 0);
    assert.equal((await control('alert', 'unsilence', id)).code, 2);
    const journal = await control('journal', 'search', '--event', 'alert-*');
    assert.match(journal.out, /did alert-silence subject=pump-9 1h our own test/);
  });
});
