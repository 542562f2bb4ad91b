import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Bench, testPolicy } from '../../test/kit/pipeline-bench.ts';
import { settled } from '../../test/kit/settled.ts';
import { encodePacket } from '../mqtt/encode.ts';
import type { Packet } from '../mqtt/packet.ts';
import { NO_PROPERTIES } from '../mqtt/properties.ts';
import { PacketType } from '../mqtt/wire.ts';
import type { ConnectionLimits } from './policy.ts';

const PINGREQ: Packet = { type: PacketType.Pingreq };
const PING_ONLY_MS = 600_000;

function limited(limits: Partial<ConnectionLimits>) {
  const policy = testPolicy();
  return testPolicy({ limits: { ...policy.limits, ...limits } });
}

function authors(bench: Bench): string[] {
  bench.connection.onClosed({ by: 'us', says: '', bytesIn: 0, bytesOut: 0 });
  return bench.named('connection.closed').map((event) => event.by);
}

function subscribe(filter: string): Packet {
  const subscription = { filter, qos: 0, noLocal: false, retainAsPublished: false, retainHandling: 0 } as const;
  return { type: PacketType.Subscribe, packetId: 1, subscriptions: [subscription], properties: NO_PROPERTIES };
}

/** Pings often enough to be kept, for as long as asked. */
function pingFor(bench: Bench, forMs: number): void {
  for (let passedMs = 0; passedMs < forMs && !bench.downstream.ended; passedMs += 60_000) {
    bench.send(PINGREQ);
    bench.clock.advance(Math.min(60_000, forMs - passedMs));
  }
}

describe('a CONNECT that drips in', () => {
  it('has its deadline from the first byte, however many more come', () => {
    const bench = new Bench(5);
    const bytes = encodePacket(bench.connectPacket({ clientId: 'x'.repeat(30) }), 5);
    for (let at = 0; at < 20; at++) {
      bench.connection.onBytes(bytes.subarray(at, at + 1));
      bench.clock.advance(500);
    }
    assert.equal(bench.downstream.ended, true);
    assert.equal(bench.named('connect.refused')[0]!.by, 'limit:connectTimeout');
  });
});

describe('a packet that has begun', () => {
  /** Opens a connection and sends the first bytes of a PUBLISH of 4000. */
  async function begun(limits: Partial<ConnectionLimits> = {}) {
    const bench = new Bench(5, limited(limits));
    await bench.open();
    const bytes = encodePacket(bench.publish('ok/1', { payload: Buffer.alloc(4000) }), 5);
    bench.connection.onBytes(bytes.subarray(0, 10));
    return { bench, bytes };
  }

  it('and drips in more slowly than the pace ends its connection', async () => {
    const { bench, bytes } = await begun();
    for (let at = 10; at < 110; at += 10) {
      bench.connection.onBytes(bytes.subarray(at, at + 10));
      bench.clock.advance(1000);
    }
    assert.equal(bench.downstream.ended, true);
    assert.deepEqual(authors(bench), ['limit:receiveRateMin']);
  });

  it('and comes at the pace may take its time', async () => {
    const { bench, bytes } = await begun();
    for (let at = 10; at < bytes.length; at += 110) {
      bench.connection.onBytes(bytes.subarray(at, at + 110));
      bench.clock.advance(1000);
    }
    assert.equal(bench.downstream.ended, false);
    assert.equal(bench.link.named('publish').length, 1);
  });

  it('and is whole in time is judged no further, whatever begins after it', async () => {
    const { bench, bytes } = await begun();
    bench.clock.advance(9000);
    bench.connection.onBytes(Buffer.concat([bytes.subarray(10), bytes.subarray(0, 10)]));
    bench.clock.advance(1000);
    assert.equal(bench.downstream.ended, false);
    bench.clock.advance(9_999);
    assert.equal(bench.downstream.ended, false);
    bench.clock.advance(1);
    assert.equal(bench.downstream.ended, true);
  });

  it('is not held to a pace while it is we who do not read', async () => {
    const bench = new Bench(5);
    await bench.open();
    bench.link.takesMore = false;
    const bytes = encodePacket(bench.publish('ok/1', { payload: Buffer.alloc(4000) }), 5);
    bench.connection.onBytes(Buffer.concat([bytes, bytes.subarray(0, 10)]));
    assert.equal(bench.downstream.paused, true);
    bench.clock.advance(50_000);
    assert.equal(bench.downstream.ended, false);
    bench.link.receiver.drained();
    bench.clock.advance(20_000);
    assert.equal(bench.downstream.ended, true);
    assert.deepEqual(authors(bench), ['limit:receiveRateMin']);
  });

  it('may take for ever where no pace is asked for', async () => {
    const { bench } = await begun({ receiveRateMinBytesPerS: 0 });
    bench.clock.advance(80_000);
    assert.equal(bench.downstream.ended, false);
  });
});

