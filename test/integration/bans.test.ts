import assert from 'node:assert/strict';
import net from 'node:net';
import { after, before, describe, it } from 'node:test';
import { PacketType } from '../../src/mqtt/wire.ts';
import { type BanControl, banControl } from '../kit/ban-control.ts';
import { encode } from '../kit/codec.ts';
import { eventsLike, untilEvent } from '../kit/event-log.ts';
import { eventually } from '../kit/eventually.ts';
import { type RunningGateway, sallyport, startGateway } from '../kit/gateway.ts';
import { connect } from '../kit/packets.ts';
import { HOST } from '../kit/process.ts';
import { RawClient } from '../kit/raw-client.ts';
import { polite, StubBroker } from '../kit/stub-broker.ts';

const PASSWORD = 'a password of the tests';

for (const workers of [1, 2]) {
  describe(`bans with ${workers === 1 ? 'one process' : `${workers} workers`}`, () => {
    let gateway: RunningGateway;
    /** For what is not about the command, which is a process each time. */
    let control: BanControl;
    before(async () => {
      gateway = await startGateway({
        listeners: [{ name: 'tcp', type: 'tcp' }],
        users: { ann: PASSWORD, bob: PASSWORD },
        acl: ['user ann', 'topic readwrite #', 'user bob', 'topic readwrite #'],
        config: {
          workers,
          authentication: { passwordFile: 'users' },
          authorization: { aclFile: 'acl' },
          bans: { allow: ['127.0.0.200'] },
        },
      });
      control = banControl(gateway.directory);
    });
    after(() => gateway.stop());

    const ban = (...words: string[]) => sallyport(['ban', ...words, '--data', gateway.directory]);
    const open = (version: 4 | 5 = 5) =>
      RawClient.open({ transport: 'tcp', host: HOST, port: gateway.ports.get('tcp')! }, version);
    /** Who is let in is answered; who is not is closed without a word. */
    const knock = async (localAddress: string): Promise<'closed' | 'open'> => {
      const socket = net.connect({ host: HOST, port: gateway.ports.get('tcp')!, localAddress });
      socket.on('error', () => undefined);
      socket.write(encode(connect(5, { clientId: 'knocks', username: 'ann', password: PASSWORD }), 5));
      const answer = await Promise.race([
        new Promise<'closed'>((resolve) => socket.once('close', () => resolve('closed'))),
        new Promise<'open'>((resolve) => socket.once('data', () => resolve('open'))),
      ]);
      socket.destroy();
      return answer;
    };

    it('ends the open connections of a client, and refuses it from then on, in the words of its version', async () => {
      const clients = await Promise.all(Array.from({ length: 4 }, () => open()));
      for (const [i, client] of clients.entries()) {
        await client.connect({ clientId: `d${i}`, username: 'ann', password: PASSWORD });
      }
      const added = await ban('add', 'client:d1', '--for', '1h', '--reason', 'lost in a taxi', '--json');
      assert.equal(added.code, 0, added.err);
      const { result } = JSON.parse(added.out) as { result: Record<string, unknown> };
      assert.equal(result['subject'], 'client:d1');
      assert.match(String(result['author']), /^operator:/);
      await clients[1]!.expectDisconnect(0x98);
      for (const i of [0, 2, 3]) await clients[i]!.settled();
      const v5 = await open();
      v5.send(connect(5, { clientId: 'd1', username: 'ann', password: PASSWORD }));
      await v5.expect(PacketType.Connack, { reasonCode: 0x8a });
      const v4 = await open(4);
      v4.send(connect(4, { clientId: 'd1', username: 'ann', password: 'wrong' }));
      await v4.expect(PacketType.Connack, { reasonCode: 5 });
      await untilEvent(gateway.program, 'connect.refused', { by: 'ban:client:d1', clientId: 'd1' });
      await control.unban('client:d1');
      const again = await open();
      await again.connect({ clientId: 'd1', username: 'ann', password: PASSWORD });
      for (const client of [...clients, again]) await client.disconnect().catch(() => undefined);
    });

    it('ends those of a user on every worker', async () => {
      const clients = await Promise.all(Array.from({ length: 4 }, () => open()));
      for (const [i, client] of clients.entries()) {
        await client.connect({ clientId: `b${i}`, username: 'bob', password: PASSWORD });
      }
      await control.ban('user:bob', '1h');
      for (const client of clients) await client.expectDisconnect(0x98);
      await control.unban('user:bob');
    });

    it('closes an address before it has said anything, its network too, and never an allowed one', async () => {
      assert.equal(await knock('127.0.0.77'), 'open');
      await control.ban('127.0.0.77', '1h');
      assert.equal(await knock('127.0.0.77'), 'closed');
      await untilEvent(gateway.program, 'connection.rejected', { by: 'ban:address:127.0.0.77', address: '127.0.0.77' });
      await control.ban('127.0.0.64/26', '1h');
      const removed = await ban('remove', '127.0.0.77');
      assert.match(removed.out, /still shut out by the ban of network:127\.0\.0\.64\/26/);
      assert.equal(await knock('127.0.0.77'), 'closed');
      await control.unban('127.0.0.64/26');
      assert.equal(await knock('127.0.0.77'), 'open');
      const refused = await ban('add', '127.0.0.200');
      assert.equal(refused.code, 2);
      assert.match(refused.err, /127\.0\.0\.200 is never banned/);
      await untilEvent(gateway.program, 'ban.refused', { subject: '127.0.0.200', by: 'bans.allow' });
    });

    it('explains why, and lists what is in force after a restart or without a gateway', async () => {
      await ban('add', '198.51.100.0/24', '--reason', 'a scanner');
      const [why, whyNot] = await Promise.all([ban('why', '198.51.100.9'), ban('why', '203.0.113.1')]);
      assert.equal(why.code, 0);
      assert.match(why.out, /network:198\.51\.100\.0\/24 +for good +operator:\S+ +a scanner/);
      assert.equal(whyNot.code, 1);
      if (workers !== 1) return;
      await gateway.program.end('SIGKILL');
      const [offline, added] = await Promise.all([ban('list', '--json'), ban('add', '192.0.2.1')]);
      assert.equal(offline.code, 0, offline.err);
      const listing = JSON.parse(offline.out) as { isRunning: boolean; result: { bans: { subject: string }[] } };
      assert.equal(listing.isRunning, false);
      assert.deepEqual(
        listing.result.bans.map(({ subject }) => subject),
        ['network:198.51.100.0/24'],
      );
      assert.equal(added.code, 3);
      gateway = await gateway.restart();
      assert.equal((await ban('why', '198.51.100.9')).code, 0);
    });

    it('lets a ban end by itself', async () => {
      await control.ban('127.0.0.88', '1s');
      assert.equal(await knock('127.0.0.88'), 'closed');
      await untilEvent(gateway.program, 'ban.expired', { subject: '127.0.0.88' });
      await eventually('the address is let in', async () => (await knock('127.0.0.88')) === 'open');
    });

    if (workers === 1) {
      it('says of every mistake in the command what it is', async () => {
        const cases: [words: string[], says: RegExp][] = [
          [['add', '192.0.2.0/40'], /is nobody to ban or confine: give one of/],
          [['add', 'clent:d1'], /did you mean client:/],
          [['add', '192.0.2.1', '--for', '2'], /is no duration: give one such as 30m/],
          [['add'], /Say whom/],
          [['remove', '203.0.113.1'], /is not banned itself/],
          [['lift', '192.0.2.1'], /unknown/],
        ];
        await Promise.all(
          cases.map(async ([words, says]) => {
            const { code, err } = await ban(...words);
            assert.equal(code, 2, words.join(' '));
            assert.match(err, says);
          }),
        );
      });
    }

    it('bans who guesses passwords, by itself and at once', async () => {
      const guess = async (i: number): Promise<void> => {
        const socket = net.connect({ host: HOST, port: gateway.ports.get('tcp')!, localAddress: '127.0.0.99' });
        socket.on('error', () => undefined);
        socket.resume();
        socket.end(encode(connect(4, { clientId: `g${i}`, username: 'ann', password: `guess ${i}` }), 4));
        await new Promise<void>((resolve) => socket.once('close', () => resolve()));
      };
      for (let i = 0; i < 12; i++) await guess(i);
      const added = await untilEvent(gateway.program, 'ban.added', { subject: '127.0.0.99' });
      assert.equal(added['author'], 'detector:bruteForce');
      assert.equal(await knock('127.0.0.99'), 'closed');
      const why = await ban('why', '127.0.0.99');
      assert.match(why.out, /detector:bruteForce/);
    });
  });
}

