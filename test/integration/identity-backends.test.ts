/** Logins against real servers: OpenLDAP, PostgreSQL and Redis from Debian, with the gateway as a whole program in front. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { systemChance } from '../../src/base/chance.ts';
import { hashPassword } from '../../src/policy/identity/password-hash.ts';
import { BASE, type RunningDirectory, SERVICE, startDirectory, withoutSlapd } from '../kit/directory.ts';
import { untilEvent } from '../kit/event-log.ts';
import { type RunningGateway, startGateway } from '../kit/gateway.ts';
import { MqttJsClient } from '../kit/mqttjs.ts';
import { passwordFile } from '../kit/passwords.ts';
import { type RunningPostgresql, startPostgresql, withoutPostgresql } from '../kit/postgresql.ts';
import { removeDirectory, temporaryDirectory } from '../kit/process.ts';
import { type RunningRedis, startRedis, withoutRedis } from '../kit/redis.ts';

/** Where a chain keeps the secrets that it needs to ask. */
async function gatewayWith(
  entries: (directory: string) => readonly Record<string, unknown>[],
  secrets: Readonly<Record<string, string>>,
): Promise<{ gateway: RunningGateway; stop: () => Promise<void> }> {
  const directory = await temporaryDirectory('chain');
  for (const [name, text] of Object.entries(secrets)) {
    await writeFile(path.join(directory, name), `${text}\n`, { mode: 0o600 });
  }
  const gateway = await startGateway({
    directory,
    listeners: [{ name: 'tcp', type: 'tcp' }],
    acl: ['pattern readwrite devices/%u/#'],
    config: { authentication: { chain: entries(directory) }, log: { level: 'debug' } },
  });
  return {
    gateway,
    stop: async () => {
      await gateway.stop();
      await removeDirectory(directory);
    },
  };
}

async function connect(
  gateway: RunningGateway,
  username: string,
  password: string,
  clientId = 'c',
): Promise<MqttJsClient> {
  return MqttJsClient.connect({ port: gateway.ports.get('tcp')!, options: { username, password, clientId } });
}

async function loginWorks(gateway: RunningGateway, username: string, password: string): Promise<void> {
  const client = await connect(gateway, username, password);
  await client.publish(`devices/${username}/x`, 'here', { qos: 1 });
  await client.end();
}

/** The reason code of a login that is refused. */
async function refusal(gateway: RunningGateway, username: string, password: string): Promise<number> {
  try {
    const client = await connect(gateway, username, password);
    await client.end();
  } catch (error) {
    return (error as { code: number }).code;
  }
  return assert.fail(`${username} was let in`);
}

/** `admins` is a group of another branch: nobody is in it. */
const GROUP_POLICY = `roles:
  operator: { grants: [{ allow: publish, topics: "cmd/#" }] }
  admin: { grants: [{ allow: publish, topics: secret }] }
assignments:
  - { roles: operator, to: { group: ops } }
  - { roles: admin, to: { group: admins } }
`;

/** The hash that `mosquitto_passwd` writes, which all methods know. */
const hashOf = (password: string): string => passwordFile({ u: password }).trim().slice(2);

