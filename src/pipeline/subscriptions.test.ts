import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { subscribe, unsubscribe } from '../../test/kit/packets.ts';
import { allow, Bench, testPolicy } from '../../test/kit/pipeline-bench.ts';
import { settled } from '../../test/kit/settled.ts';
import { ManualClock } from '../base/manual-clock.ts';
import type { Packet } from '../mqtt/packet.ts';
import { NO_PROPERTIES } from '../mqtt/properties.ts';
import { PacketType } from '../mqtt/wire.ts';
import { SessionFilters } from './session-filters.ts';

const filtersOf = (...filters: string[]) => filters.map((filter) => ({ filter, qos: 1 as const }));
const answers = (bench: Bench) =>
  bench.received().map((packet: Packet) => ('reasonCodes' in packet ? packet.reasonCodes : packet.type));
const grant = (bench: Bench, reasonCodes: number[]) =>
  bench.link.receiver.suback({ type: PacketType.Suback, packetId: 1, reasonCodes, properties: NO_PROPERTIES });
const released = (bench: Bench, reasonCodes: number[], packetId = 1) =>
  bench.link.receiver.unsuback({ type: PacketType.Unsuback, packetId, reasonCodes, properties: NO_PROPERTIES });

describe('a packet identifier that is in use still [MQTT-2.2.1-3] [MQTT311-2.3.1-2]', () => {
  it('makes the second SUBSCRIBE wait for the answer to the first, and each hears its own codes', async () => {
    for (const version of [4, 5] as const) {
      const bench = new Bench(version);
      await bench.open();
      bench.send(subscribe(1, filtersOf('no', 'ok/a')), subscribe(1, filtersOf('ok/b', 'no', 'ok/c')), {
        type: PacketType.Pingreq,
      });
      await settled();
      assert.deepEqual(bench.link.named('subscribe'), [['subscribe', 1, ['ok/a']]]);
      assert.deepEqual(bench.link.named('ping'), [], 'what came behind it waits too');
      assert.equal(bench.downstream.paused, true);
      grant(bench, [1]);
      await settled();
      assert.deepEqual(bench.link.named('subscribe')[1], ['subscribe', 1, ['ok/b', 'ok/c']]);
      assert.equal(bench.downstream.paused, false);
      assert.equal(bench.link.named('ping').length, 1);
      grant(bench, [0, version === 5 ? 0x97 : 0x80]);
      const denied = version === 5 ? 0x87 : 0x80;
      assert.deepEqual(answers(bench), [[denied, 1], PacketType.Pingresp, [0, denied, version === 5 ? 0x97 : 0x80]]);
      assert.deepEqual([...bench.connection.client.subscriptions], ['ok/a', 'ok/b']);
      assert.equal(bench.named('subscribe.refused').length, 2, 'each is judged once');
    }
  });

  it('makes one wait that is wholly denied, too: its answer would be taken for that of the first', async () => {
    const bench = new Bench(5);
    await bench.open();
    bench.send(subscribe(1, filtersOf('ok/a')), subscribe(1, filtersOf('no')));
    await settled();
    assert.deepEqual(answers(bench), []);
    grant(bench, [1]);
    await settled();
    assert.deepEqual(answers(bench), [[1], [0x87]]);
  });

  it('makes the second UNSUBSCRIBE wait as well, and neither waits for the other kind', async () => {
    const bench = new Bench(5);
    await bench.open();
    bench.send(subscribe(1, filtersOf('ok/a')), unsubscribe(1, ['x']), unsubscribe(1, ['y', 'z']));
    await settled();
    assert.deepEqual(bench.link.named('unsubscribe'), [['unsubscribe', 1, ['x']]]);
    released(bench, [0x11]);
    await settled();
    assert.deepEqual(bench.link.named('unsubscribe')[1], ['unsubscribe', 1, ['y', 'z']]);
    released(bench, [0, 0]);
    grant(bench, [2]);
    assert.deepEqual(answers(bench), [[0x11], [0, 0], [2]]);
  });

  it("is also one that the gateway uses in the client's name", async () => {
    const bench = new Bench(5, testPolicy({ authorizer: { forClient: () => allow('ok/#') } }));
    await bench.open();
    bench.send(subscribe(1, filtersOf('ok/a')));
    grant(bench, [1]);
    bench.connection.applyPolicy(testPolicy({ generation: 2, authorizer: { forClient: () => allow('ok/b') } }));
    const [[, packetId] = []] = bench.link.named('unsubscribe');
    assert.equal(packetId, 0xffff);
    bench.received();
    bench.send(unsubscribe(0xffff, ['ok/b']), subscribe(2, filtersOf('ok/b')));
    await settled();
    assert.equal(bench.link.named('unsubscribe').length, 1);
    released(bench, [0], 0xffff);
    await settled();
    assert.deepEqual(answers(bench), [], "the answer to the gateway is not the client's");
    assert.deepEqual(bench.link.named('unsubscribe')[1], ['unsubscribe', 0xffff, ['ok/b']]);
    released(bench, [0x11], 0xffff);
    assert.deepEqual(answers(bench), [[0x11]]);
    assert.equal(bench.link.named('subscribe').length, 2);
  });

  it('waits only as long as the connection', async () => {
    const bench = new Bench(5);
    await bench.open();
    bench.send(subscribe(1, filtersOf('ok/a')), subscribe(1, filtersOf('ok/b')));
    bench.link.receiver.closed(undefined);
    await settled();
    assert.equal(bench.downstream.ended, true);
    assert.equal(bench.link.named('subscribe').length, 1);
  });
});

