/** What a change of policy or user takes away, seen from a real broker behind: it is told, and the client gets nothing more. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { after, before, beforeEach, describe, it, type TestContext } from 'node:test';
import { untilEvent } from '../kit/event-log.ts';
import { type RunningGateway, startGateway } from '../kit/gateway.ts';
import { type RunningMosquitto, startMosquitto } from '../kit/mosquitto.ts';
import { MqttJsClient } from '../kit/mqttjs.ts';
import { removeDirectory, temporaryDirectory } from '../kit/process.ts';

const withoutMosquitto = spawnSync('mosquitto', ['-h']).error === undefined ? false : 'mosquitto is not installed';
const USERS = { reader: 'p', mortal: 'p' };
/** More than Mosquitto has under way to one client at once. */
const MANY = 30;

/** What `reader` may subscribe to and receive, beside `open/#`. */
function policy(...grants: readonly string[]): string {
  const further = grants.map((grant) => `      - ${grant}\n`).join('');
  return `roles:
  reader:
    grants:
      - { allow: [publish, subscribe, receive], topics: "open/#" }
${further}assignments: [{ roles: reader, to: authenticated }]
`;
}

const WIDE = policy('{ allow: [subscribe, receive], topics: "secret/#" }');
const WITHHOLDING = policy(
  '{ allow: [subscribe, receive], topics: "secret/#" }',
  '{ deny: receive, topics: "secret/#" }',
);

describe('before Mosquitto', { skip: withoutMosquitto, concurrency: false }, () => {
  let directory: string;
  let mosquitto: RunningMosquitto;
  let gateway: RunningGateway;

  before(async () => {
    directory = await temporaryDirectory('revoked');
    mosquitto = await startMosquitto({ config: ['log_type unsubscribe', 'log_type error'] });
    await writeFile(path.join(directory, 'policy.yaml'), WIDE);
    gateway = await startGateway({
      directory,
      listeners: [{ name: 'tcp', type: 'tcp' }],
      users: USERS,
      config: {
        upstream: `mqtt://127.0.0.1:${mosquitto.port}`,
        authorization: { policyFile: 'policy.yaml' },
        log: { level: 'debug' },
      },
    });
  });
  after(async () => {
    await gateway?.stop();
    await mosquitto?.stop();
    await removeDirectory(directory);
  });
  beforeEach(() => putInForce(WIDE));

  async function putInForce(text: string): Promise<void> {
    await writeFile(path.join(directory, 'policy.yaml'), text);
    const { code, err } = await gateway.reload();
    assert.equal(code, 0, err);
  }

  async function connect(t: TestContext, clientId: string, options = {}, username = 'reader'): Promise<MqttJsClient> {
    const client = await MqttJsClient.connect({
      port: gateway.ports.get('tcp')!,
      options: { username, password: 'p', clientId, reconnectPeriod: 0, ...options },
    });
    t.after(() => client.client.end(true));
    return client;
  }

  /** A client of the broker itself. */
  async function beside(t: TestContext): Promise<MqttJsClient> {
    const client = await MqttJsClient.connect({ port: mosquitto.port });
    t.after(() => client.client.end(true));
    return client;
  }

  it('a subscription that is no longer allowed is given up at the broker', async (t) => {
    const reader = await connect(t, 'given-up');
    await reader.subscribe(['secret/#', 'open/#'], { qos: 1 });
    await putInForce(policy());
    await untilEvent(gateway.program, 'subscription.revoked', { clientId: 'given-up', filter: 'secret/#' });
    await mosquitto.program.until('Mosquitto hears of it', () =>
      mosquitto.program.output.includes('given-up secret/#'),
    );
    assert.ok(!mosquitto.program.output.includes('given-up open/#'));
    const other = await beside(t);
    await other.publish('secret/1', 'unseen', { qos: 1 });
    await other.publish('open/1', 'seen', { qos: 1 });
    assert.deepEqual(
      (await reader.received(1)).map(({ payload }) => payload),
      ['seen'],
    );
  });

  for (const qos of [1, 2] as const) {
    it(`what may no longer be received is withheld at once, and nothing waits for it (QoS ${qos})`, async (t) => {
      const reader = await connect(t, `withheld${qos}`);
      await reader.subscribe(['secret/#', 'open/#'], { qos });
      const other = await beside(t);
      await other.publish('secret/0', 'before', { qos });
      await reader.received(1);
      await putInForce(WITHHOLDING);
      for (let i = 0; i < MANY; i++) await other.publish(`secret/${i}`, 'unseen', { qos });
      await other.publish('open/1', 'seen', { qos });
      assert.deepEqual(
        (await reader.received(2)).map(({ payload }) => payload),
        ['before', 'seen'],
      );
      await untilEvent(gateway.program, 'delivery.withheld', { clientId: `withheld${qos}`, by: /policy\.yaml:6$/ });
    });
  }

  it('a session that waited brings nothing that was taken away meanwhile', async (t) => {
    const lasting = { clean: false, properties: { sessionExpiryInterval: 600 } };
    const first = await connect(t, 'waited', lasting);
    await first.subscribe(['secret/#', 'open/#'], { qos: 1 });
    await first.end();
    const other = await beside(t);
    await other.publish('secret/1', 'unseen', { qos: 1 });
    await putInForce(policy());
    const back = await connect(t, 'waited', lasting);
    assert.equal(back.sessionPresent, true);
    await other.publish('secret/2', 'unseen', { qos: 1 });
    await other.publish('open/1', 'seen', { qos: 1 });
    assert.deepEqual(
      (await back.received(1)).map(({ payload }) => payload),
      ['seen'],
    );
  });

  it('a user who is removed is disconnected, and its Will is not published', async (t) => {
    const other = await beside(t);
    await other.subscribe('open/#', { qos: 1 });
    const will = { topic: 'open/will', payload: Buffer.from('will'), qos: 1, retain: false } as const;
    const mortal = await connect(t, 'mortal', { will }, 'mortal');
    await gateway.rewrite({ users: { reader: 'p' } });
    assert.equal((await gateway.reload()).code, 0);
    await mortal.closed();
    assert.deepEqual(mortal.disconnectReasons, [0x87]);
    const reader = await connect(t, 'last');
    await reader.publish('open/2', 'after', { qos: 1 });
    assert.deepEqual(
      (await other.received(1)).map(({ payload }) => payload),
      ['after'],
    );
  });
});
