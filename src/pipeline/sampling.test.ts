import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { publish, subscribe } from '../../test/kit/packets.ts';
import { allow, Bench, testPolicy } from '../../test/kit/pipeline-bench.ts';
import { PacketType } from '../mqtt/wire.ts';
import { Connections } from './connections.ts';
import { takeSample } from './sampling.ts';

async function opened(): Promise<Bench> {
  const bench = new Bench(5, testPolicy({ authorizer: { forClient: () => allow('ok/#', '#') } }));
  await bench.open();
  return bench;
}

const sample = (bench: Bench, isLast = false) => takeSample(bench.connection.client, bench.clock.nowMs(), isLast);

describe('a sample of a connection', () => {
  it('tells what was forwarded since the one before', async () => {
    const bench = await opened();
    bench.clock.advance(1000);
    bench.send(publish('ok/a', 'abc'), publish('ok/b', 'abc', { retain: true }), publish('ok/b', '', { retain: true }));
    bench.link.deliver({ topic: 'ok/c' }, 5);
    const first = sample(bench)!;
    assert.equal(first.messagesIn, 3);
    assert.equal(first.messagesOut, 1);
    assert.equal(first.retainedIn, 1);
    assert.equal(first.topicsNew, 2);
    assert.equal(first.topicLatest, 'ok/b');
    assert.equal(first.spanMs, 1000);
    assert.equal(first.ageMs, 1000);
    // Fixed header, topic with its length, property length, payload.
    assert.equal(first.bytesIn, 2 + 6 + 1 + 3 + (2 + 6 + 1 + 3) + (2 + 6 + 1));
    bench.clock.advance(1000);
    bench.send(publish('ok/a', 'abc'));
    const second = sample(bench)!;
    assert.equal(second.messagesIn, 1);
    assert.equal(second.topicsNew, 0);
    assert.equal('topicLatest' in second, false);
  });

  it('counts nothing that was refused', async () => {
    const bench = new Bench(5);
    await bench.open();
    bench.clock.advance(1000);
    bench.send(publish('forbidden', 'x'));
    assert.equal(sample(bench), undefined);
  });

  it('is not taken before its time, nor of who does nothing, but for twice a minute and where a last word is due', async () => {
    const bench = await opened();
    bench.clock.advance(500);
    bench.send(publish('ok/a', 'x'));
    assert.equal(sample(bench), undefined);
    assert.equal(sample(bench, true)!.messagesIn, 1);
    bench.clock.advance(29_000);
    assert.equal(sample(bench), undefined);
    assert.equal(sample(bench, true), undefined);
    bench.clock.advance(1000);
    assert.equal(sample(bench)!.spanMs, 30_000);
  });

  it('tells who has done nothing at all', async () => {
    const bench = await opened();
    bench.clock.advance(40_000);
    assert.equal(sample(bench)!.isIdle, true);
    bench.send(subscribe(1, [{ filter: 'ok/a' }]));
    bench.clock.advance(40_000);
    assert.equal(sample(bench)!.isIdle, false);
  });

  it('counts filters that take in everything', async () => {
    const bench = await opened();
    bench.send(subscribe(1, [{ filter: '#' }, { filter: 'ok/#' }]));
    bench.clock.advance(1000);
    assert.equal(sample(bench)!.broadFilters, 1);
  });

  it('tells how many QoS 2 exchanges are open, and how long the oldest of them has been seen', async () => {
    const bench = await opened();
    bench.send(publish('ok/a', 'x', { qos: 2, packetId: 1 }), publish('ok/a', 'x', { qos: 2, packetId: 2 }));
    bench.clock.advance(1000);
    assert.equal(sample(bench)!.openQos2, 2);
    bench.clock.advance(30_000);
    assert.equal(sample(bench)!.openQos2Ms, 30_000);
    bench.link.receiver.acknowledge(PacketType.Pubrec, 1, 0);
    bench.link.receiver.acknowledge(PacketType.Pubcomp, 1, 0);
    bench.clock.advance(30_000);
    const later = sample(bench)!;
    assert.equal(later.openQos2, 1);
    assert.equal(later.openQos2Ms, 0);
  });

  it('is of an estimate of topics once they are many, and does not count those again that come again', async () => {
    const bench = await opened();
    for (let i = 0; i < 3000; i++) bench.send(publish(`ok/${i}`, 'x'));
    bench.clock.advance(1000);
    const first = sample(bench)!;
    assert.ok(Math.abs(first.topicsNew - 3000) < 500, `${first.topicsNew}`);
    for (let i = 0; i < 3000; i++) bench.send(publish(`ok/${i}`, 'x'));
    bench.clock.advance(1000);
    assert.equal(sample(bench)!.topicsNew, 0);
  });
});

describe('all connections', () => {
  it('are looked at in turn, round and round, while some come and others go', async () => {
    const all = new Connections();
    const benches = await Promise.all([opened(), opened(), opened()]);
    const [a, b, c] = benches.map(({ connection }) => connection);
    assert.deepEqual([...all.nextInTurn(5)], []);
    all.add(a!);
    all.add(b!);
    assert.deepEqual([...all.nextInTurn(1)], [a]);
    all.add(c!);
    assert.deepEqual([...all.nextInTurn(2)], [b, c]);
    assert.deepEqual([...all.nextInTurn(1)], [a]);
    all.remove(b!);
    assert.deepEqual([...all.nextInTurn(3)], [c, a, c]);
  });
});
