import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { KILLERS } from '../../test/kit/broker-killers.ts';
import { ack, publish, subscribe, unsubscribe } from '../../test/kit/packets.ts';
import { allow, Bench, testPolicy } from '../../test/kit/pipeline-bench.ts';
import { settled } from '../../test/kit/settled.ts';
import { bytesOf } from '../../test/kit/wire-cases.ts';
import type { AckType, ConnectPacket, SubscribePacket } from '../mqtt/packet.ts';
import { PacketType, type ProtocolVersion } from '../mqtt/wire.ts';
import { isHostileHit, VIRTUAL_PATCHES, VirtualPatches } from '../policy/detection/virtual-patches.ts';

const off = (...names: string[]) => testPolicy({ virtualPatches: new VirtualPatches(names) });

/** A connection to which a packet of the table has come, whole or in pieces. */
async function struck(killer: (typeof KILLERS)[number], pieceBytes: number, policy = testPolicy()): Promise<Bench> {
  const bench = new Bench(killer.version ?? 5, policy);
  if (killer.first !== true) await bench.open();
  const bytes = bytesOf(killer.wire);
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    bench.connection.onBytes(Buffer.from(bytes.subarray(at, at + pieceBytes)));
  }
  await settled();
  return bench;
}

describe('a packet that is known to bring down brokers', () => {
  for (const killer of KILLERS.filter(({ sender }) => sender !== 'server')) {
    const { patch, what, fault, version = 5 } = killer;
    it(`${what}: is stopped under the name of ${patch}, version ${version}`, async () => {
      for (const pieceBytes of [1_000_000, 1]) {
        const bench = await struck(killer, pieceBytes);
        const [event] = bench.named('packet.faulted');
        assert.equal(event?.by, `virtual-patch:${patch}`);
        assert.equal(event?.fault, fault.code);
        const calls = bench.link.calls.filter(([name]) => name !== 'connect' && name !== 'close');
        assert.deepEqual(calls, []);
        assert.ok(bench.downstream.ended);
        // The bench's own ceilings keep the ten thousand properties short.
        if (bytesOf(killer.wire).length > 10_000) return;
      }
    });
  }

  it('is stopped all the same where its patch is off, under the name of its fault', async () => {
    for (const killer of KILLERS.filter(({ sender }) => sender !== 'server')) {
      const bench = await struck(killer, 1_000_000, off(...VIRTUAL_PATCHES.map(({ name }) => name)));
      assert.equal(bench.named('packet.faulted')[0]?.by, `codec:${killer.fault.code}`, killer.patch);
      assert.ok(bench.downstream.ended, killer.patch);
    }
  });

  it('has a patch, and each patch of a fault has such a packet', () => {
    const names = new Set(VIRTUAL_PATCHES.map(({ name }) => name));
    assert.equal(names.size, VIRTUAL_PATCHES.length);
    const tested = new Set(KILLERS.map(({ patch }) => patch));
    for (const patch of tested) assert.ok(names.has(patch), patch);
    for (const { name, stoppedBy } of VIRTUAL_PATCHES) {
      if (typeof stoppedBy !== 'string') assert.ok(tested.has(name), name);
    }
  });

  it('makes nobody suspect who may have sent it honestly', () => {
    assert.equal(isHostileHit('virtual-patch:CVE-2021-34432'), true);
    assert.equal(isHostileHit('virtual-patch:CVE-2019-11778'), false);
    assert.equal(isHostileHit('codec:truncated'), false);
  });
});

async function opened(version: ProtocolVersion, policy = testPolicy()): Promise<Bench> {
  const bench = new Bench(version, policy);
  await bench.open();
  return bench;
}

