import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { describe, it } from 'node:test';
import type { GatewayEvent } from '../../base/events.ts';
import { ManualClock } from '../../base/manual-clock.ts';
import { RemoteKeys } from './remote-keys.ts';

const JWK = generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' });

/** A JWK Set with keys of these names; the kind of answer can change. */
function bench() {
  const clock = new ManualClock();
  const events: GatewayEvent[] = [];
  const state = { fetches: 0, answer: () => Promise.resolve('') };
  const serve = (...kids: string[]): void => {
    state.answer = () => Promise.resolve(JSON.stringify({ keys: kids.map((kid) => ({ ...JWK, kid })) }));
  };
  const keys = new RemoteKeys({
    backend: 'jwks',
    fetch: () => {
      state.fetches++;
      return state.answer();
    },
    clock,
    emit: (event) => events.push(event),
    refreshMs: 600_000,
    staleMaxMs: 3_600_000,
  });
  const kidsFor = async (kid: string | undefined): Promise<unknown> => {
    const found = await keys.find('EdDSA', kid);
    return found === 'unavailable' ? found : found.map((key) => key.kid);
  };
  return { clock, events, state, serve, keys, kidsFor };
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('a remote key set', () => {
  it('is fetched once for all who ask at the same time', async () => {
    const { state, serve, kidsFor } = bench();
    serve('a');
    assert.deepEqual(await Promise.all([kidsFor('a'), kidsFor('a'), kidsFor(undefined)]), [['a'], ['a'], ['a']]);
    assert.equal(state.fetches, 1);
  });

  it('is fetched anew for a name it lacks, so that rotation needs no restart', async () => {
    const { clock, state, serve, kidsFor } = bench();
    serve('a');
    await kidsFor('a');
    serve('b');
    clock.advance(30_000);
    assert.deepEqual(await kidsFor('b'), ['b']);
    assert.deepEqual(await kidsFor('a'), []);
    assert.equal(state.fetches, 2);
  });

  it('is not fetched more than once in thirty seconds, however many names are invented', async () => {
    const { clock, state, serve, kidsFor } = bench();
    serve('a');
    for (let at = 0; at < 1000; at++) {
      assert.deepEqual(await kidsFor(`invented-${at}`), []);
      clock.advance(100);
    }
    assert.equal(state.fetches, 4);
  });

  it('is renewed behind the scenes when it is old, and a failure leaves the old keys in force', async () => {
    const { clock, events, state, serve, kidsFor } = bench();
    serve('a');
    await kidsFor('a');
    clock.advance(600_000);
    state.answer = () => Promise.reject(new Error('timed out'));
    assert.deepEqual(await kidsFor('a'), ['a']);
    await settled();
    assert.deepEqual(events, [{ name: 'backend.failed', backend: 'jwks', says: 'timed out' }]);
    assert.deepEqual(await kidsFor('a'), ['a']);
    serve('a', 'b');
    clock.advance(1000);
    await kidsFor('a');
    await settled();
    assert.deepEqual(await kidsFor('b'), ['b']);
    assert.equal(events.at(-1)!.name, 'backend.recovered');
  });

  it('that stays unreachable serves no more in the end: then nobody can say', async () => {
    const { clock, state, serve, keys, kidsFor } = bench();
    serve('a');
    const found = await keys.find('EdDSA', 'a');
    assert.ok(found !== 'unavailable');
    assert.equal(keys.has(found[0]!.id), true);
    state.answer = () => Promise.reject(new Error('gone'));
    clock.advance(3_600_000);
    assert.equal(await kidsFor('a'), 'unavailable');
    assert.equal(keys.has(found[0]!.id), false);
  });

  it('is asked for with growing pauses while it fails, and says so once', async () => {
    const { clock, events, state, kidsFor } = bench();
    state.answer = () => Promise.reject(new Error('refused'));
    const atSeconds: number[] = [];
    for (let second = 0; second < 1200; second++) {
      const before = state.fetches;
      assert.equal(await kidsFor('a'), 'unavailable');
      if (state.fetches > before) atSeconds.push(second);
      clock.advance(1000);
    }
    assert.deepEqual(atSeconds, [0, 1, 3, 7, 15, 31, 63, 127, 255, 511, 811, 1111]);
    assert.equal(events.length, 1);
  });

  for (const [what, text] of [
    ['HTML', '<html></html>'],
    ['an empty set', '{"keys":[]}'],
    ['symmetric keys only', '{"keys":[{"kty":"oct","k":"AAAA"}]}'],
  ] as const) {
    it(`that answers ${what} has failed, and replaces nothing`, async () => {
      const { clock, events, state, serve, kidsFor } = bench();
      serve('a');
      await kidsFor('a');
      state.answer = () => Promise.resolve(text);
      clock.advance(30_000);
      assert.deepEqual(await kidsFor('b'), []);
      assert.deepEqual(await kidsFor('a'), ['a']);
      assert.equal(events.at(-1)!.name, 'backend.failed');
    });
  }
});
