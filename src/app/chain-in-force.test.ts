import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '../base/manual-clock.ts';
import { buildAuthenticator } from '../policy/identity/authenticator.ts';
import { ChainInForce } from './chain-in-force.ts';
import type { Chain } from './identity-methods.ts';

function setUp() {
  const closed: string[] = [];
  const clock = new ManualClock();
  const chain = (name: string): Chain => ({
    authenticatorOf: () => buildAuthenticator([]),
    close: () => void closed.push(name),
  });
  return { closed, clock, chain, inForce: new ChainInForce(clock) };
}

test('a chain that is replaced goes when the logins that it was asked for are over', () => {
  const { closed, clock, chain, inForce } = setUp();
  inForce.replace(chain('first'), 1000);
  inForce.replace(chain('second'), 1000);
  clock.advance(999);
  assert.deepEqual(closed, []);
  clock.advance(1);
  assert.deepEqual(closed, ['first']);
});

test('closing lets go of them all, once', () => {
  const { closed, clock, chain, inForce } = setUp();
  for (const name of ['first', 'second', 'third']) inForce.replace(chain(name), 1000);
  inForce.close();
  assert.deepEqual(closed, ['first', 'second', 'third']);
  clock.advance(1000);
  assert.equal(closed.length, 3);
});
