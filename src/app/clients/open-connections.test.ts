import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Connection } from '../../pipeline/connection.ts';
import { OpenConnections } from './open-connections.ts';

/** A connection of the worker `slot`; `seen` counts how often one is looked at. */
function connectionOf(slot: number, number: number, clientId: string, seen = { looks: 0 }): Connection {
  const client = { clientId, downstream: { connectionId: slot === 0 ? `c${number}` : `w${slot}-c${number}` } };
  return {
    get client() {
      seen.looks++;
      return client;
    },
  } as unknown as Connection;
}

const idOf = ({ client }: Connection): string => client.downstream.connectionId;

test('a client is found by its identifier and by that of its connection, and no other is looked at', () => {
  for (const slot of [0, 3]) {
    const [open, seen] = [new OpenConnections(), { looks: 0 }];
    for (let number = 1; number <= 20_000; number++) open.add(connectionOf(slot, number, `d${number}`, seen));
    const prefix = slot === 0 ? 'c' : 'w3-c';
    const cases: [id: string, found: string[], looksMax: number][] = [
      ['d17', [`${prefix}17`], 0],
      [`${prefix}19999`, [`${prefix}19999`], 1],
      [`${prefix}20001`, [], 0],
      ['d20001', [], 0],
      // A connection of another worker has the number of one here, and the identifier of none.
      ['w2-c17', [], 1],
      [`${prefix}017`, [], 1],
      ['', [], 0],
    ];
    for (const [id, found, looksMax] of cases) {
      const before = seen.looks;
      const named = open.named(id);
      assert.ok(seen.looks - before <= looksMax, `${id}: ${seen.looks - before} looks`);
      assert.deepEqual(named.map(idOf), found, id);
    }
  }
});

test('all connections of a client are found, and one that is named as the connection of another finds both, once each', () => {
  const open = new OpenConnections();
  const [second, first] = [connectionOf(0, 8, 'd1'), connectionOf(0, 3, 'd1')];
  const [named, itself] = [connectionOf(0, 9, 'c8'), connectionOf(0, 10, 'c10')];
  for (const connection of [second, first, named, itself]) open.add(connection);
  assert.deepEqual(open.named('d1').map(idOf), ['c3', 'c8']);
  assert.deepEqual(open.named('c8').map(idOf), ['c9', 'c8']);
  assert.deepEqual(open.named('c10').map(idOf), ['c10']);
  assert.deepEqual(open.ofClient('c8').map(idOf), ['c9']);
});

test('whatever came and went, those of a client identifier are those that are open', () => {
  const step = fc.record({ comes: fc.boolean(), client: fc.nat(4), which: fc.nat() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const open = new OpenConnections();
      const there: Connection[] = [];
      let last = 0;
      for (const { comes, client, which } of steps) {
        const connection = connectionOf(0, ++last, `d${client}`);
        // One that is refused goes without ever having been open.
        if (!comes && which % 3 === 0) open.remove(connection.client);
        else if (comes) {
          open.add(connection);
          there.push(connection);
        } else {
          const [gone] = there.splice(which % (there.length + 1), 1);
          if (gone !== undefined) open.remove(gone.client);
        }
        for (const id of ['d0', 'd1', 'd2', 'd3', 'd4']) {
          assert.deepEqual(
            open.named(id),
            there.filter((one) => one.client.clientId === id),
          );
        }
      }
    }),
  );
});
