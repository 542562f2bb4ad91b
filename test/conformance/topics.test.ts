/** Topic names, topic filters, and how they match [MQTT5 4.7]. */
import assert from 'node:assert/strict';
import { Reason } from '../../src/mqtt/reason.ts';
import { PacketType } from '../../src/mqtt/wire.ts';
import { publish, subscribe } from '../kit/packets.ts';
import type { RawClient } from '../kit/raw-client.ts';
import { alone, chapter, claim, type World } from './suite.ts';

/** The topics of the QoS 0 deliveries that came. */
async function arrived(client: RawClient): Promise<string[]> {
  const topics: string[] = [];
  client.send({ type: PacketType.Pingreq });
  for (;;) {
    const packet = await client.next();
    if (packet === 'closed' || packet.type === PacketType.Pingresp) return topics;
    if (packet.type === PacketType.Publish) topics.push(packet.topic);
  }
}

/** What each filter matches of all these topics; both stand behind a prefix of the sequence, `P`. */
const TOPICS = ['P', 'P/', 'P/a', 'P/a/', 'P/a/b', 'P/a/b/c', 'P/ab', 'P/A', 'P//', 'P//b', 'P/a//b', 'P/b/a', 'P/$a'];
const MATCHES: Record<string, string[]> = {
  'P/#': TOPICS,
  'P/a/#': ['P/a', 'P/a/', 'P/a/b', 'P/a/b/c', 'P/a//b'],
  'P/a': ['P/a'],
  'P/+': ['P/', 'P/a', 'P/ab', 'P/A', 'P/$a'],
  'P/+/+': ['P/a/', 'P/a/b', 'P//', 'P//b', 'P/b/a'],
  'P/+/b': ['P/a/b', 'P//b'],
  'P/a/+': ['P/a/', 'P/a/b'],
  'P/+/#': TOPICS.slice(1),
  'P/+/b/#': ['P/a/b', 'P/a/b/c', 'P//b'],
  'P//+': ['P//', 'P//b'],
  'P//#': ['P/', 'P//', 'P//b'],
  'P/a/+/b': ['P/a//b'],
  'P/a/+/+': ['P/a/b/c', 'P/a//b'],
  'P/': ['P/'],
  'P//': ['P//'],
  'P/$a': ['P/$a'],
};

async function isRefused(world: World, filter: string): Promise<void> {
  const client = await world.connect();
  client.send(subscribe(1, [{ filter }]));
  const answer = await client.next();
  if (answer === 'closed') {
    assert.ok(world.version < 5 || world.target.name !== 'gateway', 'expected a reason');
    return;
  }
  if (answer.type === PacketType.Suback) {
    assert.ok(answer.reasonCodes[0]! >= 0x80, `granted ${answer.reasonCodes}`);
    return;
  }
  assert.equal(answer.type, PacketType.Disconnect);
  const { TopicFilterInvalid, MalformedPacket, ProtocolError } = Reason;
  assert.ok([TopicFilterInvalid, MalformedPacket, ProtocolError].includes(answer.reasonCode as 0x81));
  await client.expectClosed();
}

