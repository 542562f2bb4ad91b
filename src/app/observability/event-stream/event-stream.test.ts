import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import type { GatewayEvent } from '../../../base/events.ts';
import { ManualClock } from '../../../base/manual-clock.ts';
import { OperatorError } from '../../config/problem.ts';
import { EventStream, WATCHERS_MAX } from './event-stream.ts';

const closed = (listener: string): GatewayEvent => ({ name: 'listener.closed', listener });
const refused = (clientId: string, topic = 'a/b', address = '192.0.2.7'): GatewayEvent => ({
  name: 'publish.refused',
  connectionId: 'c1',
  listener: 'mqtts',
  address,
  port: 40_000,
  clientId,
  topic,
  qos: 1,
  retain: false,
  action: 'refused',
  reason: 0x87,
  by: 'acl:default',
  says: 'no rule grants it',
});

function setUp(keptMax = 10_000, startId = 1) {
  const clock = new ManualClock();
  const events: GatewayEvent[] = [];
  const stream = new EventStream({ clock, emit: (event) => events.push(event) }, { keptMax, startId });
  return { clock, events, stream };
}

interface Record {
  readonly id: number;
  readonly event: string;
  readonly data: { readonly [key: string]: unknown };
}

/** What a watcher was given so far, as its records; comments are left out. */
async function read(watcher: Readable): Promise<Record[]> {
  let text = '';
  for (;;) {
    await turn();
    const piece = watcher.read() as string | null;
    if (piece === null) break;
    text += piece;
  }
  return text
    .split('\n\n')
    .filter((block) => block !== '' && !block.startsWith(':'))
    .map((block) => {
      const [, id, event, data] = /^id: (\d+)\nevent: (.+)\ndata: (.+)$/.exec(block) ?? [];
      return { id: Number(id), event: event!, data: JSON.parse(data!) as Record['data'] };
    });
}

const now = { kind: 'now' } as const;