describe('a QoS 2 PUBLISH in an exchange that is open (CVE-2023-28366)', () => {
  const first = publish('ok/a', 'x', { qos: 2, packetId: 7 });
  const repeated = { ...first, dup: true };
  const types = (bench: Bench) => bench.received().map(({ type }) => type);
  const answer = (bench: Bench, type: AckType, reasonCode = 0) => bench.link.receiver.acknowledge(type, 7, reasonCode);

  for (const version of [3, 4, 5] as const) {
    it(`is acknowledged for each time it came and forwarded once, version ${version}`, async () => {
      const bench = await opened(version);
      bench.send(first, repeated, repeated);
      assert.deepEqual(types(bench), []);
      answer(bench, PacketType.Pubrec);
      bench.send(repeated);
      assert.deepEqual(types(bench), Array(4).fill(PacketType.Pubrec));
      assert.equal(bench.link.named('publish').length, 1);
      assert.equal(bench.named('publish.refused')[0]?.by, 'virtual-patch:CVE-2023-28366');
      bench.send(ack(PacketType.Pubrel, 7));
      answer(bench, PacketType.Pubcomp);
      bench.send(first);
      assert.equal(bench.link.named('publish').length, 2);
    });
  }

  it('ends the connection where it is no repetition', async () => {
    const bench = await opened(5);
    bench.send(first, first);
    assert.equal(bench.link.named('publish').length, 1);
    assert.ok(bench.downstream.ended);
    assert.equal(bench.named('publish.refused')[0]?.action, 'disconnected');
  });

  it('is forwarded where the exchange was refused, the patch is off, or the broker is the embedded one', async () => {
    const refused = await opened(5);
    refused.send(first);
    answer(refused, PacketType.Pubrec, 0x97);
    refused.send(first);
    assert.equal(refused.link.named('publish').length, 2);
    const without = await opened(5, off('CVE-2023-28366'));
    without.send(first, repeated);
    assert.equal(without.link.named('publish').length, 2);
    const embedded = await opened(5);
    embedded.connection.client.usesOwnBroker = true;
    embedded.send(first, repeated);
    assert.equal(embedded.link.named('publish').length, 2);
  });
});

describe('unsubscribing the plain one of a shared and a plain subscription (CVE-2024-8376)', () => {
  const granted = () => ({ authorizer: { forClient: () => allow('#', '$share/#') } });
  /** Calls of the link, other than CONNECT. */
  const asked = (bench: Bench) => bench.link.calls as [string, number, string[]][];
  const sent = (bench: Bench): string[] => asked(bench).map(([name, , filters]) => `${name} ${filters.join(' ')}`);
  const held = async (version: ProtocolVersion, ...filters: string[]): Promise<Bench> => {
    const bench = await opened(version, testPolicy(granted()));
    bench.send(...filters.map((filter, i) => subscribe(i + 1, [{ filter, qos: 1 }])));
    bench.link.calls.length = 0;
    return bench;
  };

  for (const version of [4, 5] as const) {
    for (const filters of [
      ['ok/a', '$share/g/ok/a', '$share/h/ok/a'],
      ['$share/g/ok/a', '$share/h/ok/a', 'ok/a'],
    ]) {
      it(`has the shared ones step aside: ${filters.join(', ')} held, version ${version}`, async () => {
        const bench = await held(version, ...filters);
        bench.send(unsubscribe(9, ['ok/a']));
        assert.deepEqual(sent(bench), [
          'unsubscribe $share/g/ok/a $share/h/ok/a',
          'unsubscribe ok/a',
          'subscribe $share/g/ok/a',
          'subscribe $share/h/ok/a',
        ]);
        assert.equal(bench.named('patch.applied')[0]?.by, 'virtual-patch:CVE-2024-8376');
        assert.ok(!bench.downstream.ended);
      });
    }
  }

  const suback = (bench: Bench, packetId: number, code: number): void =>
    bench.link.receiver.suback({ type: PacketType.Suback, packetId, reasonCodes: [code], properties: {} });

  it('lets the client see one UNSUBACK, and nothing of what the gateway did', async () => {
    const bench = await held(5, 'ok/a', '$share/g/ok/a');
    bench.send(unsubscribe(9, ['ok/a']));
    bench.received();
    for (const [name, packetId] of asked(bench)) {
      if (name === 'subscribe') suback(bench, packetId, 1);
      else bench.link.receiver.unsuback({ type: PacketType.Unsuback, packetId, reasonCodes: [0], properties: {} });
    }
    assert.deepEqual(
      bench.received().map((packet) => [packet.type, 'packetId' in packet && packet.packetId]),
      [[PacketType.Unsuback, 9]],
    );
    assert.deepEqual([...bench.connection.client.subscriptions], ['$share/g/ok/a']);
  });

  it('tells where the broker does not take the shared one again', async () => {
    const bench = await held(5, 'ok/a', '$share/g/ok/a');
    bench.send(unsubscribe(9, ['ok/a']));
    const [, packetId] = asked(bench).find(([name]) => name === 'subscribe')!;
    suback(bench, packetId, 0x97);
    assert.equal(bench.named('subscription.revoked')[0]?.filter, '$share/g/ok/a');
    assert.deepEqual([...bench.connection.client.subscriptions], []);
  });

  it('takes the shared one again as it was asked for', async () => {
    const bench = await opened(5, testPolicy(granted()));
    const init = { qos: 1, retainAsPublished: true } as const;
    const properties = { subscriptionIdentifiers: [7] };
    const taken: SubscribePacket[] = [];
    bench.link.subscribe = (packet) => taken.push(packet);
    const asked = subscribe(1, [{ filter: '$share/g/ok/a', ...init }]);
    bench.send({ ...asked, properties }, subscribe(2, [{ filter: 'ok/a' }]), unsubscribe(9, ['ok/a']));
    const [first, , again] = taken;
    assert.deepEqual(again!.subscriptions, first!.subscriptions);
    assert.deepEqual(again!.properties, properties);
  });

  it('takes none again that the same packet gives up', async () => {
    const bench = await held(5, '$share/g/ok/a', 'ok/a');
    bench.send(unsubscribe(9, ['ok/a', '$share/g/ok/a']));
    assert.deepEqual(sent(bench), ['unsubscribe $share/g/ok/a', 'unsubscribe ok/a $share/g/ok/a']);
  });

  it('goes on as it is where nothing is mixed, the shared one is given up, or the patch is off', async () => {
    for (const [filters, given] of [
      [
        ['ok/a', '$share/g/ok/b'],
        ['ok/a', '$share/g/ok/b', 'ok/c'],
      ],
      [['ok/a', '$share/g/ok/a'], ['$share/g/ok/a']],
      [['$share/g/ok/a'], ['ok/a', '$share/h/ok/a']],
    ] as const) {
      const bench = await held(5, ...filters);
      bench.send(unsubscribe(9, [...given]));
      assert.deepEqual(sent(bench), [`unsubscribe ${given.join(' ')}`]);
    }
    const without = await opened(5, { ...off('CVE-2024-8376'), ...granted() });
    without.send(subscribe(1, [{ filter: 'ok/a' }, { filter: '$share/g/ok/a' }]), unsubscribe(2, ['ok/a']));
    assert.equal(without.link.named('unsubscribe').length, 1);
  });
});