chapter('Topics and filters', () => {
  for (const [filter, expected] of Object.entries(MATCHES)) {
    claim(
      `the filter ${filter} matches ${expected.join(', ')} and no other of the topics [MQTT-4.7.1-1] [MQTT-4.7.1-2] [MQTT-3.3.2-3] [MQTT-4.7.3-4] [MQTT311-4.7.1-2] [MQTT311-4.7.1-3] [MQTT311-3.3.2-3] [MQTT311-4.7.3-4]`,
      async (world) => {
        const inPlace = (topic: string) => topic.replace('P', world.id);
        const subscriber = await world.connect();
        await subscriber.subscribe(inPlace(filter));
        const publisher = await world.connect();
        publisher.send(...TOPICS.map((topic) => publish(inPlace(topic), 'x')));
        await publisher.settled();
        assert.deepEqual(await arrived(subscriber), expected.map(inPlace));
      },
    );

    claim(
      `the filter ${filter} matches the same topics among those retained [MQTT-3.3.1-9] [MQTT-4.7.1-1] [MQTT-4.7.1-2] [MQTT311-3.3.1-6] [MQTT311-4.7.1-2] [MQTT311-4.7.1-3]`,
      async (world) => {
        const inPlace = (topic: string) => topic.replace('P', world.id);
        const publisher = await world.connect();
        publisher.send(...TOPICS.map((topic) => publish(inPlace(topic), 'x', { retain: true })));
        await publisher.settled();
        const subscriber = await world.connect();
        await subscriber.subscribe(inPlace(filter));
        assert.deepEqual((await arrived(subscriber)).sort(), expected.map(inPlace).sort());
        publisher.send(...TOPICS.map((topic) => publish(inPlace(topic), '', { retain: true })));
        await publisher.settled();
      },
      { versions: [4, 5] },
    );
  }

  for (const filter of ['a#', '#/a', 'a/#/b', 'a/b#', '##', '#a', '+#', 'a/+#']) {
    claim(`the filter ${filter} is refused: # stands alone at the end [MQTT-4.7.1-1] [MQTT311-4.7.1-2]`, (world) =>
      isRefused(world, filter),
    );
  }
  for (const filter of ['a+', '+a', 'a/b+', 'a/+b/c', '++', '+/a+']) {
    claim(`the filter ${filter} is refused: + takes a whole level [MQTT-4.7.1-2] [MQTT311-4.7.1-3]`, (world) =>
      isRefused(world, filter),
    );
  }
  claim('an empty filter is refused [MQTT-4.7.3-1] [MQTT311-4.7.3-1]', (world) => isRefused(world, ''));

  const lookalikes = {
    'letters of another case': ['case/A', 'case/a'],
    'a slash at the end': ['s/a', 's/a/'],
    'a slash at the beginning': ['t', '/t'],
    'two slashes': ['d/a/b', 'd/a//b'],
    'composed and decomposed letters': ['n/\u00e9', 'n/e\u0301'],
    'a space': ['w/a', 'w/a '],
    'dots that a file system would resolve': ['p/a', 'p/./a'],
    'a byte order mark': ['b/a', 'b/\ufeffa'],
    'fullwidth letters': ['f/A', 'f/\uff21'],
    'percent encoding': ['u/a b', 'u/a%20b'],
  } as const;
  for (const [what, [one, other]] of Object.entries(lookalikes)) {
    claim(
      `topics that differ by ${what} are different [MQTT-4.7.3-4] [MQTT-1.5.4-3] [MQTT311-4.7.3-4] [MQTT311-1.5.3-3]`,
      async (world) => {
        const client = await world.connect();
        for (const [filter, topic] of [
          [one, other],
          [other, one],
        ]) {
          await client.subscribe(`${world.id}${filter}`);
          await client.publish(`${world.id}${topic}`, 'wrong');
          await client.publish(`${world.id}${filter}`, 'right');
          await client.receive(`${world.id}${filter}`, 'right');
          await client.expectNothing();
          await client.unsubscribe(`${world.id}${filter}`);
        }
      },
    );
  }

  claim('a byte order mark in a topic is passed on [MQTT-1.5.4-3] [MQTT311-1.5.3-3]', async (world) => {
    const client = await world.connect();
    await client.subscribe(world.topic('+'));
    await client.publish(world.topic('\ufeffa'), 'x');
    await client.receive(world.topic('\ufeffa'), 'x');
  });

  claim(
    'topics of every kind of UTF-8 are passed on [MQTT-1.5.4-1] [MQTT-3.3.2-1] [MQTT311-3.3.2-1]',
    async (world) => {
      const client = await world.connect();
      await client.subscribe(world.topic('#'));
      for (const name of ['ascii', 'größe', 'тема', '主题', '\u{1f980}/\u{10fffd}', ' ', 'a b']) {
        await client.publish(world.topic(name), 'x');
        await client.receive(world.topic(name), 'x');
      }
    },
  );

  claim('a topic may be one character, also a slash alone [MQTT-4.7.3-1] [MQTT311-4.7.3-1]', async (world) => {
    const client = await world.connect();
    for (const topic of ['/', `${world.version}`]) {
      await client.subscribe(topic);
      await client.publish(topic, world.id);
      await client.take(PacketType.Publish, { topic, payload: world.id });
      await client.unsubscribe(topic);
    }
  });

  claim('a topic may have 65535 bytes [MQTT-4.7.3-3] [MQTT311-4.7.3-3]', async (world) => {
    const client = await world.connect();
    const topic = `${world.id}/`.padEnd(65_535, 'x');
    await client.subscribe(world.topic('+'), 1);
    await client.publish(topic, 'x', { qos: 1 });
    await client.receive(topic, 'x');
    await client.subscribe(topic, 1);
  });
});

alone('Filters that begin with a wildcard', () => {
  const topicsOf = (id: string) => [id, `/${id}`, `${id}/a`, `/${id}/a`];
  const leading: Record<string, (id: string) => string[]> = {
    '#': topicsOf,
    '+': (id) => [id],
    '/+': (id) => [`/${id}`],
    '+/+': (id) => [`/${id}`, `${id}/a`],
    '/#': (id) => [`/${id}`, `/${id}/a`],
    '+/#': topicsOf,
    '+/a': (id) => [`${id}/a`],
  };
  for (const [filter, expected] of Object.entries(leading)) {
    claim(
      `the filter ${filter} matches from the first level on, and no topic that begins with $ [MQTT-4.7.2-1] [MQTT-4.7.1-1] [MQTT-4.7.1-2] [MQTT311-4.7.2-1] [MQTT311-4.7.1-2] [MQTT311-4.7.1-3]`,
      async (world) => {
        const subscriber = await world.connect();
        await subscriber.subscribe(filter);
        await arrived(subscriber);
        const publisher = await world.connect();
        const hidden = filter === '+/a' || filter === '+/+' ? '$conformance/a' : '$conformance';
        publisher.send(...[...topicsOf(world.id), hidden].map((topic) => publish(topic, 'x')));
        await publisher.settled();
        const mine = (await arrived(subscriber)).filter((topic) => topic.includes(world.id) || topic.startsWith('$'));
        assert.deepEqual(mine, expected(world.id));
      },
    );
  }

  claim(
    'what the server tells of itself under $SYS comes for a filter that names it, and for none that begins with a wildcard [MQTT-4.7.2-1] [MQTT311-4.7.2-1]',
    async (world) => {
      const client = await world.connect();
      for (const filter of ['#', '+/#', '+/broker/#']) {
        await client.subscribe(filter);
        // The server speaks once a second.
        await new Promise((resolve) => setTimeout(resolve, 1500));
        assert.deepEqual(
          (await arrived(client)).filter((topic) => topic.startsWith('$')),
          [],
        );
        await client.unsubscribe(filter);
      }
      await client.subscribe('$SYS/#');
      const packet = await client.take(PacketType.Publish);
      assert.ok(packet.topic.startsWith('$SYS/'));
    },
  );
});