describe('a session that is resumed', () => {
  const resumed = { type: PacketType.Connack, sessionPresent: true, reasonCode: 0, properties: NO_PROPERTIES };
  const lasting = { cleanStart: false, properties: { sessionExpiryIntervalS: 600 } };
  /** The bench's own ceiling is 3. */
  async function resume(
    held: string[] | undefined,
    filters?: SessionFilters,
    connect: object = lasting,
  ): Promise<Bench> {
    const bench = new Bench(5);
    bench.link.connackAnswer = undefined;
    Object.assign(bench.connection.client, { upstream: 'broker', sessionFilters: filters });
    await bench.open(connect);
    bench.link.receiver.connack(resumed, held);
    bench.received();
    await settled();
    return bench;
  }
  async function ask(bench: Bench, packetId: number, ...filters: string[]): Promise<unknown[]> {
    bench.send(subscribe(packetId, filtersOf(...filters)));
    for (const [, asked, granted] of bench.link.named('subscribe')) {
      if (asked !== packetId) continue;
      const reasonCodes = (granted as string[]).map(() => 1);
      bench.link.receiver.suback({ type: PacketType.Suback, packetId, reasonCodes, properties: NO_PROPERTIES });
    }
    await settled();
    return answers(bench).flat();
  }
  const remembering = (): SessionFilters => new SessionFilters({ clock: new ManualClock(), emit: () => undefined });

  it('has its subscriptions counted that the server tells of, and what it holds already may be asked for again', async () => {
    const bench = await resume(['ok/a', 'ok/b']);
    assert.deepEqual(await ask(bench, 1, 'ok/c', 'ok/d', 'ok/a'), [1, 0x97, 1]);
    assert.equal(bench.named('subscribe.refused')[0]?.by, 'limit:subscriptionsPerClientMax');
    bench.send(unsubscribe(2, ['ok/b']));
    released(bench, [0], 2);
    bench.received();
    assert.deepEqual(await ask(bench, 3, 'ok/d', 'ok/e'), [1, 0x97]);
  });

  it('loses with a change of policy what it may hold no longer', async () => {
    const bench = await resume(['ok/a', 'ok/b']);
    bench.connection.applyPolicy(testPolicy({ generation: 2, authorizer: { forClient: () => allow('ok/b') } }));
    assert.deepEqual(bench.link.named('unsubscribe'), [['unsubscribe', 0xffff, ['ok/a']]]);
    assert.equal(bench.named('subscription.revoked')[0]?.filter, 'ok/a');
  });

  it('has those counted that were made here before, where the server does not tell, also by whom it has just taken over', async () => {
    const filters = remembering();
    const first = await resume(undefined, filters);
    assert.deepEqual(await ask(first, 1, 'ok/a', 'ok/b'), [1, 1]);
    const second = await resume(undefined, filters);
    assert.deepEqual(await ask(second, 1, 'ok/c', 'ok/d'), [1, 0x97]);
    for (const { connection } of [first, second])
      connection.onClosed({ by: 'peer', says: '', bytesIn: 1, bytesOut: 1 });
    const third = await resume(undefined, filters);
    assert.deepEqual(await ask(third, 1, 'ok/d', 'ok/a'), [0x97, 1]);
  });

  it('counts nothing of what another user or another client has', async () => {
    const filters = remembering();
    const first = await resume(undefined, filters);
    assert.deepEqual(await ask(first, 1, 'ok/a', 'ok/b', 'ok/c'), [1, 1, 1]);
    for (const change of [{ clientId: 'other' }, { username: 'other' }]) {
      const other = await resume(undefined, filters, { ...lasting, ...change });
      assert.deepEqual(await ask(other, 1, 'ok/a', 'ok/b', 'ok/c'), [1, 1, 1]);
    }
  });
});