describe('a PUBLISH to a topic that begins with $ (CVE-2018-12543)', () => {
  it('is refused under that name where no grant names the topic, and goes on where one does', async () => {
    const bench = await opened(5);
    bench.send(publish('$test/test', 'x', { qos: 1, packetId: 1 }));
    assert.equal(bench.named('publish.refused')[0]?.by, 'virtual-patch:CVE-2018-12543');
    const granted = await opened(5, testPolicy({ authorizer: { forClient: () => allow('$aws/#') } }));
    granted.send(publish('$aws/things', 'x'));
    assert.equal(granted.link.named('publish').length, 1);
  });
});

describe('a Will Delay Interval that is longer than the session lasts (CVE-2019-11778)', () => {
  const connecting = (willDelayIntervalS: number, sessionExpiryIntervalS: number) => ({
    will: {
      topic: 'ok/will',
      payload: Buffer.from('x'),
      qos: 0 as const,
      retain: false,
      properties: { willDelayIntervalS },
    },
    properties: { sessionExpiryIntervalS },
  });
  const delayAtServer = (bench: Bench): number | undefined => {
    const [connect] = bench.link.named('connect') as [string, ConnectPacket][];
    return connect![1].will?.properties.willDelayIntervalS;
  };

  it('is shortened to that, and told', async () => {
    const bench = new Bench(5);
    await bench.open(connecting(100, 10));
    assert.equal(delayAtServer(bench), 10);
    assert.equal(bench.named('patch.applied')[0]?.by, 'virtual-patch:CVE-2019-11778');
    assert.equal(bench.named('client.connected').length, 1);
  });

  it('stays as it is where it is not longer, or where the patch is off', async () => {
    const bench = new Bench(5);
    await bench.open(connecting(10, 10));
    assert.equal(delayAtServer(bench), 10);
    assert.deepEqual(bench.named('patch.applied'), []);
    const without = new Bench(5, off('CVE-2019-11778'));
    await without.open(connecting(100, 10));
    assert.equal(delayAtServer(without), 100);
  });
});
