/** Asks a real Mosquitto and our authorizer the same questions about the same ACL files, and compares the answers. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import mqtt, { type MqttClient } from 'mqtt';
import { parseAclFile } from '../../src/policy/authorization/acl-file.ts';
import { buildAuthorizer } from '../../src/policy/authorization/authorizer.ts';
import { freePort, HOST, Program } from '../kit/process.ts';

const NOT_AUTHORIZED = 0x87;

const skip = spawnSync('mosquitto', ['-h']).error === undefined ? false : 'mosquitto is not installed';

/** `p` may publish, `r` may receive, `-` neither. */
type Rights = 'pr' | 'p' | 'r' | '-';

interface Asked {
  readonly username?: string;
  readonly clientId: string;
  readonly topics: readonly string[];
  /** Where we mean to answer otherwise: both answers, so that a change of either is noticed. */
  readonly deviates?: Readonly<Record<string, { mosquitto: Rights; ours: Rights }>>;
}

interface Case {
  readonly name: string;
  readonly acl: readonly string[];
  readonly clients: readonly Asked[];
}

const CASES: readonly Case[] = [
  {
    name: 'each access, and the default',
    acl: ['user alice', 'topic read r', 'topic write w', 'topic readwrite b', 'topic d', 'topic deny n'],
    clients: [
      { username: 'alice', clientId: 'c1', topics: ['r', 'w', 'b', 'd', 'n', 'other'] },
      { username: 'bob', clientId: 'c2', topics: ['r', 'w', 'b', 'd', 'n'] },
      { clientId: 'c3', topics: ['r', 'w', 'b', 'd', 'n'] },
    ],
  },
  {
    name: 'wildcards',
    acl: ['user alice', 'topic a/+/c', 'topic read b/#', 'topic /+', 'topic write +/+/x/#'],
    clients: [
      {
        username: 'alice',
        clientId: 'c1',
        topics: ['a/x/c', 'a//c', 'a/c', 'a/x/c/d', 'b', 'b/', 'b/x/y', 'bb', '/', '/x', '//', 'x', 'p/q/x', 'p/q/x/y'],
      },
    ],
  },
  {
    name: 'a deny before and behind what it takes from',
    acl: ['user alice', 'topic deny a/secret', 'topic a/#', 'topic b/#', 'topic deny b/+/secret', 'topic b/x/secret'],
    clients: [{ username: 'alice', clientId: 'c1', topics: ['a', 'a/secret', 'a/x', 'b/x', 'b/x/secret', 'b/secret'] }],
  },
  {
    name: 'the anonymous section',
    acl: ['topic public/#', 'topic deny public/secret', 'user alice', 'topic private/#'],
    clients: [
      { clientId: 'c1', topics: ['public/a', 'public/secret', 'private/a'] },
      { username: 'alice', clientId: 'c2', topics: ['public/a', 'private/a'] },
    ],
  },
  {
    name: 'blanks in topics and in user names, comments, and a user in two places',
    acl: [
      '# comment',
      'user a b',
      'topic readwrite with   blanks in/it',
      'user alice',
      'topic x',
      '',
      'user a b',
      'topic   y  ',
    ],
    clients: [
      { username: 'a b', clientId: 'c1', topics: ['with   blanks in/it', 'with', 'x', 'y'] },
      { username: 'alice', clientId: 'c2', topics: ['x', 'y'] },
    ],
  },
  {
    name: 'patterns with user name and client identifier',
    acl: [
      'pattern %u/%c/#',
      'pattern read u/%u',
      'pattern write c/%c',
      'pattern x/dev-%c.%u/%u',
      'pattern deny +/+/secret',
    ],
    clients: [
      {
        username: 'alice',
        clientId: 'c1',
        topics: ['alice/c1', 'alice/c1/x', 'alice/c2/x', 'u/alice', 'u/bob', 'c/c1', 'c/c2', 'alice/c1/secret'],
      },
      { username: 'alice', clientId: 'c1', topics: ['x/dev-c1.alice/alice', 'x/dev-c1.bob/alice', '%u/%c/x'] },
      { clientId: 'c1', topics: ['c/c1', 'u/%u', 'u/', '%u/c1/x', 'alice/c1/x'] },
    ],
  },
  {
    name: 'a pattern without placeholder is everybody’s',
    acl: ['pattern read news/#'],
    clients: [
      { username: 'alice', clientId: 'c1', topics: ['news/a', 'other'] },
      { clientId: 'c2', topics: ['news/a', 'other'] },
    ],
  },
  {
    name: 'user name and client identifier alike, and names that look like placeholders',
    acl: ['pattern write w/%c', 'pattern read r/%u', 'pattern b/%u/%c'],
    clients: [
      { username: 'same', clientId: 'same', topics: ['w/same', 'r/same', 'b/same/same'] },
      { username: '%c', clientId: 'c1', topics: ['r/%c', 'r/c1', 'b/%c/c1', 'b/c1/c1'] },
    ],
  },
  {
    name: 'topics that begin with a dollar sign',
    acl: ['user alice', 'topic #', 'topic +/a', 'topic $one/#', 'user bob', 'topic $two/+', 'pattern $three/%u'],
    clients: [
      { username: 'alice', clientId: 'c1', topics: ['a', 'x/$one', '$one/a', '$one', '$two/a', '$three/alice'] },
      { username: 'bob', clientId: 'c2', topics: ['$one/a', '$two/a', '$three/bob', '$three/alice'] },
    ],
  },
  {
    name: 'a pattern cannot be widened by a wildcard in a name',
    acl: ['pattern a/%u', 'pattern b/%c'],
    clients: [
      { username: '+', clientId: 'c1', topics: ['a/x', 'a/y', 'b/c1'] },
      { username: '#', clientId: 'c1', topics: ['a/x', 'b/c1'] },
      { username: 'alice', clientId: '+', topics: ['b/x', 'a/alice'] },
      { username: 'alice', clientId: '#', topics: ['b/x', 'a/alice'] },
    ],
  },
  {
    name: "a user's own deny beats a pattern, and a user's own grant stands beside it",
    acl: ['pattern a/%u/#', 'user alice', 'topic deny a/alice/secret', 'topic read a/shared'],
    clients: [{ username: 'alice', clientId: 'c1', topics: ['a/alice/x', 'a/alice/secret', 'a/shared', 'a/bob/x'] }],
  },
  {
    name: 'read and write granted by different lines, and by user and pattern',
    acl: ['pattern write t/%u', 'user alice', 'topic read t/#', 'topic read s', 'topic write s'],
    clients: [{ username: 'alice', clientId: 'c1', topics: ['t/alice', 't/bob', 's'] }],
  },
  {
    name: 'the deviations: deny is final, and a name never steps out of its level',
    acl: ['pattern deny a/%u', 'pattern %c/#', 'user alice', 'topic a/#'],
    clients: [
      {
        username: 'alice',
        clientId: 'c1',
        topics: ['a/alice', 'a/bob', 'c1/x'],
        deviates: { 'a/alice': { mosquitto: 'pr', ours: '-' } },
      },
      {
        username: 'bob',
        clientId: 'c2/sub',
        topics: ['c2/sub/x'],
        deviates: { 'c2/sub/x': { mosquitto: 'pr', ours: '-' } },
      },
      {
        username: 'bob',
        clientId: '$one',
        topics: ['$one/x'],
        deviates: { '$one/x': { mosquitto: 'pr', ours: '-' } },
      },
    ],
  },
];