describe('a client that only pings', () => {
  it('is closed when its time is over', async () => {
    const bench = new Bench(5, limited({ pingOnlyMaxMs: PING_ONLY_MS }));
    await bench.open();
    pingFor(bench, PING_ONLY_MS - 1);
    assert.equal(bench.downstream.ended, false);
    bench.clock.advance(1);
    assert.equal(bench.downstream.ended, true);
    assert.deepEqual(authors(bench), ['limit:pingOnlyMax']);
  });

  it('does not gain time by what is refused', async () => {
    const bench = new Bench(5, limited({ pingOnlyMaxMs: PING_ONLY_MS }));
    await bench.open();
    bench.send(subscribe('no/1'), bench.publish('no/1', { qos: 1 }));
    pingFor(bench, PING_ONLY_MS);
    assert.equal(bench.downstream.ended, true);
  });

  it('stays when it has published, once', async () => {
    const bench = new Bench(5, limited({ pingOnlyMaxMs: PING_ONLY_MS }));
    await bench.open();
    bench.clock.advance(1);
    bench.send(bench.publish('ok/1'));
    pingFor(bench, 2 * PING_ONLY_MS);
    assert.equal(bench.downstream.ended, false);
  });

  it('stays when it listens', async () => {
    const bench = new Bench(5, limited({ pingOnlyMaxMs: PING_ONLY_MS }));
    await bench.open();
    bench.send(subscribe('ok/1'));
    pingFor(bench, 2 * PING_ONLY_MS);
    assert.equal(bench.downstream.ended, false);
  });

  it('stays when it is there for the sake of its Will', async () => {
    const bench = new Bench(5, limited({ pingOnlyMaxMs: PING_ONLY_MS }));
    const payload = Buffer.from('gone');
    await bench.open({ will: { topic: 'ok/1', payload, qos: 0, retain: false, properties: NO_PROPERTIES } });
    pingFor(bench, 2 * PING_ONLY_MS);
    assert.equal(bench.downstream.ended, false);
  });

  it('stays when its session was resumed, unless the server says that nothing is subscribed there', async () => {
    for (const [held, stays] of [
      [undefined, true],
      [['a', 'b'], true],
      [[], false],
    ] as const) {
      const bench = new Bench(5, limited({ pingOnlyMaxMs: PING_ONLY_MS }));
      bench.link.connackAnswer = undefined;
      await bench.open({ cleanStart: false });
      const connack = { type: PacketType.Connack, sessionPresent: true, reasonCode: 0, properties: NO_PROPERTIES };
      bench.link.receiver.connack(connack, held);
      await settled();
      pingFor(bench, PING_ONLY_MS);
      assert.equal(bench.downstream.ended, !stays, `with ${held}`);
    }
  });

  it('may do so for ever where the configuration says never', async () => {
    const bench = new Bench(5, limited({ pingOnlyMaxMs: Number.POSITIVE_INFINITY }));
    await bench.open();
    pingFor(bench, 3 * PING_ONLY_MS);
    assert.equal(bench.downstream.ended, false);
  });
});

describe('a client that reads nothing', () => {
  it('is cut off after the timeout, though little waits for it', async () => {
    const bench = new Bench(5);
    await bench.open();
    bench.connection.onBlocked();
    bench.clock.advance(4_999);
    assert.equal(bench.downstream.destroyed, false);
    bench.clock.advance(1);
    assert.equal(bench.downstream.destroyed, true);
    assert.deepEqual(authors(bench), ['limit:slowReaderTimeout']);
  });

  it('stays when it reads a little each time', async () => {
    const bench = new Bench(5);
    await bench.open();
    bench.connection.onBlocked();
    for (let i = 0; i < 10; i++) {
      bench.downstream.taken += 1;
      bench.clock.advance(5_000);
    }
    assert.equal(bench.downstream.destroyed, false);
    bench.clock.advance(5_000);
    assert.equal(bench.downstream.destroyed, true);
  });

  it('stays when it has caught up, and is watched anew when it falls behind again', async () => {
    const bench = new Bench(5);
    await bench.open();
    bench.connection.onBlocked();
    bench.clock.advance(4_000);
    bench.connection.onDrain();
    bench.clock.advance(20_000);
    assert.equal(bench.downstream.destroyed, false);
    bench.connection.onBlocked();
    bench.clock.advance(5_000);
    assert.equal(bench.downstream.destroyed, true);
  });
});
