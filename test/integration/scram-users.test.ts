/** SCRAM with the built-in users: one store, and what is changed in it holds for both ways to log in. */
import assert from 'node:assert/strict';
import { after, before, describe, it, type TestContext } from 'node:test';
import type { IClientOptions } from 'mqtt';
import { type RunningGateway, sallyport, startGateway } from '../kit/gateway.ts';
import { MqttJsClient } from '../kit/mqttjs.ts';
import { ScramClient } from '../kit/scram-client.ts';

const PASSWORD = 'gravel-otter-93-lantern';
const NEXT = 'saddle-quartz-17-meadow';

describe('built-in users by SCRAM', { timeout: 120_000 }, () => {
  let gateway: RunningGateway;
  before(async () => {
    gateway = await startGateway({
      listeners: [{ name: 'tcp', type: 'tcp' }],
      acl: ['pattern readwrite devices/%u/#'],
      config: { authentication: { chain: [{ method: 'scram', store: 'users' }, { method: 'users' }] } },
    });
    await users(['add', 'ada', '--scram'], PASSWORD);
    await users(['add', 'plain'], PASSWORD);
  });
  after(() => gateway?.stop());

  async function users(words: readonly string[], password?: string): Promise<string> {
    const given = password === undefined ? [] : ['--stdin'];
    const input = password === undefined ? {} : { input: `${password}\n` };
    const { code, out, err } = await sallyport(['users', ...words, ...given, '--data', gateway.directory], input);
    assert.equal(code, 0, err);
    return out;
  }

  async function login(t: TestContext, username: string, password: string, hash: 'sha256' | 'sha512' = 'sha256') {
    const scram = new ScramClient({ username, password, hash });
    const options: IClientOptions = {
      clientId: `${username}-${hash}`,
      reconnectPeriod: 0,
      properties: {
        authenticationMethod: `SCRAM-SHA-${hash.slice(3)}`,
        authenticationData: Buffer.from(scram.first()),
      },
      manualConnect: true,
    };
    const client = await MqttJsClient.connect({
      port: gateway.ports.get('tcp')!,
      options,
      prepare: (mqtt) => {
        mqtt.handleAuth = (packet, callback) => {
          const authenticationData = Buffer.from(scram.final(packet.properties!.authenticationData!));
          const authenticationMethod = packet.properties!.authenticationMethod!;
          callback(undefined, {
            cmd: 'auth',
            reasonCode: 0x18,
            properties: { authenticationMethod, authenticationData },
          });
        };
        mqtt.connect();
      },
    });
    t.after(() => client.client.end(true));
    return client;
  }

  it('log in with the password that they have', async (t) => {
    for (const hash of ['sha256', 'sha512'] as const) {
      const client = await login(t, 'ada', PASSWORD, hash);
      await client.publish('devices/ada/x', 'x', { qos: 1 });
      await client.end();
    }
  });

  it('do so only where they were given verifiers, and with the right password', async (t) => {
    await assert.rejects(login(t, 'plain', PASSWORD), { code: 0x86 });
    await assert.rejects(login(t, 'ada', NEXT), { code: 0x86 });
    await assert.rejects(login(t, 'nobody', PASSWORD), { code: 0x86 });
  });

  it('are disconnected when the password is changed, and log in with the new one alone', async (t) => {
    const client = await login(t, 'ada', PASSWORD);
    await users(['set-password', 'ada'], NEXT);
    await client.closed();
    await assert.rejects(login(t, 'ada', PASSWORD), { code: 0x86 });
    await (await login(t, 'ada', NEXT)).end();
  });

  it('are disconnected when they are disabled, and let in again when they are enabled', async (t) => {
    const client = await login(t, 'ada', NEXT);
    await users(['disable', 'ada']);
    await client.closed();
    await assert.rejects(login(t, 'ada', NEXT), { code: 0x86 });
    await users(['enable', 'ada']);
    await (await login(t, 'ada', NEXT)).end();
  });
});
