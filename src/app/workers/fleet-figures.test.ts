import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { GatewayFigures } from '../clients/gateway-figures.ts';
import { FleetFigures } from './fleet-figures.ts';

const figures = (n: number): GatewayFigures => ({
  ...{ clients: n, messagesIn: n, messagesOut: n, bytesIn: n, bytesOut: n },
  ...{ messagesInPerSecond: n, messagesOutPerSecond: n, bytesInPerSecond: n, bytesOutPerSecond: n, overloadStage: 1 },
});

test('what a worker has counted outlives it, and nothing goes through it any more', () => {
  const [a, b] = [{}, {}];
  const fleet = new FleetFigures();
  fleet.heard(a, figures(3));
  fleet.heard(b, figures(4));
  assert.equal(fleet.total([]).messagesIn, 7);
  fleet.heard(a, figures(5));
  fleet.exited(a);
  fleet.exited(a);
  const { messagesIn, bytesOut, clients, messagesInPerSecond } = fleet.total([]);
  assert.deepEqual([messagesIn, bytesOut, clients, messagesInPerSecond], [9, 9, 4, 4]);
  fleet.exited({});
  fleet.exited(b);
  assert.deepEqual([fleet.total([]).messagesIn, fleet.total([]).overloadStage], [9, 0]);
});

test('a worker that does not answer is counted as it was, with nothing going through it', () => {
  const [a, b] = [{}, {}];
  const fleet = new FleetFigures();
  fleet.heard(a, figures(3));
  fleet.heard(b, figures(4));
  const { messagesIn, clients, bytesInPerSecond } = fleet.total([a]);
  assert.deepEqual([messagesIn, clients, bytesInPerSecond], [7, 7, 4]);
});
