import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { Candidate } from './balance.ts';
import { LeastConnections } from './least-connections.ts';
import { Rendezvous } from './rendezvous.ts';
import { RoundRobin } from './round-robin.ts';

interface Target extends Candidate {
  connections: number;
}

function targets(...weights: number[]): Target[] {
  return weights.map((weight, i) => ({ name: `t${i}`, weight, share: 1, connections: 0 }));
}

function shares(names: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}

describe('least connections', () => {
  it('fills targets in the ratio of their weights', () => {
    const all = targets(1, 2, 5);
    const balancer = new LeastConnections();
    for (let i = 0; i < 800; i++) balancer.pick(all).connections++;
    assert.deepEqual(
      all.map(({ connections }) => connections),
      [100, 200, 500],
    );
  });

  it('gives a target that starts slowly its small share, and then the whole', () => {
    const [fresh, old] = targets(1, 1) as [Target, Target];
    old.connections = 30;
    const balancer = new LeastConnections();
    assert.equal(balancer.pick([{ ...fresh, share: 0.1, connections: 3 }, old]).name, 't1');
    assert.equal(balancer.pick([{ ...fresh, share: 1, connections: 3 }, old]).name, 't0');
  });
});

describe('round robin', () => {
  it('takes turns by weight without bursts', () => {
    const balancer = new RoundRobin();
    const all = targets(5, 1, 1);
    const order = Array.from({ length: 14 }, () => balancer.pick(all).name);
    assert.deepEqual(order.slice(0, 7), ['t0', 't0', 't1', 't0', 't2', 't0', 't0']);
    assert.deepEqual(shares(order), { t0: 10, t1: 2, t2: 2 });
  });

  it('forgets targets that are gone', () => {
    const balancer = new RoundRobin();
    const [first, second] = targets(1, 1) as [Target, Target];
    balancer.pick([first, second]);
    balancer.keep(new Set(['t0']));
    assert.equal(balancer.pick([second, first]).name, 't1');
  });
});

describe('rendezvous by client identifier', () => {
  const balancer = new Rendezvous();
  const ids = Array.from({ length: 20_000 }, (_, i) => `device-${i}`);

  it('sends a client to the same target whatever the order of the list', () => {
    const all = targets(1, 1, 1, 1);
    fc.assert(
      fc.property(fc.string(), fc.shuffledSubarray(all, { minLength: 4 }), (id, shuffled) => {
        assert.equal(balancer.pick(shuffled, id).name, balancer.pick(all, id).name);
      }),
    );
  });

  it('moves only the clients of the target that leaves', () => {
    const all = targets(1, 1, 1);
    for (const id of ids) {
      const before = balancer.pick(all, id).name;
      const after = balancer.pick(all.slice(0, 2), id).name;
      if (before !== 't2') assert.equal(after, before);
    }
  });

  it('shares clients out in the ratio of the weights', () => {
    const counts = shares(ids.map((id) => balancer.pick(targets(1, 2, 5), id).name));
    for (const [name, part] of Object.entries({ t0: 1 / 8, t1: 2 / 8, t2: 5 / 8 })) {
      const expected = ids.length * part;
      assert.ok(
        Math.abs(counts[name]! - expected) < 5 * Math.sqrt(expected),
        `${name}: ${counts[name]}, not ${expected}`,
      );
    }
  });

  it('does not move anybody because a target starts slowly', () => {
    const all = targets(1, 1);
    const slow = all.map((target) => ({ ...target, share: 0.1 }));
    for (const id of ids.slice(0, 1000)) assert.equal(balancer.pick(slow, id).name, balancer.pick(all, id).name);
  });
});
