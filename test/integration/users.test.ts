/** The built-in users: managed by command while the gateway runs, and what that means for clients that are connected. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { untilEvent } from '../kit/event-log.ts';
import { eventually } from '../kit/eventually.ts';
import { type RunningGateway, sallyport, startGateway } from '../kit/gateway.ts';
import { MqttJsClient } from '../kit/mqttjs.ts';
import type { Finished } from '../kit/process.ts';

const withoutMosquitto =
  spawnSync('mosquitto_passwd', ['-h']).error === undefined ? false : 'mosquitto_passwd is not installed';

const FIRST = 'gravel-otter-93-lantern';
const SECOND = 'marble-heron-17-violin';

describe('sallyport users', () => {
  let gateway: RunningGateway;
  before(async () => {
    gateway = await startGateway({
      listeners: [{ name: 'tcp', type: 'tcp' }],
      acl: ['pattern readwrite devices/%u/#'],
      config: { authentication: { chain: [{ method: 'users' }], passwordRules: { historyMax: 2 } } },
    });
  });
  after(() => gateway?.stop());

  const users = (args: readonly string[], input?: string): Promise<Finished> =>
    sallyport(['users', ...args, '--data', gateway.directory], input === undefined ? {} : { input });

  const connect = (username: string, password: string): Promise<MqttJsClient> =>
    MqttJsClient.connect({ port: gateway.ports.get('tcp')!, options: { username, password } });

  async function refusal(username: string, password: string): Promise<number> {
    try {
      await (await connect(username, password)).end();
    } catch (error) {
      return (error as { code: number }).code;
    }
    return assert.fail(`${username} was let in`);
  }

  async function add(name: string, password: string): Promise<void> {
    const { code, err } = await users(['add', name, '--stdin'], `${password}\n`);
    assert.equal(code, 0, err);
  }

  async function listed(): Promise<Record<string, Record<string, unknown>>> {
    const { out } = await users(['list', '--json']);
    const rows = (JSON.parse(out) as { users: { username: string }[] }).users;
    return Object.fromEntries(rows.map((row) => [row.username, row]));
  }

  it('lets a new user in without a reload, and nobody else', async () => {
    await add('pump', FIRST);
    const client = await connect('pump', FIRST);
    await client.publish('devices/pump/x', 'here', { qos: 1 });
    await client.end();
    assert.equal(await refusal('pump', SECOND), 0x86);
    assert.equal(await refusal('nobody', FIRST), 0x86);
    assert.equal((await stat(path.join(gateway.directory, 'users.sqlite'))).mode & 0o777, 0o600);
  });

  it('disconnects a user who is disabled, changed or removed, and nobody else', async () => {
    await add('bystander', FIRST);
    const bystander = await connect('bystander', FIRST);
    for (const [name, change, input] of [
      ['one', ['disable', 'one'], undefined],
      ['two', ['set-password', 'two', '--stdin'], `${SECOND}\n`],
      ['three', ['remove', 'three'], undefined],
    ] as const) {
      await add(name, FIRST);
      const client = await connect(name, FIRST);
      assert.equal((await users(change, input)).code, 0);
      await client.closed();
      assert.deepEqual(client.disconnectReasons, [0x87]);
      await untilEvent(gateway.program, 'connection.closed', { username: name, by: 'policy:identity' });
      assert.equal(await refusal(name, FIRST), name === 'one' ? 0x87 : 0x86);
    }
    assert.equal((await users(['enable', 'one'])).code, 0);
    await (await connect('one', FIRST)).end();
    await (await connect('two', SECOND)).end();
    assert.equal(bystander.client.connected, true);
    await bystander.end();
  });

  it('takes no password that is short, guessable or used before', async () => {
    for (const [password, says] of [
      ['short', /has 5 characters/],
      ['password12345', /would be guessed/],
    ] as const) {
      const { code, err } = await users(['add', 'weak', '--stdin'], `${password}\n`);
      assert.equal(code, 2);
      assert.match(err, says);
      assert.doesNotMatch(err, new RegExp(password));
    }
    await add('again', FIRST);
    const { code, err } = await users(['set-password', 'again', '--stdin'], `${FIRST}\n`);
    assert.equal(code, 2);
    assert.match(err, /one of the last 2/);
    assert.equal((await listed())['weak'], undefined);
  });

  it('makes up a password that works, and shows it once', async () => {
    const { out } = await users(['add', 'made', '--generate', '--json']);
    const { password } = JSON.parse(out) as { password: string };
    await (await connect('made', password)).end();
  });

  it('says so when a user is there already, or is not', async () => {
    await add('there', FIRST);
    const taken = await users(['add', 'there', '--generate']);
    assert.deepEqual([taken.code, taken.out], [1, '']);
    assert.match(taken.err, /set-password there/);
    for (const action of ['remove', 'disable', 'enable', 'set-password']) {
      const { code, err } = await users([action, 'absent']);
      assert.equal(code, 1);
      assert.match(err, /no built-in user absent/);
    }
    assert.equal((await users(['ad', 'x'])).code, 2);
    assert.equal((await users(['add', 'a/b', '--generate'])).code, 2);
  });

  it('lists who there is, with the last login and the age of the password', async () => {
    await add('listed', FIRST);
    assert.equal((await listed())['listed']?.['lastLoginAt'], null);
    await (await connect('listed', FIRST)).end();
    await eventually('the login is written down', async () => (await listed())['listed']?.['lastLoginAt'] !== null);
    assert.partialDeepStrictEqual((await listed())['listed'], {
      disabled: false,
      passwordAgeDays: 0,
      scheme: 'argon2id,m=19456,t=2,p=1',
    });
    assert.match((await users(['list'])).out, /^listed +enabled +last login 20.*password 0 days old +argon2id/m);
  });

  it('moves in from Mosquitto: passwords go on working, and are stored as our own from the next login on', {
    skip: withoutMosquitto,
  }, async () => {
    const file = path.join(gateway.directory, 'mosquitto.passwd');
    await writeFile(file, 'valve:throwaway-7\npump:other\n', { mode: 0o600 });
    assert.equal(spawnSync('mosquitto_passwd', ['-U', file]).status, 0);
    const { code, out } = await users(['import', file]);
    assert.equal(code, 0);
    assert.match(out, /Added 1 and changed 0 of the 2 users.*\n.*--replace changes them\): pump/);
    assert.match(String((await listed())['valve']?.['scheme']), /^pbkdf2-sha512/);
    const client = await connect('valve', 'throwaway-7');
    await untilEvent(gateway.program, 'password.upgraded', { username: 'valve' });
    await eventually('it is stored as argon2id', async () =>
      String((await listed())['valve']?.['scheme']).startsWith('argon2id'),
    );
    assert.equal(client.client.connected, true, 'a new hash of the same password ends nothing');
    await client.end();
    await (await connect('valve', 'throwaway-7')).end();
    assert.equal((await users(['import', file, '--replace'])).code, 0);
    await eventually('the replaced password works', async () => {
      try {
        await (await connect('pump', 'other')).end();
        return true;
      } catch {
        return false;
      }
    });
  });
});
