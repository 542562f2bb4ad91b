import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Bench, testPolicy } from '../../test/kit/pipeline-bench.ts';
import type { Packet } from '../mqtt/packet.ts';
import { NO_PROPERTIES } from '../mqtt/properties.ts';
import { PacketType } from '../mqtt/wire.ts';
import { Conduct } from './conduct.ts';
import { isKnownGood } from './known-good.ts';

const RULES = { connectedMinMs: 300_000, packetsPerSecondMax: 20 };

function isGood(bench: Bench): boolean {
  return isKnownGood(bench.connection.client, RULES, bench.clock.nowMs());
}

/** Connects, and says something a moment later. */
async function opened(bench: Bench): Promise<void> {
  await bench.open({ keepAliveS: 1000 });
  bench.clock.advance(1);
  bench.send(bench.publish('ok/1'));
}

/** A client that has been connected for as long as it takes, and has kept its keep-alive. */
async function longConnected(bench: Bench): Promise<void> {
  await opened(bench);
  bench.clock.advance(RULES.connectedMinMs);
}

describe('a client is known to be good', () => {
  it('when it has authenticated, has been connected for long and sends little', async () => {
    const bench = new Bench(5);
    await opened(bench);
    bench.clock.advance(RULES.connectedMinMs - 2);
    assert.equal(isGood(bench), false);
    bench.clock.advance(1);
    assert.equal(isGood(bench), true);
  });

  it('never for time alone: whoever only pings has done nothing for it', async () => {
    const bench = new Bench(5);
    await bench.open({ keepAliveS: 1000 });
    bench.clock.advance(RULES.connectedMinMs);
    bench.send({ type: PacketType.Pingreq });
    assert.equal(isGood(bench), false);
  });

  it('never before its CONNECT was accepted', () => {
    const bench = new Bench(5);
    bench.clock.advance(RULES.connectedMinMs);
    assert.equal(isGood(bench), false);
  });

  it('never when it is anonymous', async () => {
    const policy = testPolicy();
    const anybody = {
      ...policy.authenticator,
      authenticate: () =>
        Promise.resolve({
          ok: true,
          identity: { username: undefined, clientId: 'x', method: 'anonymous', credential: '' },
        } as const),
    };
    const bench = new Bench(5, { ...policy, authenticator: anybody });
    await longConnected(bench);
    assert.equal(isGood(bench), false);
  });

  it('no longer when it begins to flood, and again when it has stopped', async () => {
    const bench = new Bench(5);
    await longConnected(bench);
    const packets = Array.from({ length: 201 }, () => bench.publish('ok/1'));
    bench.send(...packets);
    assert.equal(isGood(bench), false);
    bench.clock.advance(20_000);
    assert.equal(isGood(bench), true);
  });

  it('only a minute after its last refused PUBLISH or SUBSCRIBE', async () => {
    const subscription = {
      filter: 'no/1',
      qos: 0,
      noLocal: false,
      retainAsPublished: false,
      retainHandling: 0,
    } as const;
    const packets: Packet[] = [
      new Bench(5).publish('no/1', { qos: 1 }),
      { type: PacketType.Subscribe, packetId: 1, subscriptions: [subscription], properties: NO_PROPERTIES },
    ];
    for (const packet of packets) {
      const bench = new Bench(5);
      await longConnected(bench);
      bench.send(packet);
      assert.equal(isGood(bench), false);
      bench.clock.advance(59_999);
      assert.equal(isGood(bench), false);
      bench.clock.advance(1);
      assert.equal(isGood(bench), true);
    }
  });
});

describe('conduct', () => {
  it('gives a steady rate as what it is', () => {
    const conduct = new Conduct();
    conduct.connected(1000);
    for (let nowMs = 1000; nowMs <= 61_000; nowMs += 100) conduct.heard(1, nowMs);
    assert.ok(Math.abs(conduct.packetsPerSecond(61_000) - 10) < 0.2);
  });

  it('forgets a burst once two windows have passed without one', () => {
    const conduct = new Conduct();
    conduct.connected(0);
    conduct.heard(1000, 9_999);
    conduct.heard(1, 10_000);
    assert.equal(conduct.packetsPerSecond(10_000), 100);
    assert.ok(conduct.packetsPerSecond(20_000) <= 0.1);
  });

  it('takes PINGREQs for a sign of life and not for traffic', () => {
    const conduct = new Conduct();
    conduct.connected(0);
    conduct.pinged();
    conduct.heard(1, 5000);
    assert.equal(conduct.lastTrafficMs, 0);
    conduct.pinged();
    conduct.heard(2, 6000);
    assert.equal(conduct.lastTrafficMs, 6000);
  });
});