describe('the stream of events', () => {
  it('tells what happens from now on, gathered, with numbers that grow by one', async () => {
    const { stream, clock } = setUp();
    stream.take(closed('before'));
    const watcher = stream.watch({}, now);
    assert.deepEqual(await read(watcher), []);
    stream.take(closed('a'));
    stream.take(closed('b'));
    assert.deepEqual(await read(watcher), [], 'they are gathered first');
    clock.advance(50);
    const records = await read(watcher);
    assert.deepEqual(
      records.map(({ id, event, data }) => [id, event, data['listener'], data['level']]),
      [
        [2, 'listener.closed', 'a', 'info'],
        [3, 'listener.closed', 'b', 'info'],
      ],
    );
    watcher.destroy();
  });

  it('makes the text of an event once, however many watch, and not at all where nobody does', () => {
    const { stream, clock } = setUp();
    let made = 0;
    const event = {
      ...closed('a'),
      toJSON() {
        return {};
      },
      get listener() {
        made++;
        return 'a';
      },
    } as unknown as GatewayEvent;
    stream.take(event);
    assert.equal(made, 0);
    const watchers = Array.from({ length: 50 }, () => stream.watch({}, { kind: 'after', id: 0 }));
    for (const watcher of watchers) watcher.read(0);
    clock.advance(50);
    const first = made;
    assert.ok(first > 0 && first < 10, `${first} reads for 50 watchers`);
    stream.ring.get(1)!.text;
    assert.equal(made, first);
    for (const watcher of watchers) watcher.destroy();
  });

  it('gathers for longer where many watch', () => {
    const { stream, clock } = setUp();
    const watchers = Array.from({ length: 50 }, () => stream.watch({}, now));
    for (const watcher of watchers) watcher.read(0);
    stream.take(closed('a'));
    clock.advance(249);
    assert.ok(watchers.every((watcher) => watcher.readableLength === 0));
    clock.advance(1);
    assert.ok(watchers.every((watcher) => watcher.readableLength > 0));
    for (const watcher of watchers) watcher.destroy();
  });

  it('goes on behind the last event that was seen', async () => {
    const { stream } = setUp();
    for (const name of ['a', 'b', 'c']) stream.take(closed(name));
    const watcher = stream.watch({}, { kind: 'after', id: 1 });
    assert.deepEqual(
      (await read(watcher)).map(({ id }) => id),
      [2, 3],
    );
    watcher.destroy();
  });

  it('tells how many events are missing where they have moved on', async () => {
    const { stream } = setUp(4);
    for (let i = 1; i <= 10; i++) stream.take(closed(`l${i}`));
    const watcher = stream.watch({}, { kind: 'after', id: 2 });
    assert.deepEqual(
      (await read(watcher)).map(({ id, event, data }) => [id, event, data['lost'] ?? data['listener']]),
      [
        [6, 'gap', 4],
        [7, 'listener.closed', 'l7'],
        [8, 'listener.closed', 'l8'],
        [9, 'listener.closed', 'l9'],
        [10, 'listener.closed', 'l10'],
      ],
    );
    watcher.destroy();
  });

  it('begins with all that it has for one who comes from an earlier run of the program', async () => {
    const { stream } = setUp(2, 1000);
    for (const id of [7, 999, 5000]) {
      stream.take(closed('a'));
      const watcher = stream.watch({}, { kind: 'after', id });
      const records = await read(watcher);
      assert.deepEqual(
        records.map((record) => record.id),
        { 7: [1000], 999: [1000, 1001], 5000: [1000, 1001, 1002] }[id],
      );
      assert.equal(records[0]!.event, id === 5000 ? 'gap' : 'listener.closed');
      watcher.destroy();
    }
  });

  it('begins at a time', async () => {
    const { stream, clock } = setUp(100, 1_790_000_000_000);
    stream.take(closed('a'));
    clock.advance(1000);
    const epochMs = clock.epochMs();
    stream.take(closed('b'));
    const watcher = stream.watch({}, { kind: 'since', epochMs });
    assert.deepEqual(
      (await read(watcher)).map(({ id }) => id),
      [1_790_000_000_001],
    );
    watcher.destroy();
  });

  it('ends for one who does not follow, when all was told', async () => {
    const { stream } = setUp();
    for (const name of ['a', 'b']) stream.take(closed(name));
    const watcher = stream.watch({}, { kind: 'since', epochMs: 0 }, { isFollowing: false });
    stream.take(closed('later'));
    assert.deepEqual(
      (await read(watcher)).map(({ id }) => id),
      [1, 2],
    );
    await once(watcher.resume(), 'end');
    const none = stream.watch({ events: ['ban.*'] }, { kind: 'since', epochMs: 0 }, { isFollowing: false });
    none.on('data', () => assert.fail('nothing fits'));
    await once(none, 'end');
  });

  it('tells a watcher that does not keep up what it has missed, and holds nothing for it meanwhile', async () => {
    const { stream, clock } = setUp(100);
    const watcher = stream.watch({}, now);
    watcher.read(0);
    const long = 'x'.repeat(400);
    for (let round = 0; round < 20; round++) {
      for (let i = 0; i < 100; i++) stream.take(refused(long));
      clock.advance(50);
    }
    assert.ok(watcher.readableLength < 256 * 1024);
    const records = await read(watcher);
    const gap = records.find(({ event }) => event === 'gap');
    assert.ok(gap !== undefined);
    const told = records.filter(({ event }) => event !== 'gap').length;
    assert.equal(told + Number(gap.data['lost']), 2000, 'every event is told or counted');
    watcher.destroy();
  });

  it('drops one that has stopped reading, and says so', () => {
    const { stream, clock, events } = setUp();
    const watcher = stream.watch({}, now);
    watcher.read(0);
    stream.take(closed('a'));
    clock.advance(50);
    for (let i = 0; i < 7; i++) stream.take(closed('b'));
    clock.advance(75_000);
    assert.equal(watcher.destroyed, true);
    assert.deepEqual(
      events.map((event) => event.name === 'ceiling.reached' && event.says),
      ['a watcher of events has not read for 60 s and was dropped; 7 events had gone by'],
    );
  });

  it('beats while nothing happens, and not more often', async () => {
    const { stream, clock } = setUp();
    const watcher = stream.watch({}, now);
    watcher.read(0);
    clock.advance(15_000);
    assert.equal(watcher.read(), ': still here\n\n');
    stream.take(closed('a'));
    clock.advance(50);
    await read(watcher);
    clock.advance(14_000);
    assert.equal(watcher.read(), null);
    watcher.destroy();
    assert.equal(clock.pendingCount, 0);
  });

  it('takes so many watchers and no more, and one again when one has gone', () => {
    const { stream } = setUp();
    const watchers = Array.from({ length: WATCHERS_MAX }, () => stream.watch({}, now));
    assert.throws(() => stream.watch({}, now), OperatorError);
    watchers[0]!.destroy();
    return new Promise<void>((resolve) => {
      watchers[0]!.on('close', () => {
        stream.watch({}, now).destroy();
        for (const watcher of watchers) watcher.destroy();
        resolve();
      });
    });
  });

  it('neutralises what a terminal would act on', async () => {
    const { stream, clock } = setUp();
    const watcher = stream.watch({}, now);
    watcher.read(0);
    stream.take(refused('\u001b[2Jd42\u202e\r\nevent: forged', 'a\n\nid: 7'));
    clock.advance(50);
    const text = watcher.read() as string;
    assert.equal(text.split('\n').length, 5, 'one record: three lines and an empty one');
    assert.ok(!text.includes('\u001b') && !text.includes('\u202e'));
    watcher.destroy();
  });
});

