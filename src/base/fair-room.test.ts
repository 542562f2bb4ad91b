import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { FairRoom, type FairRoomOptions, type Guest } from './fair-room.ts';

/** Its key is the first letter; capitals are known, and a dash makes it quick. */
class Named implements Guest {
  readonly name: string;
  readonly key: string;
  readonly isKnown: boolean;
  readonly isQuick: boolean;
  readonly #dropped: string[];

  constructor(name: string, dropped: string[]) {
    this.name = name;
    this.key = name[0]!;
    this.isKnown = name[0] !== name[0]!.toLowerCase();
    this.isQuick = name.includes('-');
    this.#dropped = dropped;
  }

  drop(): void {
    this.#dropped.push(this.name);
  }
}

class Bench {
  readonly dropped: string[] = [];
  readonly room: FairRoom<Named>;
  readonly #named = new Map<string, Named>();

  constructor(options: FairRoomOptions) {
    this.room = new FairRoom(options);
  }

  push(...names: string[]): boolean[] {
    return names.map((name) => {
      const item = new Named(name, this.dropped);
      this.#named.set(name, item);
      return this.room.push(item);
    });
  }

  remove(name: string): boolean {
    return this.room.remove(this.#named.get(name)!);
  }

  crowd(key: string, count: number): void {
    this.push(...Array.from({ length: count }, (_, i) => `${key}${i}`));
  }

  drained(): string[] {
    const names: string[] = [];
    for (let item = this.room.shift(); item !== undefined; item = this.room.shift()) names.push(item.name);
    return names;
  }
}

test('one key may fill the room while nobody else comes, and no more', () => {
  const bench = new Bench({ guestsMax: 4 });
  assert.deepEqual(bench.push('a1', 'a2', 'a3', 'a4', 'a5'), [true, true, true, true, false]);
  assert.deepEqual(bench.dropped, []);
});

test('a crowd that fills the room gives way to others, its newest first, until all have the same', () => {
  const bench = new Bench({ guestsMax: 6 });
  bench.crowd('a', 6);
  assert.deepEqual(bench.push('b0', 'c0', 'b1', 'c1', 'b2'), [true, true, true, true, false]);
  assert.deepEqual(bench.dropped, ['a5', 'a4', 'a3', 'a2']);
  assert.equal(bench.room.size, 6);
  assert.deepEqual(bench.drained(), ['a0', 'b0', 'c0', 'a1', 'b1', 'c1']);
});

test('known ones go first, and strangers have every fourth turn', () => {
  const bench = new Bench({ guestsMax: 100 });
  bench.crowd('s', 3);
  bench.crowd('K', 7);
  assert.deepEqual(bench.drained(), ['K0', 'K1', 'K2', 's0', 'K3', 'K4', 'K5', 's1', 'K6', 's2']);
});

test('the same holds for those that are quick, known or not', () => {
  const bench = new Bench({ guestsMax: 100 });
  bench.push('s1', 's2', 's-1', 's-2', 's-3', 's-4', 'K1', 'K-1');
  assert.deepEqual(bench.drained(), ['K-1', 'K1', 's-1', 's-2', 's-3', 's1', 's-4', 's2']);
});

test('known ones take back three quarters of a room that strangers have filled, and strangers a quarter', () => {
  const bench = new Bench({ guestsMax: 8 });
  for (const key of 'abcdefgh') bench.crowd(key, 1);
  assert.deepEqual(bench.push('K1', 'K2', 'K3', 'K4', 'K5', 'K6', 'K7').at(-1), false);
  assert.equal(bench.dropped.length, 6);
  assert.deepEqual(bench.push('z1'), [false], 'a quarter is there, one each');

  const other = new Bench({ guestsMax: 8 });
  other.crowd('K', 8);
  assert.deepEqual(other.push('z1', 'z2', 'z3'), [true, true, false]);
  assert.deepEqual(other.dropped, ['K7', 'K6']);
});

test('where no key has more than another it is the newcomer or the oldest who goes', () => {
  const strict = new Bench({ guestsMax: 2 });
  assert.deepEqual(strict.push('a1', 'b1', 'c1'), [true, true, false]);
  const rolling = new Bench({ guestsMax: 2, whenEven: 'oldest' });
  assert.deepEqual(rolling.push('a1', 'b1', 'c1', 'c2'), [true, true, true, false]);
  assert.deepEqual(rolling.dropped, ['a1']);
});

test('who has left makes room, and leaves once', () => {
  const bench = new Bench({ guestsMax: 2 });
  bench.push('a1', 'b1');
  assert.equal(bench.remove('a1'), true);
  assert.equal(bench.remove('a1'), false);
  assert.deepEqual(bench.push('c1'), [true]);
  assert.deepEqual(bench.drained(), ['b1', 'c1']);
});

test('a lower ceiling throws nobody out, and holds for those who come', () => {
  const bench = new Bench({ guestsMax: 4 });
  bench.crowd('a', 4);
  bench.room.guestsMax = 2;
  assert.deepEqual(bench.push('b1'), [false]);
  assert.deepEqual(bench.dropped, []);
});

test('whatever comes, the room is never over-full, and a key that has less than its share comes in', () => {
  const names = fc.array(fc.tuple(fc.constantFrom(...'abKL'), fc.boolean()), { maxLength: 200 });
  fc.assert(
    fc.property(names, fc.integer({ min: 8, max: 20 }), (coming, guestsMax) => {
      const bench = new Bench({ guestsMax });
      for (const [i, [key, isQuick]] of coming.entries()) {
        const name = `${key}${isQuick ? '-' : ''}${i}`;
        const before = bench.room.of(key);
        const [isIn] = bench.push(name);
        assert.ok(bench.room.size <= guestsMax);
        // Of two keys on either side, each has half of an eighth of the room in any case.
        if (before + 1 < Math.floor(guestsMax / 8)) assert.ok(isIn, name);
      }
    }),
  );
});
