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

  it('keeps counts while it grows, but for very few of the least suspect', () => {
    const suspects = table({ keysMax: 1 << 16 });
    for (let i = 0; i < 40_000; i++) suspects.add(`192.0.${i >> 8}.${i & 255}`, 1 + (i % 7), 0);
    let lost = 0;
    for (let i = 0; i < 40_000; i++) {
      if (Math.abs(suspects.count(`192.0.${i >> 8}.${i & 255}`, 0) - (1 + (i % 7))) > 0.01) lost++;
    }
    assert.ok(lost < 40, `${lost} of 40000 are lost`);
    assert.ok(suspects.size > 39_960);
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
