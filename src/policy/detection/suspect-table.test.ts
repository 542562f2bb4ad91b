import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { KeyedHash } from '../../base/keyed-hash.ts';
import { SuspectTable } from './suspect-table.ts';

const hash = new KeyedHash(0x1234567, 0x89abcdef);
const table = (options: { keysMax?: number; tellsApart?: boolean; onEvict?: () => void } = {}) =>
  new SuspectTable({ hash, halfLifeMs: 1000, keysMax: 1024, ...options });

function near(found: number, expected: number, share = 0.001): void {
  assert.ok(Math.abs(found - expected) <= expected * share, `${found} is not near ${expected}`);
}

describe('a table of suspects', () => {
  it('counts, and lets counts fall to half in a half-life', () => {
    const suspects = table();
    near(suspects.add('a', 4, 0), 4);
    near(suspects.count('a', 1000), 2);
    near(suspects.add('a', 1, 2000), 2);
    assert.equal(suspects.count('b', 2000), 0);
  });

  it('stays exact after years', () => {
    const suspects = table();
    const years = 10 * 365 * 86_400_000;
    suspects.add('a', 8, years);
    near(suspects.count('a', years + 1000), 4);
  });

  it('stands still where the clock goes back, and forgets where it leaps', () => {
    const suspects = table();
    suspects.add('a', 4, 10_000);
    near(suspects.count('a', 0), 4);
    near(suspects.add('a', 1, 0), 5);
    assert.ok(suspects.count('a', 1e12) < 1e-9);
  });

  it('keeps every count and mark while it grows, in as much room as it needs', () => {
    let evicted = 0;
    const suspects = table({ keysMax: 1 << 17, tellsApart: true, onEvict: () => evicted++ });
    const key = (i: number): string => `192.0.${i >> 8}.${i & 255}`;
    const many = (i: number): number => 1 + (i % 3);
    for (let i = 0; i < 90_000; i++) {
      for (let value = 0; value < many(i); value++) suspects.addDistinct(key(i), `value-${value}`, 0);
      // Growing by the bucket: never more than what is wanted and a segment.
      if (i % 500 === 0) assert.ok(suspects.bytes <= (i / 0.7 + 2048) * 24, `${suspects.bytes} bytes for ${i} keys`);
    }
    assert.equal(evicted, 0);
    assert.equal(suspects.size, 90_000);
    for (let i = 0; i < 90_000; i++) {
      const before = suspects.count(key(i), 0);
      near(before, many(i), 0.1);
      assert.equal(suspects.addDistinct(key(i), 'value-0', 0), before);
    }
  });

  it('makes room by what has decayed before it grows', () => {
    const suspects = table({ keysMax: 1 << 17 });
    for (let second = 0; second < 100; second++) {
      for (let i = 0; i < 1000; i++) suspects.add(`${second}-${i}`, 1, second * 10_000);
    }
    assert.ok(suspects.bytes <= 16 * 1024 * 16, `${suspects.bytes} bytes for a thousand keys at a time`);
  });

  it('takes no more room than it may, and lets the least suspect go', () => {
    let evicted = 0;
    const suspects = table({ keysMax: 1024, onEvict: () => evicted++ });
    for (let i = 0; i < 50; i++) suspects.add(`attacker-${i}`, 100, 0);
    for (let i = 0; i < 100_000; i++) suspects.add(`passer-by-${i}`, 1, 0);
    assert.equal(suspects.bytes, 1024 * 16);
    assert.ok(suspects.size <= 1024);
    assert.ok(evicted > 90_000);
    for (let i = 0; i < 50; i++) near(suspects.count(`attacker-${i}`, 0), 100);
  });

  it('does not speak of an eviction where what left had decayed', () => {
    let evicted = 0;
    const suspects = table({ onEvict: () => evicted++ });
    for (let i = 0; i < 3000; i++) suspects.add(`early-${i}`, 1, 0);
    evicted = 0;
    for (let i = 0; i < 500; i++) suspects.add(`late-${i}`, 1, 60_000);
    assert.equal(evicted, 0);
  });

  it('tells apart how many values a key was seen with', () => {
    const suspects = table({ tellsApart: true });
    for (const many of [1, 3, 8, 20, 40]) {
      let count = 0;
      for (let round = 0; round < 3; round++) {
        for (let i = 0; i < many; i++) count = suspects.addDistinct(`key-${many}`, `value-${i}`, 0);
      }
      near(count, many, 0.3);
    }
  });

  it('does not count the regulars of a key again after its count has decayed', () => {
    const suspects = table({ tellsApart: true });
    for (let i = 0; i < 10; i++) suspects.addDistinct('gateway', `device-${i}`, 0);
    for (let i = 0; i < 10; i++) near(suspects.addDistinct('gateway', `device-${i}`, 2000), 2.5, 0.4);
  });
});
