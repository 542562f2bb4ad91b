/** A gateway whose rights come from a policy file, with real clients: decisions, conditions, reloads, and what the commands say. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { after, before, describe, it, type TestContext } from 'node:test';
import { untilEvent } from '../kit/event-log.ts';
import { type RunningGateway, sallyport, startGateway } from '../kit/gateway.ts';
import { MqttJsClient } from '../kit/mqttjs.ts';
import { removeDirectory, temporaryDirectory } from '../kit/process.ts';

const NOT_AUTHORIZED = 0x87;

const POLICY = `roles:
  device:
    grants:
      - allow: [publish, subscribe, receive]
        topics: devices/\${username}/#
      - allow: publish
        topics: status/\${clientId}
        when: { qos: 1, payloadMax: 8B }
      - deny: publish
        topics: devices/+/command
        when: { retain: true }
  reader:
    grants:
      - allow: [subscribe, receive]
        topics: status/#
      - deny: receive
        topics: status/hidden
assignments:
  - { roles: device, to: authenticated }
  - { roles: reader, to: { user: dash, network: [127.0.0.0/8, "::1"] } }
`;

describe('a gateway with a policy file', () => {
  let directory: string;
  let policyFile: string;
  let gateway: RunningGateway;

  const connect = async (
    t: TestContext,
    username: string,
    clientId = username,
    options = {},
  ): Promise<MqttJsClient> => {
    const client = await MqttJsClient.connect({
      port: gateway.ports.get('tcp')!,
      options: { username, password: 'p', clientId, ...options },
    });
    t.after(() => client.client.end(true));
    return client;
  };
  /** Refused with 0x87 by the line. */
  const refuses = async (client: MqttJsClient, topic: string, line: number | string, options = {}): Promise<void> => {
    await assert.rejects(client.publish(topic, 'x', { qos: 1, ...options }), { code: NOT_AUTHORIZED });
    const author = typeof line === 'number' ? `policy:${policyFile}:${line}` : line;
    await untilEvent(gateway.program, 'publish.refused', { topic, by: author });
  };

  before(async () => {
    directory = await temporaryDirectory('policy');
    policyFile = path.join(directory, 'policy.yaml');
    await writeFile(policyFile, POLICY);
    gateway = await startGateway({
      directory,
      listeners: [{ name: 'tcp', type: 'tcp' }],
      users: { d1: 'p', d2: 'p', dash: 'p' },
      config: { authorization: { policyFile: 'policy.yaml' }, log: { level: 'debug' } },
    });
  });
  after(async () => {
    await gateway?.stop();
    if (directory !== undefined) await removeDirectory(directory);
  });

  it('grants each client what its placeholders stand for, and nothing else', async (t) => {
    const d1 = await connect(t, 'd1');
    assert.deepEqual(await d1.subscribe(['devices/d1/#'], { qos: 1 }), [1]);
    await d1.publish('devices/d1/x', 'own', { qos: 1 });
    assert.equal((await d1.received(1))[0]!.payload, 'own');
    await refuses(d1, 'devices/d2/x', 'policy:default');
    await assert.rejects(d1.subscribe('devices/+/x'), /Not authorized/);
  });

  it('judges each message by its QoS, size and retain flag, on a topic that it knows already', async (t) => {
    const d1 = await connect(t, 'd1');
    await d1.publish('status/d1', '12345678', { qos: 1 });
    await assert.rejects(d1.publish('status/d1', '123456789', { qos: 1 }), { code: NOT_AUTHORIZED });
    await refuses(d1, 'status/d1', 'policy:default', { qos: 2 });
    await d1.publish('status/d1', '', { qos: 1 });
    await d1.publish('devices/d1/command', 'x', { qos: 1 });
    await refuses(d1, 'devices/d1/command', 10, { retain: true });
  });

  it('withholds what a client may not receive through a filter that it may have', async (t) => {
    const dash = await connect(t, 'dash');
    await dash.subscribe('status/#', { qos: 1 });
    const hidden = await connect(t, 'd1', 'hidden');
    const seen = await connect(t, 'd2', 'seen');
    await hidden.publish('status/hidden', 'no', { qos: 1 });
    await seen.publish('status/seen', 'yes', { qos: 1 });
    assert.equal((await dash.received(1))[0]!.topic, 'status/seen');
    await untilEvent(gateway.program, 'delivery.withheld', { topic: 'status/hidden', by: `policy:${policyFile}:17` });
  });

  it('refuses a Will that breaks a condition', async () => {
    const will = { topic: 'devices/d1/command', payload: Buffer.from('x'), qos: 0, retain: true } as const;
    const login = { username: 'd1', password: 'p', will };
    await assert.rejects(MqttJsClient.connect({ port: gateway.ports.get('tcp')!, options: login }), {
      code: NOT_AUTHORIZED,
    });
    await untilEvent(gateway.program, 'will.refused', { by: `policy:${policyFile}:10` });
  });

  it('explains what it does, by the same author', async () => {
    const ask = ['policy', 'explain', '--data', directory, '--user', 'd1', '--publish', 'devices/d1/command'];
    assert.equal((await sallyport(ask)).code, 0);
    const { code, out } = await sallyport([...ask, '--retain', '--listener', 'tcp', '--json']);
    assert.equal(code, 1);
    assert.partialDeepStrictEqual(JSON.parse(out), {
      allowed: false,
      by: `policy:${policyFile}:10`,
      decided: { role: 'device', line: 10 },
      subject: { listener: 'tcp', secure: false },
    });
    assert.equal((await sallyport([...ask, '--listener', 'tpc'])).code, 2);
  });

  it('is told of by check', async () => {
    const { code, out } = await sallyport(['check', '--data', directory]);
    assert.equal(code, 0);
    assert.match(out, /authorization\.policyFile +policy\.yaml/);
    assert.match(out, /The policy has 2 roles, 5 grants, 2 assignments, 0 assertions\./);
    assert.doesNotMatch(out, /aclFile/);
  });

  it('holds a new policy against connections that are open', async (t) => {
    const d1 = await connect(t, 'd1');
    const dash = await connect(t, 'dash');
    assert.deepEqual(await dash.subscribe('status/#'), [0]);
    await d1.publish('devices/d1/x', 'x', { qos: 1 });
    await writeFile(policyFile, POLICY.replace('user: dash', 'user: other').replace('devices/${username}/#', 'gone/#'));
    assert.equal((await gateway.reload()).code, 0);
    await untilEvent(gateway.program, 'subscription.revoked', { filter: 'status/#', by: 'policy:default' });
    await refuses(d1, 'devices/d1/x', 'policy:default');
    await writeFile(policyFile, POLICY);
    assert.equal((await gateway.reload()).code, 0);
    await d1.publish('devices/d1/x', 'x', { qos: 1 });
  });

  it('keeps the old policy when the new one is wrong, and says where', async (t) => {
    await writeFile(policyFile, POLICY.replace('[subscribe, receive]', '[subscribe, recieve]'));
    const { code, err } = await gateway.reload();
    assert.notEqual(code, 0);
    assert.match(err, /policy\.yaml:14:28: An action is not "recieve"\. Did you mean `receive`\?/);
    const d1 = await connect(t, 'd1');
    await d1.publish('devices/d1/x', 'x', { qos: 1 });
    await writeFile(policyFile, POLICY);
  });

  it('refuses a policy that breaks its own assertion, with what breaks it, and disturbs nobody', async (t) => {
    const asserted = `${POLICY}assertions:\n  - never: role reader receive status/#\n`;
    const line = POLICY.split('\n').length + 1;
    const dash = await connect(t, 'dash');
    await dash.subscribe('status/#', { qos: 1 });
    await writeFile(policyFile, asserted);
    const { code, err } = await gateway.reload();
    assert.notEqual(code, 0);
    const told = new RegExp(
      `policy\\.yaml:${line}:12: .never: role reader receive status/#. is broken: ` +
        'user dash from 127\\.0\\.0\\.1 may receive from status\\. That is by role reader, line 15: allow',
    );
    assert.match(err, told);
    const checked = await sallyport(['check', '--data', directory]);
    assert.equal(checked.code, 2);
    assert.match(checked.err, told);
    const d1 = await connect(t, 'd1', 'seen');
    await d1.publish('status/seen', 'still', { qos: 1 });
    assert.equal((await dash.received(1))[0]!.payload, 'still');
    await writeFile(policyFile, asserted.replace('receive status/#', 'receive status/hidden'));
    assert.equal((await gateway.reload()).code, 0);
    await writeFile(policyFile, POLICY);
    assert.equal((await gateway.reload()).code, 0);
  });
});