for (const { name, acl, clients } of CASES) {
  test(`as Mosquitto: ${name}`, { skip }, async (t) => {
    // The observer sees every topic: its own lines come first in Mosquitto, so that no pattern takes them away.
    const observer = ['user observer', ...['#', '$one/#', '$two/#', '$three/#'].map((filter) => `topic ${filter}`)];
    const text = [...acl, ...observer, ''].join('\n');
    const port = await startMosquitto(t, text);
    const authorizer = buildAuthorizer(parseAclFile(text, 'acl'), { subscribe: 'overlapping' });
    const publisher = await connect(t, port, 'observer', 'the-observer');
    for (const { username, clientId, topics, deviates = {} } of clients) {
      const rights = authorizer.forClient({ username, clientId });
      const theirs = await probe(t, port, publisher, { username, clientId, topics });
      for (const topic of topics) {
        const ours = spell(rights.publish(topic).allowed, rights.receive(topic).allowed);
        const expected = deviates[topic] ?? { mosquitto: ours, ours };
        const about = `${username ?? 'anonymous'} as ${clientId} on ${topic}`;
        assert.deepEqual({ mosquitto: theirs.get(topic), ours }, expected, about);
      }
    }
  });
}

function spell(publishes: boolean, receives: boolean): Rights {
  if (publishes) return receives ? 'pr' : 'p';
  return receives ? 'r' : '-';
}

async function probe(
  t: TestContext,
  port: number,
  publisher: MqttClient,
  { username, clientId, topics }: { username: string | undefined; clientId: string; topics: readonly string[] },
): Promise<Map<string, Rights>> {
  const client = await connect(t, port, username, clientId);
  const received = new Set<string>();
  client.on('message', (topic, payload) => {
    if (String(payload) === 'probe') received.add(topic);
  });
  for (const filter of ['#', '$one/#', '$two/#', '$three/#']) await client.subscribeAsync(filter);
  for (const topic of topics) await publisher.publishAsync(topic, 'probe', { qos: 1 });
  // Mosquitto delivers before it answers the publisher; another round trip on the client's own connection is behind that.
  await client.subscribeAsync('fence');
  const rights = new Map<string, Rights>();
  for (const topic of topics) rights.set(topic, spell(await publishes(client, topic), received.has(topic)));
  await client.endAsync();
  return rights;
}

async function publishes(client: MqttClient, topic: string): Promise<boolean> {
  try {
    await client.publishAsync(topic, 'own', { qos: 1 });
    return true;
  } catch (error) {
    assert.equal((error as { code?: number }).code, NOT_AUTHORIZED);
    return false;
  }
}

async function connect(
  t: TestContext,
  port: number,
  username: string | undefined,
  clientId: string,
): Promise<MqttClient> {
  const client = await mqtt.connectAsync(`mqtt://${HOST}:${port}`, {
    protocolVersion: 5,
    clientId,
    reconnectPeriod: 0,
    ...(username === undefined ? {} : { username }),
  });
  t.after(() => client.end(true));
  return client;
}

async function startMosquitto(t: TestContext, acl: string): Promise<number> {
  const folder = await mkdtemp(path.join(tmpdir(), 'acl-mosquitto-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const port = await freePort();
  const aclFile = path.join(folder, 'acl');
  const configFile = path.join(folder, 'mosquitto.conf');
  await writeFile(aclFile, acl);
  // `user root`: it reads its files after it has given up root, where it is started as root.
  const config = ['user root', `listener ${port} ${HOST}`, 'allow_anonymous true', `acl_file ${aclFile}`, ''];
  await writeFile(configFile, config.join('\n'));
  const program = await Program.start('mosquitto', ['-c', configFile], [port]);
  t.after(() => program.end('SIGKILL'));
  return port;
}