it('a ban reaches clients of a worker that is being replaced, too', async () => {
  const broker = await StubBroker.listen((packet, connection) => {
    if (packet.type === PacketType.Connect && packet.clientId.startsWith('held')) held++;
    else polite(packet, connection);
  });
  let held = 0;
  const gateway = await startGateway({
    listeners: [{ name: 'tcp', type: 'tcp' }],
    users: { ann: PASSWORD },
    acl: ['user ann', 'topic readwrite #'],
    config: {
      workers: 2,
      limits: { connectTimeout: '2m' },
      shutdown: { drainTimeout: '1m' },
      upstreams: [{ name: 'silent', targets: [{ url: broker.url }], connectTimeout: '1m' }],
      routes: [{ user: 'ann', upstream: 'silent' }],
    },
  });
  try {
    // The broker does not answer them, and a worker that leaves waits for whom it has begun to let in.
    const ids = Array.from({ length: 8 }, (_, i) => `held-${i}`);
    const clients = await Promise.all(
      ids.map(() => RawClient.open({ transport: 'tcp', host: HOST, port: gateway.ports.get('tcp')! }, 5)),
    );
    for (const [i, client] of clients.entries()) {
      client.send(connect(5, { clientId: ids[i]!, username: 'ann', password: PASSWORD }));
    }
    await eventually('all wait for the broker', () => held === ids.length);
    const restarted = sallyport(['restart', '--data', gateway.directory]);
    // The second in its place; the first one is told to leave right then.
    await untilEvent(gateway.program, 'worker.started', { slot: 1 }, 1);
    const { ban } = banControl(gateway.directory);
    for (const id of ids) await ban(`client:${id}`, '1h');
    for (const client of clients) await client.expect(PacketType.Connack, { reasonCode: 0x8a });
    assert.equal((await restarted).code, 0);
    const workers = eventsLike(gateway.program, 'connect.refused', { by: /^ban:client:held-/ }).map(
      ({ connectionId }) => String(connectionId).split('-')[0],
    );
    assert.equal(new Set(workers).size, 2, 'both had some of them, the one that was leaving and the one that stayed');
  } finally {
    await gateway.stop();
    await broker.close();
  }
});
