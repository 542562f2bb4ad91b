import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Crowding } from './crowding.ts';

test('the most crowded key is known after every change', () => {
  const keys = fc.constantFrom('a', 'b', 'c', 'd');
  fc.assert(
    fc.property(fc.array(fc.tuple(keys, fc.boolean()), { maxLength: 200 }), (changes) => {
      const crowding = new Crowding();
      const counts = new Map<string, number>();
      for (const [key, comes] of changes) {
        const count = counts.get(key) ?? 0;
        if (!comes && count === 0) continue;
        counts.set(key, count + (comes ? 1 : -1));
        if (comes) crowding.add(key);
        else crowding.remove(key);
        const most = Math.max(...counts.values());
        assert.equal(crowding.most, most);
        assert.equal(crowding.of(key), counts.get(key));
        const named = crowding.mostCrowded;
        if (most === 0) assert.equal(named, undefined);
        else assert.equal(counts.get(named!), most);
      }
    }),
  );
});