describe('the filter of the stream', () => {
  const ban: GatewayEvent = {
    name: 'ban.added',
    subjectKind: 'clientId',
    subject: 'd42',
    reason: 'x',
    author: 'operator:ann',
  };
  const detected = { ...ban, subjectKind: 'address', subject: '192.0.2.7' } as GatewayEvent;

  const cases: [object, boolean[]][] = [
    [{}, [true, true, true, true]],
    [{ events: ['ban.*'] }, [false, true, true, false]],
    [{ events: ['publish.refused', 'listener.closed'] }, [true, false, false, true]],
    [{ level: 'warn' }, [true, true, true, false]],
    [{ level: 'error' }, [false, false, false, false]],
    [{ clientId: 'd42' }, [true, true, false, false]],
    [{ clientId: 'd*' }, [true, true, false, false]],
    [{ clientId: 'd4' }, [false, false, false, false]],
    [{ username: 'ann' }, [false, false, false, false]],
    [{ address: '192.0.2.7' }, [true, false, true, false]],
    [{ address: '192.0.2.0/24' }, [true, false, true, false]],
    [{ address: '2001:db8::/32' }, [false, false, false, false]],
    [{ listener: 'mqtts' }, [true, false, false, true]],
  ];
  for (const [filter, wanted] of cases) {
    it(`${JSON.stringify(filter)} fits what it says`, async () => {
      const { stream } = setUp();
      for (const event of [refused('d42'), ban, detected, closed('mqtts')]) stream.take(event);
      const watcher = stream.watch(filter, { kind: 'after', id: 0 });
      const ids = (await read(watcher)).map(({ id }) => id);
      assert.deepEqual(
        [1, 2, 3, 4].map((id) => ids.includes(id)),
        wanted,
      );
      watcher.destroy();
    });
  }

  it('refuses what can fit nothing', () => {
    const { stream } = setUp();
    for (const filter of [{ events: ['ban.addd'] }, { address: 'example.org' }, { address: '192.0.2.0/33' }]) {
      assert.throws(() => stream.watch(filter, now), OperatorError);
    }
    assert.equal(stream.watchers, 0);
  });
});