describe('OpenLDAP', { skip: withoutSlapd }, () => {
  let directory: RunningDirectory;
  before(async () => {
    directory = await startDirectory([
      { uid: 'pump', password: 'right', groups: ['ops', 'admins@other'] },
      { uid: 'odd*name(x)', password: 'strange' },
    ]);
  });
  after(() => directory?.stop());

  const entry = (facts: Readonly<Record<string, unknown>>): Record<string, unknown> => ({
    method: 'ldap',
    bindDn: SERVICE.dn,
    bindPassword: { file: 'service' },
    userBase: `ou=people,${BASE}`,
    tls: { ca: directory.caFile, serverName: 'localhost' },
    ...facts,
  });

  for (const [how, facts] of [
    ['over ldaps', () => ({ url: `ldaps://127.0.0.1:${directory.tlsPort}` })],
    ['over StartTLS', () => ({ url: `ldap://127.0.0.1:${directory.port}`, startTls: true })],
    ['in the clear on this machine', () => ({ url: `ldap://127.0.0.1:${directory.port}` })],
  ] as const) {
    it(`lets in who can bind, and nobody else, ${how}`, async () => {
      const { gateway, stop } = await gatewayWith(() => [entry(facts())], { service: SERVICE.password });
      try {
        await loginWorks(gateway, 'pump', 'right');
        await loginWorks(gateway, 'odd*name(x)', 'strange');
        for (const [username, password] of [
          ['pump', 'wrong'],
          ['PUMP', 'right'],
          ['pum*', 'right'],
          ['nobody', 'right'],
          [')(uid=*', 'right'],
          ['pump', ''],
        ] as const) {
          assert.equal(await refusal(gateway, username, password), 0x86, `${username} ${password}`);
        }
      } finally {
        await stop();
      }
    });
  }

  it('trusts no certificate of another CA', async () => {
    const facts = { url: `ldaps://127.0.0.1:${directory.tlsPort}`, tls: { serverName: 'localhost' } };
    const { gateway, stop } = await gatewayWith(() => [entry(facts)], { service: SERVICE.password });
    try {
      assert.equal(await refusal(gateway, 'pump', 'right'), 0x88);
      await untilEvent(gateway.program, 'backend.failed', { says: /certificate/ });
    } finally {
      await stop();
    }
  });

  it('makes groups of memberOf, only of those that stand where groups are, and the policy makes roles of them', async () => {
    for (const groups of [
      { attribute: 'memberOf', base: `ou=groups,${BASE}` },
      { filter: '(member=%d)', base: `ou=groups,${BASE}` },
    ]) {
      const { gateway, stop } = await gatewayWith(
        () => [entry({ url: `ldaps://127.0.0.1:${directory.tlsPort}`, groups })],
        { service: SERVICE.password },
      );
      try {
        const client = await connect(gateway, 'pump', 'right');
        await untilEvent(gateway.program, 'authentication.succeeded', { groups: ['ops'] });
        await writeFile(path.join(gateway.directory, 'policy.yaml'), GROUP_POLICY);
        const authorization = { policyFile: 'policy.yaml' };
        await gateway.rewrite({ config: { ...gateway.files.config, authorization } });
        assert.equal((await gateway.reload()).code, 0);
        await client.publish('cmd/start', 'x', { qos: 1 });
        await assert.rejects(client.publish('secret', 'x', { qos: 1 }), { code: 0x87 });
        const other = await connect(gateway, 'odd*name(x)', 'strange', 'other');
        await assert.rejects(other.publish('cmd/start', 'x', { qos: 1 }), { code: 0x87 });
        await Promise.all([client.end(), other.end()]);
      } finally {
        await stop();
      }
    }
  });

  it('denies while it is frozen, opens the breaker, and lets in again when it is back', async () => {
    const url = `ldap://127.0.0.1:${directory.port}`;
    const facts = { url, timeout: '2s', failuresMax: 2, pause: '500ms' };
    const { gateway, stop } = await gatewayWith(() => [entry(facts)], { service: SERVICE.password });
    try {
      await loginWorks(gateway, 'pump', 'right');
      directory.program.child.kill('SIGSTOP');
      assert.equal(await refusal(gateway, 'pump', 'right'), 0x88);
      assert.equal(await refusal(gateway, 'pump', 'right'), 0x88);
      await untilEvent(gateway.program, 'backend.failed', { says: /it is not asked for 500 ms/ });
      directory.program.child.kill('SIGCONT');
      for (;;) {
        try {
          await loginWorks(gateway, 'pump', 'right');
          break;
        } catch (error) {
          assert.equal((error as { code: number }).code, 0x88);
        }
      }
      await untilEvent(gateway.program, 'backend.recovered');
    } finally {
      directory.program.child.kill('SIGCONT');
      await stop();
    }
  });
});

