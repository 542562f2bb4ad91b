import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ConnectedClients, connectedClients } from '../../../test/kit/connected-clients.ts';
import { type ClientFilter, readCursor } from './client-query.ts';

async function allPages({ clients, seen }: ConnectedClients, filter: ClientFilter, countMax: number) {
  const found: string[] = [];
  const matched = new Set<number | null>();
  let [pages, looksMax] = [0, 0];
  let cursor: string | undefined;
  do {
    const before = seen.looks;
    const page = await clients.list(filter, readCursor(cursor), countMax);
    assert.ok(page.clients.length <= countMax);
    found.push(...page.clients.map(({ connectionId }) => connectionId));
    matched.add(page.matched);
    looksMax = Math.max(looksMax, seen.looks - before);
    pages++;
    cursor = page.next ?? undefined;
  } while (cursor !== undefined);
  assert.equal(matched.size, 1);
  return { found, pages, looksMax, matched: [...matched][0] };
}

test('a page without a filter looks at the clients that are on it, however many are connected', async () => {
  for (const count of [1000, 30_000]) {
    const gateway = connectedClients(count);
    const { found, pages, looksMax, matched } = await allPages(gateway, {}, 100);
    assert.deepEqual([found.length, new Set(found).size, pages, matched], [count, count, count / 100, count]);
    // The oldest tells whose process it is, and one behind the page whether there are more.
    assert.ok(looksMax <= 102, `${looksMax} looks for a page of 100`);
  }
});

test('a page of a filter that few fit looks at a bounded number of clients, and all pages together find each', async () => {
  const cases: [filter: ClientFilter, fitting: number][] = [
    [{ listener: 'mqtts' }, 600],
    [{ username: 'u29999' }, 1],
    [{ clientId: 'd2999*' }, 11],
    [{ verdict: 'clear', listener: 'mqtts' }, 600],
    [{ verdict: 'quarantined' }, 0],
  ];
  const gateway = connectedClients(30_000);
  for (const [filter, fitting] of cases) {
    const { found, looksMax, matched } = await allPages(gateway, filter, 100);
    assert.deepEqual([found.length, matched], [fitting, null], JSON.stringify(filter));
    assert.ok(looksMax <= 10_002, `${JSON.stringify(filter)}: ${looksMax} looks`);
  }
  const few = await allPages(connectedClients(900), { listener: 'mqtts' }, 5);
  assert.deepEqual([few.found.length, few.matched], [18, 18], 'of not too many it is known how many fit');
});

test('clients of several workers come worker by worker in the order of their connections, each once', async () => {
  const expected = [1, 2, 10].flatMap((slot) => Array.from({ length: 40 }, (_, i) => `w${slot}-c${i + 1}`));
  for (const countMax of [1, 7, 40, 41, 42, 1000]) {
    const { found, matched } = await allPages(connectedClients(40, [2, 10, 1]), {}, countMax);
    assert.deepEqual([found, matched], [expected, 120]);
  }
});

test('whoever leaves or comes between two pages neither doubles nor hides another', async () => {
  const gateway = connectedClients(1000);
  const own = gateway.processes[0]!;
  const first = await gateway.clients.list({}, readCursor(undefined), 100);
  const gone = first.clients.slice(-30).map(({ connectionId }) => connectionId);
  for (const connectionId of gone) own.gone({ downstream: { connectionId } } as Parameters<typeof own.gone>[0]);
  const second = await gateway.clients.list({}, readCursor(first.next ?? ''), 1000);
  const seen = [...first.clients, ...second.clients].map(({ connectionId }) => connectionId);
  assert.deepEqual([seen.length, new Set(seen).size, second.matched], [1000, 1000, 970]);
});

test('whoever is ended is found in whichever worker it is, and no other is looked at', () => {
  const { processes, seen } = connectedClients(2000, [1, 2]);
  for (const [id, ended] of [
    ['d1700', ['w1-c1700', 'w2-c1700']],
    ['w2-c1700', ['w2-c1700']],
    ['d2001', []],
  ] as const) {
    const before = seen.looks;
    const found = processes.flatMap((own) => own.disconnect(id, 'operator:ann', 'enough'));
    assert.deepEqual(
      found.map(({ connectionId }) => connectionId),
      ended,
    );
    // Each that is found, and that of the same number in the other worker.
    assert.ok(seen.looks - before <= 3, `${id}: ${seen.looks - before} looks of 4000 clients`);
  }
});
