import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BanDesk, BanRecord } from '../bans/ban-desk.ts';
import { OperatorError } from '../config/problem.ts';
import type { SilentWorker } from '../silent-workers.ts';
import { ClientDesk, type ClientDeskOptions } from './client-desk.ts';
import type { ClientDetails } from './client-facts.ts';
import { type ClientAnswer, type ClientQuestion, GatewayClients } from './gateway-clients.ts';

const STUCK: readonly SilentWorker[] = [{ slot: 2, pid: 4711 }];
const BAN: BanRecord = {
  ...{ subject: 'client:d1', reason: '', author: 'operator:ann' },
  ...{ createdAt: '2026-01-01T00:00:00.000Z', expiresAt: null },
};

/** `d1` is connected to the first worker; what the second has nobody knows while it is silent. */
function makeDesk(silent: readonly SilentWorker[]) {
  const asked: ClientQuestion['kind'][] = [];
  const banned: string[] = [];
  const clients = new GatewayClients(
    async (question) => {
      asked.push(question.kind);
      const { id } = question as { id: string };
      const known = { connectionId: 'w1-c7', clientId: 'd1' } as ClientDetails;
      const answer: ClientAnswer = [known].filter((each) => each.clientId === id || each.connectionId === id);
      return { answers: [answer], silent };
    },
    () => [],
  );
  const banDesk = {
    add: ([subject = '']: string[]) => {
      banned.push(subject);
      return BAN;
    },
  } as unknown as BanDesk;
  const desk = new ClientDesk({ clients, banDesk } as unknown as ClientDeskOptions);
  return { desk, asked, banned };
}

const unheard = /What worker 2 \(process 4711\) may have is not known: no answer came\.$/;

test('a client that is shown comes with the workers that were not heard', async () => {
  const { found, silent } = await makeDesk(STUCK).desk.show('d1');
  assert.deepEqual([found.map(({ clientId }) => clientId), silent], [['d1'], STUCK]);
  assert.deepEqual((await makeDesk([]).desk.show('d1')).silent, []);
});

test('a client that nobody has who answered is not said to be away without the name of who did not', async () => {
  await assert.rejects(makeDesk(STUCK).desk.show('d2'), (error: unknown) => {
    return error instanceof OperatorError && unheard.test(error.message);
  });
  await assert.rejects(
    makeDesk([]).desk.show('d2'),
    /No client "d2" is connected; `sallyport clients` shows who is\.$/,
  );
});

test('an end reaches a worker that is silent as well, and the answer names it', async () => {
  const { desk, asked } = makeDesk(STUCK);
  const ended = { clientId: 'd1', connections: ['w1-c7'], ban: null, silentWorkers: STUCK };
  assert.deepEqual(await desk.disconnect('d1', 'ann'), ended);
  // It may be there: nothing has ended yet.
  assert.deepEqual(await desk.disconnect('d2', 'ann'), { ...ended, clientId: 'd2', connections: [] });
  assert.deepEqual(asked, ['disconnect', 'disconnect'], 'and is waited for once');
  await assert.rejects(makeDesk([]).desk.disconnect('d2', 'ann'), /No client "d2" is connected/);
});

test('whose connection it is that a silent worker has cannot be banned by its number', async () => {
  const { desk, banned } = makeDesk(STUCK);
  await assert.rejects(desk.disconnect('w2-c9', 'ann', { banFor: '1h' }), unheard);
  assert.deepEqual(banned, []);
  assert.deepEqual((await desk.disconnect('w1-c7', 'ann', { banFor: '1h' })).silentWorkers, STUCK);
  assert.deepEqual((await desk.disconnect('away', 'ann', { banFor: '1h' })).connections, []);
  assert.deepEqual(banned, ['client:d1', 'client:away']);
});