describe('PostgreSQL', { skip: withoutPostgresql }, () => {
  let database: RunningPostgresql;
  before(async () => {
    database = await startPostgresql();
    const argon = await hashPassword(Buffer.from('modern'), systemChance);
    await database.sql(`
      CREATE TABLE mqtt_user (username text, password_hash text, roles text[], attributes jsonb);
      INSERT INTO mqtt_user VALUES
        ('pump', '${hashOf('right')}', '{reader,writer}', '{"site":"north","floor":3}'),
        ('modern', '${argon}', NULL, NULL),
        ('twice', '${hashOf('right')}', NULL, NULL), ('twice', '${hashOf('right')}', NULL, NULL),
        ('bad', 'plain text', NULL, NULL),
        ('huge', repeat('x', 20000000), NULL, NULL);
      CREATE ROLE gateway LOGIN PASSWORD 'throwaway-gateway';
      GRANT SELECT ON mqtt_user TO gateway;`);
  });
  after(() => database?.stop());

  const entry = (facts: Readonly<Record<string, unknown>> = {}): Record<string, unknown> => ({
    method: 'postgresql',
    url: `postgresql://127.0.0.1:${database.port}/${database.database}`,
    user: 'gateway',
    password: { file: 'secret' },
    ...facts,
  });
  const secrets = { secret: 'throwaway-gateway' };

  it('lets in who has the password of the row, over TLS and without', async () => {
    for (const facts of [{}, { tls: { ca: database.caFile, serverName: 'localhost' } }]) {
      const { gateway, stop } = await gatewayWith(() => [entry(facts)], secrets);
      try {
        await loginWorks(gateway, 'pump', 'right');
        await loginWorks(gateway, 'modern', 'modern');
        for (const [username, password] of [
          ['pump', 'wrong'],
          ['nobody', 'right'],
          ["' OR 1=1 --", 'right'],
          ["pump'; DROP TABLE mqtt_user; --", 'right'],
        ] as const) {
          assert.equal(await refusal(gateway, username, password), 0x86, username);
        }
      } finally {
        await stop();
      }
    }
  });

  it('brings roles and attributes along', async () => {
    const query = 'SELECT username, password_hash, roles, attributes FROM mqtt_user WHERE username = $1';
    const { gateway, stop } = await gatewayWith(() => [entry({ query })], secrets);
    try {
      await loginWorks(gateway, 'pump', 'right');
      await untilEvent(gateway.program, 'authentication.succeeded', { roles: ['reader', 'writer'] });
    } finally {
      await stop();
    }
  });

  it('denies where the table is wrong, and goes on', async () => {
    const { gateway, stop } = await gatewayWith(() => [entry({ failuresMax: 100 })], secrets);
    try {
      for (const username of ['twice', 'bad', 'huge']) {
        assert.equal(await refusal(gateway, username, 'right'), 0x88, username);
        await loginWorks(gateway, 'pump', 'right');
      }
      await untilEvent(gateway.program, 'backend.failed', { says: /larger than 262144 bytes/ });
      await untilEvent(gateway.program, 'backend.failed', { says: /more than one row/ });
      await untilEvent(gateway.program, 'backend.failed', { says: /not hashed/ });
    } finally {
      await stop();
    }
  });

  it('cannot be made to write', async () => {
    const query =
      "WITH x AS (INSERT INTO mqtt_user VALUES ($1, 'x') RETURNING *) SELECT username, password_hash FROM x";
    const { gateway, stop } = await gatewayWith(() => [entry({ query })], secrets);
    try {
      assert.equal(await refusal(gateway, 'pump', 'right'), 0x88);
      await untilEvent(gateway.program, 'backend.failed', { says: /top level/ });
    } finally {
      await stop();
    }
  });

  it('is asked again after its connections have been cut', async () => {
    const { gateway, stop } = await gatewayWith(() => [entry()], secrets);
    try {
      await loginWorks(gateway, 'pump', 'right');
      await database.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'sallyport'");
      await loginWorks(gateway, 'pump', 'right');
    } finally {
      await stop();
    }
  });
});

