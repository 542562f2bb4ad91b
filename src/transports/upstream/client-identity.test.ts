import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { connect } from '../../../test/kit/packets.ts';
import { ManualClock } from '../../base/manual-clock.ts';
import { clientIdPrefix } from './client-id-prefix.ts';
import { ClientOwners } from './client-owners.ts';
import { withCredentials } from './credentials.ts';

describe('the prefix of client identifiers', () => {
  it('names user and listener', () => {
    assert.equal(clientIdPrefix('%l/%u:', 'ann', 'tls'), 'tls/ann:');
    assert.equal(clientIdPrefix('100%%-', 'ann', 'tls'), '100%-');
    assert.equal(clientIdPrefix('', 'ann', 'tls'), '');
    assert.equal(clientIdPrefix('%u:', undefined, 'tls'), ':');
  });

  it('cannot be forged by a user whose name holds the separator', () => {
    assert.equal(`${clientIdPrefix('%u:', 'a', 'l')}b:c`, 'a:b:c');
    assert.equal(`${clientIdPrefix('%u:', 'a:b', 'l')}c`, 'a%3Ab:c');
    assert.equal(clientIdPrefix('%u:', 'a%3Ab', 'l'), 'a%253Ab:');
  });
});

describe('client identifiers', () => {
  it('belong to the owner that is connected, until its last link has gone', () => {
    const owners = new ClientOwners<string>(new ManualClock());
    assert.equal(owners.claim('c', 'user:ann'), true);
    assert.equal(owners.claim('c', 'user:ann'), true);
    assert.equal(owners.claim('c', 'user:bob'), false);
    owners.release('c', 'link');
    assert.equal(owners.claim('c', 'user:bob'), false);
    owners.release('c', 'link');
    assert.equal(owners.size, 0);
    assert.equal(owners.claim('c', 'user:bob'), true);
  });

  it('are nobody else’s while the broker keeps a session under them, and longer than a week for nobody', () => {
    const clock = new ManualClock();
    const owners = new ClientOwners<string>(clock);
    for (const keptForMs of [60_000, Number.POSITIVE_INFINITY]) {
      assert.equal(owners.claim('c', 'user:ann'), true);
      owners.accepted('c', 'link');
      owners.release('c', 'link', keptForMs);
      assert.equal(owners.claim('c', 'user:bob'), false);
      clock.advance(Math.min(keptForMs, 7 * 86_400_000) - 1);
      assert.equal(owners.claim('c', 'user:bob'), false);
      clock.advance(1);
      assert.equal(owners.claim('c', 'user:bob'), true);
      owners.release('c', 'link');
    }
  });

  it('stay with the owner of a session when somebody of the same name is not let in by the broker, and not when it ends it', () => {
    const owners = new ClientOwners<string>(new ManualClock());
    owners.claim('c', 'user:ann');
    owners.release('c', 'first', 60_000);
    owners.claim('c', 'user:ann');
    owners.release('c', 'refused');
    assert.equal(owners.claim('c', 'user:bob'), false);
    owners.claim('c', 'user:ann');
    owners.release('c', 'clean', 0);
    assert.equal(owners.claim('c', 'user:bob'), true);
  });

  it('that are forgotten before their session is over are told of', () => {
    const clock = new ManualClock();
    const forgotten: string[] = [];
    const owners = new ClientOwners<string>(clock, (clientId) => forgotten.push(clientId), 1);
    for (const [clientId, keptForMs] of [
      ['a', 1000],
      ['b', 500],
      ['c', 1000],
    ] as const) {
      owners.claim(clientId, 'user:ann');
      owners.release(clientId, 'link', keptForMs);
      if (clientId === 'b') clock.advance(500);
    }
    assert.deepEqual(forgotten, ['a']);
    assert.equal(owners.claim('a', 'user:bob'), true);
  });

  it('that are claimed exclusively must not be connected, not even by their owner', () => {
    const owners = new ClientOwners<string>(new ManualClock());
    assert.equal(owners.claim('c', 'user:ann', true), true);
    assert.equal(owners.claim('c', 'user:ann', true), false);
    owners.release('c', 'link', 60_000);
    assert.equal(owners.claim('c', 'user:ann', true), true);
  });
});

describe('credentials for the broker', () => {
  const packet = connect(4, { clientId: 'c', username: 'ann', password: 'hers' });
  const account = { username: 'gateway', password: 'its own' };

  it('are those that the client sent, where they are passed through', () => {
    assert.equal(withCredentials(packet, 'ann', { kind: 'passthrough' }), packet);
  });

  it('are one account for all, where one is given', () => {
    const changed = withCredentials(packet, 'ann', { kind: 'account', ...account });
    assert.equal(changed?.username, 'gateway');
    assert.equal(Buffer.from(changed?.password ?? []).toString(), 'its own');
    assert.equal(changed?.clientId, 'c');
  });

  it('are those of the user, and none for a user that has none', () => {
    const map = { kind: 'map', accounts: new Map([['ann', account]]) } as const;
    assert.equal(withCredentials(packet, 'ann', map)?.username, 'gateway');
    assert.equal(withCredentials(packet, 'bob', map), undefined);
    assert.equal(withCredentials(packet, undefined, map), undefined);
    assert.equal(withCredentials(packet, 'bob', { ...map, fallback: account })?.username, 'gateway');
  });
});
