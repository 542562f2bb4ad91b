import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { OpenAttack } from '../../policy/detection/attacks.ts';
import { OperatorError } from '../config/problem.ts';
import { AttackIndex } from './attack-index.ts';
import { checkFilter, demandKnown, isBehind, placeOfConnection, readCursor } from './client-query.ts';

test('clients are in the order of their workers, and then of their age', () => {
  const ids = ['w2-c3', 'w1-c20', 'w1-c9', 'w10-c1'];
  const ordered = [...ids].sort((a, b) => (isBehind(placeOfConnection(a), placeOfConnection(b)) ? 1 : -1));
  assert.deepEqual(ordered, ['w1-c9', 'w1-c20', 'w2-c3', 'w10-c1']);
});

test('a cursor is what a page had, and anything else is refused', () => {
  assert.deepEqual(readCursor(undefined), { slot: 0, number: 0 });
  assert.deepEqual(readCursor('w3-c17'), { slot: 3, number: 17 });
  for (const text of ['c', 'w1', '17', 'c-1', 'c1 ', '../c1', 'c9999999999999999999']) {
    assert.throws(() => readCursor(text), OperatorError, text);
  }
});

test('a filter that can fit nobody is refused with what it takes', () => {
  for (const address of ['x', '192.0.2.1/33', '']) {
    assert.throws(() => checkFilter({ address }), /neither an address nor a network/);
  }
  assert.throws(() => checkFilter({ verdict: 'bad' as 'clear' }), /there are clear, suspect, quarantined/);
  assert.throws(() => checkFilter({ clientId: 'x'.repeat(2000) }), OperatorError);
});

test('an attack is found by the client, the user, the address and the network that it is laid to', () => {
  const attack = (subjectKind: OpenAttack['subjectKind'], subject: string, score: number): OpenAttack => {
    return { detector: 'flapping', subjectKind, subject, score, scoreMax: score, ageMs: 5 };
  };
  const attacks = [
    attack('network', '2001:db8::/32', 3),
    attack('clientId', 'd42', 2),
    attack('listener', 'mqtts', 9),
    attack('username', 'ann', 1),
    attack('clientId', 'd42', 4),
  ];
  const index = new AttackIndex(attacks);
  const scores = (suspect: Parameters<AttackIndex['all']>[0]): number[] => {
    const all = index.all(suspect).map(({ score }) => score);
    assert.equal(index.meets(suspect), all.length > 0);
    return all;
  };
  assert.deepEqual(scores({ address: '192.0.2.1', clientId: 'd42' }), [4, 2]);
  assert.deepEqual(scores({ address: '2001:db8::7', username: 'ann' }), [3, 1]);
  assert.deepEqual(scores({ address: '192.0.2.1', username: 'mqtts' }), []);
});

test('a name that there is not is refused with the nearest one', () => {
  demandKnown('listener', 'mqtts', ['mqtts', 'wss']);
  assert.throws(
    () => demandKnown('listener', 'mqts', ['mqtts', 'wss']),
    /There is no listener "mqts"; did you mean mqtts\?/,
  );
  assert.throws(() => demandKnown('listener', 'x', ['mqtts', 'wss']), /there are: mqtts, wss\./);
});
