/** SCRAM over AUTH packets, re-authentication under load, and one-time codes, with users that the commands have made. */
import assert from 'node:assert/strict';
import { appendFile } from 'node:fs/promises';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Reason } from '../../src/mqtt/reason.ts';
import { PacketType } from '../../src/mqtt/wire.ts';
import { decodeBase32, stepAt, totpCode } from '../../src/policy/identity/totp.ts';
import { type RunningGateway, sallyport, startGateway, writeGatewayFiles } from '../kit/gateway.ts';
import { MqttJsClient } from '../kit/mqttjs.ts';
import { auth, connect, publish } from '../kit/packets.ts';
import { HOST, removeDirectory, temporaryDirectory } from '../kit/process.ts';
import { RawClient } from '../kit/raw-client.ts';
import { ScramClient, type ScramClientInit } from '../kit/scram-client.ts';

const PASSWORD = 'a password of the tests';
const METHOD = 'SCRAM-SHA-256';
const CONFIG = { authentication: { chain: [{ method: 'scram' }, { method: 'password-file' }] } };
const FILES = {
  listeners: [{ name: 'tcp', type: 'tcp' as const }],
  users: { ada: PASSWORD, grace: PASSWORD },
  acl: ['pattern readwrite devices/%u/#'],
  config: CONFIG,
};

