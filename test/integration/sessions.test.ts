import assert from 'node:assert/strict';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { askGateway, type ControlRequest } from '../../src/app/control/client.ts';
import type { RemovedSession, SessionDetails, SessionPage } from '../../src/app/sessions/session-facts.ts';
import { systemClock } from '../../src/base/clock.ts';
import { untilEvent } from '../kit/event-log.ts';
import { eventually } from '../kit/eventually.ts';
import { type RunningGateway, sallyport, startGateway } from '../kit/gateway.ts';
import { HOST, removeDirectory, temporaryDirectory } from '../kit/process.ts';
import { RawClient } from '../kit/raw-client.ts';
import { StubBroker } from '../kit/stub-broker.ts';

const PASSWORD = 'a password of the tests';
const HOSTILE = 'd\u202e\u2066evil';
const KEPT = { cleanStart: false, properties: { sessionExpiryIntervalS: 3600 } };

for (const workers of [1, 2]) {
  describe(`MQTT sessions, with ${workers === 1 ? 'one process' : `${workers} workers`}`, () => {
    let directory: string;
    let other: StubBroker;
    let gateway: RunningGateway;
    before(async () => {
      directory = await temporaryDirectory('sessions');
      other = await StubBroker.listen();
      gateway = await startGateway({
        directory,
        listeners: [{ name: 'tcp', type: 'tcp' }],
        users: { ann: PASSWORD, bob: PASSWORD },
        acl: ['user ann', 'topic readwrite #', 'user bob', 'topic readwrite #'],
        config: {
          workers,
          authentication: { passwordFile: 'users' },
          authorization: { aclFile: 'acl' },
          upstreams: [{ name: 'plant', targets: [{ url: other.url }] }],
          routes: [{ user: 'bob', upstream: 'plant' }],
        },
      });
    });
    after(async () => {
      await other.close();
      await gateway.stop();
      await removeDirectory(directory);
    });

    const open = async (clientId: string, init = {}, username = 'ann'): Promise<RawClient> => {
      const client = await RawClient.open({ transport: 'tcp', host: HOST, port: gateway.ports.get('tcp')! }, 5);
      await client.connect({ clientId, username, password: PASSWORD, ...init });
      return client;
    };
    const outcomeOf = (request: ControlRequest) =>
      askGateway(path.join(directory, 'control.sock'), request, systemClock);
    const ask = async <Result>(request: ControlRequest): Promise<Result> => {
      const outcome = await outcomeOf(request);
      assert.ok(outcome.kind === 'answered', JSON.stringify(outcome));
      return outcome.result as Result;
    };
    const list = (query: Record<string, string> = {}): Promise<SessionPage> =>
      ask({ method: 'GET', path: '/v1/mqtt-sessions', query });
    const show = async (id: string): Promise<SessionDetails> => {
      const { sessions } = await ask<{ sessions: SessionDetails[] }>({
        method: 'GET',
        path: `/v1/mqtt-sessions/${id}`,
      });
      assert.equal(sessions.length, 1);
      return sessions[0]!;
    };
    const run = (...words: string[]) => sallyport([...words, '--data', directory]);
    const untilAway = (clientId: string) =>
      eventually(`${clientId} is away`, async () => (await list({ clientId, state: 'away' })).matched === 1);
    /** Away, with two messages that wait for it. */
    const leaveBehind = async (clientId: string): Promise<void> => {
      const client = await open(clientId, KEPT);
      assert.equal(await client.subscribe(`site/${clientId}/#`, 1, { noLocal: true }), 1);
      client.drop();
      await untilAway(clientId);
      const publisher = await open('publisher');
      for (const payload of ['one', 'two']) await publisher.publish(`site/${clientId}/a`, payload, { qos: 1 });
      await publisher.disconnect();
    };

    it('shows one whose client is away, with what waits for it and when it ends', async () => {
      await leaveBehind('pump-7');
      const session = await show('pump-7');
      assert.deepEqual(
        [session.broker, session.username, session.state, session.protocolVersion, session.expiryS],
        ['embedded', 'ann', 'away', 5, 3600],
      );
      assert.ok(session.expiresInMs !== null && session.expiresInMs > 3_500_000 && session.expiresInMs <= 3_600_000);
      assert.deepEqual(
        [session.queuedMessages, session.queuedBytes, session.inflight],
        [2, 2 * 'site/pump-7/aone'.length, 0],
      );
      assert.deepEqual(
        session.filters.map(({ filter, qos, noLocal }) => [filter, qos, noLocal]),
        [['site/pump-7/#', 1, true]],
      );
    });

    it('removes one for good, and records what went with it', async () => {
      await leaveBehind('pump-8');
      const { session, connections } = await ask<RemovedSession>({
        method: 'DELETE',
        path: '/v1/mqtt-sessions/pump-7',
      });
      assert.deepEqual([session.subscriptions, session.queuedMessages, connections], [1, 2, []]);
      const event = await untilEvent(gateway.program, 'session.removed', { clientId: 'pump-7' });
      assert.match(String(event['by']), /^operator:/);
      type Records = { records: { d: Record<string, unknown> }[] };
      let record: Records['records'][number] | undefined;
      await eventually('it is in the journal', async () => {
        const query = { event: 'session-remove' };
        [record] = (await ask<Records>({ method: 'GET', path: '/v1/journal', query })).records;
        return record !== undefined;
      });
      const [change] = record!.d['changes'] as { path: string; before: Record<string, unknown>; after: unknown }[];
      assert.deepEqual([change!.path, change!.before['queuedMessages'], change!.after], ['session:pump-7', 2, null]);
      if (workers === 1) {
        await gateway.stop();
        gateway = await gateway.restart();
        const restored = await show('pump-8');
        assert.deepEqual([restored.state, restored.queuedMessages, restored.protocolVersion], ['away', 2, null]);
      }
      assert.equal((await list({ clientId: 'pump-7' })).matched, 0);
      const back = await open('pump-7', KEPT);
      assert.equal(back.connack?.sessionPresent, false);
      await back.expectNothing();
      await back.disconnect();
    });

    it('ends the connection of one whose client is there, and nobody else’s', async () => {
      const client = await open('valve-1', KEPT);
      // Its name is how connections are called.
      const bystander = await open('c1');
      const { connections, session } = await ask<RemovedSession>({
        method: 'DELETE',
        path: '/v1/mqtt-sessions/valve-1',
      });
      assert.deepEqual([connections.length, session.state], [1, 'connected']);
      const { properties } = await client.expectDisconnect(0x98);
      assert.equal(properties.reasonString, 'an operator has removed the session');
      const closed = await untilEvent(gateway.program, 'connection.closed', { clientId: 'valve-1' });
      assert.match(String(closed['by']), /^operator:/);
      const back = await open('valve-1', KEPT);
      assert.equal(back.connack?.sessionPresent, false);
      assert.equal((await outcomeOf({ method: 'DELETE', path: '/v1/mqtt-sessions/c2' })).kind, 'refused');
      await bystander.expectNothing();
    });

    it('knows of another broker only who is connected, and says so', async () => {
      const client = await open('m1', KEPT, 'bob');
      const { sessions, sources } = await list({ broker: 'plant' });
      assert.deepEqual(
        sessions.map(({ clientId, broker, state, queuedMessages }) => [clientId, broker, state, queuedMessages]),
        [['m1', 'plant', 'connected', null]],
      );
      assert.deepEqual(sources, [
        { broker: 'embedded', knows: 'all' },
        { broker: 'plant', knows: 'connected' },
      ]);
      const refused = await outcomeOf({ method: 'DELETE', path: '/v1/mqtt-sessions/m1' });
      assert.ok(refused.kind === 'refused' && refused.status === 409 && refused.says.includes('the broker plant'));
      client.drop();
      await eventually('it is not known any more', async () => (await list({ broker: 'plant' })).matched === 0);
      const away = await outcomeOf({ method: 'DELETE', path: '/v1/mqtt-sessions/m1' });
      assert.ok(away.kind === 'refused' && away.status === 404);
      assert.match(away.says, /another broker \(plant\).*known to that broker alone/);
    });

    it('refuses what cannot be asked', async () => {
      const cases: [query: Record<string, string>, status: number][] = [
        [{ state: 'asleep' }, 400],
        [{ clientId: 'x'.repeat(1025) }, 400],
        [{ limit: '0' }, 400],
        [{ cursor: '!' }, 400],
        [{ cursor: Buffer.from('x').toString('base64url') }, 422],
        [{ client: 'x' }, 400],
      ];
      for (const [query, status] of cases) {
        const outcome = await outcomeOf({ method: 'GET', path: '/v1/mqtt-sessions', query });
        assert.ok(outcome.kind === 'refused' && outcome.status === status, JSON.stringify([query, outcome]));
      }
      const nobody = await outcomeOf({ method: 'GET', path: '/v1/mqtt-sessions/nobody' });
      assert.ok(nobody.kind === 'refused' && nobody.status === 404);
    });

    if (workers > 1) return;

    it('shows and removes at the command line, with names so that no terminal acts on them', async () => {
      await leaveBehind(HOSTILE);
      const listed = await run('sessions', '--state', 'away', '--user', 'ann');
      assert.match(
        listed.out,
        /^client +user +broker +state[^\n]*\n(.*\n)*d\\u202e\\u2066evil +ann +embedded +away +5\.0 +in /,
      );
      assert.match(listed.out, /\nOf plant only sessions of clients that are connected are known here\.\n$/);
      const shown = await run('sessions', 'show', HOSTILE);
      assert.match(shown.out, /away since [\s\S]*2 messages, [\s\S]*evil\/# +QoS 1, no local\n/);
      const json = await run('sessions', 'list', '--client', HOSTILE, '--json');
      assert.equal((JSON.parse(json.out) as { result: SessionPage }).result.sessions[0]?.clientId, HOSTILE);
      const removed = await run('sessions', 'remove', HOSTILE);
      assert.match(removed.out, /^The session of d.*evil is gone, with 1 subscription and 2 queued messages\.\n$/);
      for (const { code, out, err } of [listed, shown, json, removed]) {
        assert.equal(code, 0, err);
        assert.ok(!/[\u202e\u2066]/.test(out), out);
      }
      const again = await run('sessions', 'remove', HOSTILE);
      assert.deepEqual([again.code, again.out], [2, '']);
      assert.match(again.err, /There is no session of the client/);
    });
  });
}