describe('Redis', { skip: withoutRedis }, () => {
  let redis: RunningRedis;
  before(async () => {
    redis = await startRedis();
    await redis.command(
      'HSET',
      'user:pump',
      'password_hash',
      hashOf('right'),
      'roles',
      'reader, writer',
      'attributes',
      '{"site":"north"}',
    );
    await redis.command('HSET', 'user:bad', 'password_hash', 'plain text');
    await redis.command('SET', 'user:text', 'no hash map');
    await redis.command('EVAL', "redis.call('HSET', 'user:huge', 'password_hash', string.rep('x', 20000000))", '0');
  });
  after(() => redis?.stop());

  const entry = (facts: Readonly<Record<string, unknown>> = {}): Record<string, unknown> => ({
    method: 'redis',
    url: `redis://127.0.0.1:${redis.port}`,
    password: { file: 'secret' },
    ...facts,
  });

  it('lets in who has the password of the hash map, over TLS and without, and denies where one is wrong', async () => {
    const tls = { ca: redis.caFile, serverName: 'localhost' };
    for (const facts of [{}, { url: `rediss://127.0.0.1:${redis.tlsPort}`, tls }]) {
      const { gateway, stop } = await gatewayWith(() => [entry({ ...facts, failuresMax: 100 })], {
        secret: redis.password,
      });
      try {
        await loginWorks(gateway, 'pump', 'right');
        await untilEvent(gateway.program, 'authentication.succeeded', { roles: ['reader', 'writer'] });
        for (const [username, code] of [
          ['nobody', 0x86],
          ['bad', 0x88],
          ['text', 0x88],
          ['huge', 0x88],
        ] as const) {
          assert.equal(await refusal(gateway, username, 'right'), code, username);
          await loginWorks(gateway, 'pump', 'right');
        }
        assert.equal(await refusal(gateway, 'pump', 'wrong'), 0x86);
        await untilEvent(gateway.program, 'backend.failed', { says: /262144 bytes/ });
      } finally {
        await stop();
      }
    }
  });

  it('is asked again after its connections have been cut, and denies with the wrong secret', async () => {
    const { gateway, stop } = await gatewayWith(() => [entry()], { secret: redis.password });
    try {
      await loginWorks(gateway, 'pump', 'right');
      await redis.command('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
      await loginWorks(gateway, 'pump', 'right');
    } finally {
      await stop();
    }
    const wrong = await gatewayWith(() => [entry()], { secret: 'wrong' });
    try {
      assert.equal(await refusal(wrong.gateway, 'pump', 'right'), 0x88);
      await untilEvent(wrong.gateway.program, 'backend.failed', { says: /WRONGPASS/ });
    } finally {
      await wrong.stop();
    }
  });
});

describe('a chain of several', { skip: withoutRedis }, () => {
  it('asks the next for whom one does not know, and never for whom it knows', async () => {
    const redis = await startRedis();
    await redis.command('HSET', 'user:far', 'password_hash', hashOf('right'));
    await redis.command('HSET', 'user:near', 'password_hash', hashOf('far'));
    const { gateway, stop } = await gatewayWith(
      () => [
        { method: 'password-file', unknownUser: 'next' },
        { method: 'redis', url: `redis://127.0.0.1:${redis.port}`, password: { file: 'secret' } },
      ],
      { secret: redis.password },
    );
    try {
      await gateway.rewrite({ users: { near: 'near' } });
      assert.equal((await gateway.reload()).code, 0);
      await loginWorks(gateway, 'near', 'near');
      await loginWorks(gateway, 'far', 'right');
      assert.equal(await refusal(gateway, 'near', 'far'), 0x86);
    } finally {
      await stop();
      await redis.stop();
    }
  });
});