describe('SCRAM and second factors', { timeout: 120_000 }, () => {
  let directory: string;
  let gateway: RunningGateway;
  /** Of ada. */
  let secret: Buffer;
  let recoveryCodes: string[];

  before(async () => {
    directory = await temporaryDirectory('scram');
    await writeGatewayFiles(directory, FILES);
    for (const name of ['ada', 'grace', 'heidi']) {
      const made = await sallyport(['passwd', 'add', name, '--scram', '--stdin', '--data', directory], {
        input: `${PASSWORD}\n`,
      });
      assert.equal(made.code, 0, made.err);
    }
    const made = await sallyport(['totp', 'add', 'ada', '--json', '--data', directory]);
    assert.equal(made.code, 0, made.err);
    const { uri, recoveryCodes: codes } = JSON.parse(made.out) as { uri: string; recoveryCodes: string[] };
    secret = decodeBase32(new URL(uri).searchParams.get('secret')!)!;
    recoveryCodes = codes;
    gateway = await startGateway({ ...FILES, directory });
  });

  after(async () => {
    await gateway.stop();
    await removeDirectory(directory);
  });

  const open = (): Promise<RawClient> =>
    RawClient.open({ transport: 'tcp', host: HOST, port: gateway.ports.get('tcp')! }, 5);

  const data = (authenticationData: Uint8Array, authenticationMethod = METHOD) => ({
    authenticationMethod,
    authenticationData,
  });

  /** As far as the server's first message. */
  async function begin(
    init: ScramClientInit,
    method = METHOD,
  ): Promise<{ client: RawClient; scram: ScramClient; challenge: Uint8Array }> {
    const client = await open();
    const scram = new ScramClient(init);
    client.send(connect(5, { clientId: `raw-${Math.random()}`, properties: data(scram.first(), method) }));
    const { properties } = await client.expect(PacketType.Auth, { reasonCode: Reason.ContinueAuthentication });
    assert.equal(properties.authenticationMethod, method);
    return { client, scram, challenge: properties.authenticationData! };
  }

  async function loggedIn(username = 'grace', hash: 'sha256' | 'sha512' = 'sha256'): Promise<RawClient> {
    const method = hash === 'sha256' ? METHOD : 'SCRAM-SHA-512';
    const { client, scram, challenge } = await begin({ username, password: PASSWORD, hash }, method);
    client.send(auth(Reason.ContinueAuthentication, data(scram.final(challenge), method)));
    const connack = await client.expect(PacketType.Connack, { reasonCode: 0 });
    assert.equal(connack.properties.authenticationMethod, method);
    assert.ok(scram.trusts(connack.properties.authenticationData));
    return client;
  }

  async function reauthenticate(client: RawClient, username = 'grace'): Promise<void> {
    const scram = new ScramClient({ username, password: PASSWORD });
    client.send(auth(Reason.ReAuthenticate, data(scram.first())));
    const challenge = await client.take(PacketType.Auth, { reasonCode: Reason.ContinueAuthentication });
    client.send(auth(Reason.ContinueAuthentication, data(scram.final(challenge.properties.authenticationData!))));
    const last = await client.take(PacketType.Auth);
    assert.equal(last.reasonCode, Reason.Success);
    assert.ok(scram.trusts(last.properties.authenticationData));
  }

  for (const hash of ['sha256', 'sha512'] as const) {
    it(`a client logs in by SCRAM with ${hash}, has its own rights, and knows the server`, async () => {
      const client = await loggedIn('grace', hash);
      await client.subscribe('devices/grace/#');
      await client.publish('devices/grace/up', 'x', { qos: 1 });
      await client.receive('devices/grace/up', 'x');
      assert.equal(await client.subscribe('devices/ada/#'), Reason.NotAuthorized);
      await client.disconnect();
    });
  }

  it('MQTT.js logs in by SCRAM', async () => {
    const scram = new ScramClient({ username: 'grace', password: PASSWORD });
    const connecting = MqttJsClient.connect({
      port: gateway.ports.get('tcp')!,
      options: {
        properties: { authenticationMethod: METHOD, authenticationData: scram.first() },
        manualConnect: true,
      },
      prepare: (client) => {
        client.handleAuth = (packet, answer) => {
          const authenticationData = scram.final(packet.properties!.authenticationData!);
          const properties = { authenticationMethod: METHOD, authenticationData };
          answer(undefined, { cmd: 'auth', reasonCode: Reason.ContinueAuthentication, properties } as never);
        };
        client.connect();
      },
    });
    const client = await connecting;
    await client.subscribe('devices/grace/#');
    await client.publish('devices/grace/up', 'from MQTT.js', { qos: 2 });
    assert.equal((await client.received(1))[0]!.payload, 'from MQTT.js');
    await client.end();
  });

  it('a wrong password, an unknown user and one without SCRAM hear the same', async () => {
    for (const [username, password] of [
      ['grace', 'wrong'],
      ['nobody', PASSWORD],
      ['device1', PASSWORD],
    ] as const) {
      const { client, scram, challenge } = await begin({ username, password });
      client.send(auth(Reason.ContinueAuthentication, data(scram.final(challenge))));
      const connack = await client.expect(PacketType.Connack, { reasonCode: Reason.BadUserNameOrPassword });
      assert.deepEqual(connack.properties, { reasonString: 'Unknown user or wrong password.' });
      await client.expectClosed();
    }
  });

  it('garbage at either step is a refusal, and a last message is good for one exchange', async () => {
    const first = await open();
    first.send(connect(5, { properties: data(Buffer.from('garbage')) }));
    await first.expect(PacketType.Connack, { reasonCode: Reason.BadUserNameOrPassword });
    await first.expectClosed();

    const grace = { username: 'grace', password: PASSWORD, nonce: 'always-the-same' };
    const honest = await begin(grace);
    const final = honest.scram.final(honest.challenge);
    for (const answer of [Buffer.from('garbage'), Buffer.alloc(0), final]) {
      const { client } = await begin(grace);
      client.send(auth(Reason.ContinueAuthentication, data(answer)));
      await client.expect(PacketType.Connack, { reasonCode: Reason.BadUserNameOrPassword });
      await client.expectClosed();
    }
    honest.client.send(auth(Reason.ContinueAuthentication, data(final)));
    await honest.client.expect(PacketType.Connack, { reasonCode: 0 });
    await honest.client.disconnect();
  });

  it('a method that is not offered is refused with 0x8C', async () => {
    for (const method of ['SCRAM-SHA-1', 'SCRAM-SHA-256-PLUS', 'JWT', 'PLAIN']) {
      const client = await open();
      client.send(
        connect(5, { properties: data(new ScramClient({ username: 'grace', password: PASSWORD }).first(), method) }),
      );
      await client.expect(PacketType.Connack, { reasonCode: Reason.BadAuthenticationMethod });
      await client.expectClosed();
    }
  });

  it('a client authenticates anew, again and again, while its messages go on in order', async () => {
    const client = await loggedIn();
    await client.subscribe('devices/grace/load', 0);
    const messages = 2000;
    const sending = (async () => {
      for (let i = 0; i < messages; i++) {
        client.send(publish('devices/grace/load', String(i)));
        if (i % 20 === 0) await new Promise((resolve) => setImmediate(resolve));
      }
    })();
    for (let round = 0; round < 10; round++) await reauthenticate(client);
    await sending;
    for (let i = 0; i < messages; i++) await client.receive('devices/grace/load', String(i));
    await client.disconnect();
  });

  it('authenticating anew with a wrong password, or as somebody else, ends the session', async () => {
    for (const [username, password] of [
      ['grace', 'wrong'],
      ['heidi', PASSWORD],
    ] as const) {
      const client = await loggedIn();
      const scram = new ScramClient({ username, password });
      client.send(auth(Reason.ReAuthenticate, data(scram.first())));
      const { properties } = await client.expect(PacketType.Auth);
      client.send(auth(Reason.ContinueAuthentication, data(scram.final(properties.authenticationData!))));
      await client.expectDisconnect(Reason.NotAuthorized);
    }
  });

  it('a user with a second factor shows its code behind the password, by SCRAM in a user property, and never twice', async () => {
    const step = stepAt(Date.now());
    const codes = [totpCode(secret, step), totpCode(secret, step + 1)] as const;
    const port = gateway.ports.get('tcp')!;
    const login = async (password: string): Promise<boolean> => {
      const options = { username: 'ada', password };
      return MqttJsClient.connect({ port, version: 4, options }).then(
        (client) => client.end().then(() => true),
        () => false,
      );
    };
    assert.equal(await login(PASSWORD), false);
    assert.equal(await login(PASSWORD + codes[0]), true);
    assert.equal(await login(PASSWORD + codes[0]), false);
    assert.equal(await login(PASSWORD + recoveryCodes[0]!), true);
    assert.equal(await login(PASSWORD + recoveryCodes[0]!), false);

    for (const [userProperties, reasonCode] of [
      [[], Reason.BadUserNameOrPassword],
      [[['totp', codes[1]]], 0],
    ] as [[string, string][], number][]) {
      const client = await open();
      const scram = new ScramClient({ username: 'ada', password: PASSWORD });
      client.send(connect(5, { clientId: 'ada', properties: { ...data(scram.first()), userProperties } }));
      const { properties } = await client.expect(PacketType.Auth);
      client.send(auth(Reason.ContinueAuthentication, data(scram.final(properties.authenticationData!))));
      await client.expect(PacketType.Connack, { reasonCode });
      client.drop();
    }

    const listed = JSON.parse((await sallyport(['totp', 'list', '--json', '--data', directory])).out) as {
      users: unknown;
    };
    assert.deepEqual(listed.users, [{ username: 'ada', recoveryCodesLeft: 9 }]);
    await gateway.stop('SIGKILL');
    gateway = await gateway.restart();
    assert.equal(await login(PASSWORD + codes[1]), false);
    assert.equal(await login(PASSWORD + recoveryCodes[0]!), false);
  });

  it('a changed verifier, and a second factor that is new, end live sessions at the reload', async () => {
    const [grace, heidi] = [await loggedIn('grace'), await loggedIn('heidi')];
    const options = { input: 'another password of the tests\n' };
    assert.equal(
      (await sallyport(['passwd', 'add', 'grace', '--scram', '--stdin', '--data', directory], options)).code,
      0,
    );
    assert.equal((await sallyport(['totp', 'add', 'heidi', '--data', directory])).code, 0);
    assert.equal((await gateway.reload()).code, 0);
    await grace.expectDisconnect(Reason.NotAuthorized);
    await heidi.expectDisconnect(Reason.NotAuthorized);
  });

  it('a file that is wrong is refused by the reload, with its line, and the old users stay', async () => {
    const client = await loggedIn('grace').catch(() => undefined);
    assert.equal(client, undefined, 'the old password is good no more');
    await appendFile(path.join(directory, 'scram'), 'eve:secret\n');
    const reloaded = await gateway.reload();
    assert.notEqual(reloaded.code, 0);
    assert.match(reloaded.out + reloaded.err, /scram:\d+:5: It is no SCRAM-SHA-256/);
    const { scram, challenge } = await begin({ username: 'grace', password: 'another password of the tests' });
    assert.ok(scram.final(challenge).length > 0);
  });
});
