import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { askGateway } from '../../src/app/control/client.ts';
import { CONTROL_SOCKET } from '../../src/app/control/control-socket.ts';
import { systemClock } from '../../src/base/clock.ts';
import type { ProtocolVersion } from '../../src/mqtt/wire.ts';
import { type BanControl, banControl } from '../kit/ban-control.ts';
import { eventsLike, untilEvent } from '../kit/event-log.ts';
import { type RunningGateway, startGateway } from '../kit/gateway.ts';
import { HOST } from '../kit/process.ts';
import { RawClient } from '../kit/raw-client.ts';

const PASSWORD = 'a password of the tests';
const USERS = { ann: PASSWORD, bob: PASSWORD, cid: PASSWORD, dan: PASSWORD, eve: PASSWORD };
const OPEN = ['topic readwrite open/#'];
const ACL = [...OPEN, ...Object.keys(USERS).flatMap((name) => [`user ${name}`, 'topic readwrite #'])];
/** Longer than any test: what ends it is an operator, who removes the session. */
const LASTING = { willDelayIntervalS: 3600 };

for (const workers of [1, 2]) {
  describe(`Wills of clients that have gone, with ${workers === 1 ? 'one process' : `${workers} workers`}`, () => {
    let gateway: RunningGateway;
    let control: BanControl;
    let witness: RawClient;
    before(async () => {
      gateway = await startGateway({
        listeners: [{ name: 'tcp', type: 'tcp', anonymous: true }],
        users: USERS,
        acl: ACL,
        config: {
          workers,
          authentication: { passwordFile: 'users' },
          authorization: { aclFile: 'acl' },
          broker: { persistence: 'durable' },
          bans: { allow: [HOST] },
        },
      });
      control = banControl(gateway.directory);
      witness = await open(5);
      await witness.connect({ clientId: 'witness', username: 'cid', password: PASSWORD });
      await witness.subscribe('#');
    });
    after(() => gateway.stop());

    const open = async (version: ProtocolVersion, localAddress = HOST): Promise<RawClient> => {
      const socket = net.connect({ host: HOST, port: gateway.ports.get('tcp')!, localAddress, noDelay: true });
      await once(socket, 'connect');
      return new RawClient(socket, version);
    };
    /** It leaves a Will that is due in an hour, and breaks off. */
    const leave = async (clientId: string, username: string | undefined, topic = `gone/${clientId}`, from = HOST) => {
      const client = await open(5, from);
      const login = username === undefined ? {} : { username, password: PASSWORD };
      const properties = { sessionExpiryIntervalS: 7200 };
      await client.connect({ clientId, ...login, properties, will: { topic, payload: 'bye', properties: LASTING } });
      client.drop();
      await untilEvent(gateway.program, 'connection.closed', { clientId, will: topic });
    };
    /** Its Will is due with the end of its session. */
    const remove = async (clientId: string) => {
      const request = { method: 'DELETE', path: `/v1/mqtt-sessions/${clientId}` } as const;
      const asked = await askGateway(path.join(gateway.directory, CONTROL_SOCKET), request, systemClock);
      assert.equal(asked.kind, 'answered', JSON.stringify(asked));
    };

    it('are published while nothing has changed, and withheld where the author is banned meanwhile', async () => {
      for (const clientId of ['free', 'b1', 'b2']) await leave(clientId, clientId === 'b2' ? 'bob' : 'ann');
      await leave('nobody', undefined, 'open/nobody');
      await control.ban('client:b1', '1h');
      await control.ban('user:bob', '1h');
      for (const clientId of ['b1', 'b2', 'nobody', 'free']) await remove(clientId);
      await witness.receive('open/nobody', 'bye');
      await witness.receive('gone/free', 'bye');
      await witness.expectNothing();
      const told = await untilEvent(gateway.program, 'will.withheld', { clientId: 'b1', by: 'ban:client:b1' });
      assert.deepEqual(
        [told['level'], told['topic'], told['username'], told['listener'], told['address']],
        ['warn', 'gone/b1', 'ann', 'tcp', '127.0.0.1'],
      );
      await untilEvent(gateway.program, 'will.withheld', { clientId: 'b2', by: 'ban:user:bob' });
      await control.unban('user:bob');
    });

    it('are withheld where the address is banned that the author had', async () => {
      await leave('addressed', 'ann', 'gone/addressed', '127.0.0.77');
      await control.ban('127.0.0.64/26', '1h');
      await remove('addressed');
      const by = 'ban:network:127.0.0.64/26';
      await untilEvent(gateway.program, 'will.withheld', { clientId: 'addressed', address: '127.0.0.77', by });
      await witness.expectNothing();
    });

    it('are withheld where a reload has taken the grant', async () => {
      await leave('ungranted', 'ann');
      await leave('granted', 'bob');
      await gateway.rewrite({ acl: [...OPEN, 'user ann', 'topic deny gone/#', ...ACL.slice(2)] });
      assert.equal((await gateway.reload()).code, 0);
      await remove('ungranted');
      await remove('granted');
      await witness.receive('gone/granted', 'bye');
      await witness.expectNothing();
      await untilEvent(gateway.program, 'will.withheld', { clientId: 'ungranted', by: /acl:3$/, reason: 0x87 });
    });

    it('are withheld where the author is a user no more, or has another password now', async () => {
      const authors = { removed: 'dan', changed: 'eve', same: 'cid' };
      for (const [clientId, username] of Object.entries(authors)) await leave(clientId, username, `open/${clientId}`);
      const { dan: _removed, ...users } = USERS;
      await gateway.rewrite({ users: { ...users, eve: 'another password' } });
      assert.equal((await gateway.reload()).code, 0);
      for (const clientId of Object.keys(authors)) await remove(clientId);
      await witness.receive('open/same', 'bye');
      await witness.expectNothing();
      for (const clientId of ['removed', 'changed'] as const) {
        const told = { clientId, username: authors[clientId], by: 'policy:identity', reason: 0x87 };
        await untilEvent(gateway.program, 'will.withheld', told);
      }
    });

    it('are judged by what holds after a restart, too, and those of versions 3.1 and 3.1.1 as well', async () => {
      await leave('later', 'ann', 'open/later');
      await leave('kept', 'bob');
      for (const [version, clientId] of [
        [3, 'v3'],
        [4, 'v4'],
      ] as const) {
        const client = await open(version);
        const login = { username: 'bob', password: PASSWORD, cleanStart: false };
        await client.connect({ clientId, ...login, will: { topic: `gone/${clientId}`, payload: 'bye' } });
        client.drop();
        await witness.receive(`gone/${clientId}`, 'bye');
      }
      await control.ban('client:later', '1h');
      await gateway.program.end('SIGKILL');
      gateway = await gateway.restart();
      control = banControl(gateway.directory);
      witness = await open(5);
      await witness.connect({ clientId: 'witness2', username: 'cid', password: PASSWORD });
      await witness.subscribe('#');
      await remove('later');
      await remove('kept');
      await witness.receive('gone/kept', 'bye');
      await witness.expectNothing();
      await untilEvent(gateway.program, 'will.withheld', { clientId: 'later', by: 'ban:client:later' });
      assert.equal(eventsLike(gateway.program, 'will.withheld').length, 1);
    });
  });
}
