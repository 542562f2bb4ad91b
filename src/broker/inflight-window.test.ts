import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Awaiting, InflightWindow } from './inflight-window.ts';

test('[MQTT-2.2.1-4] an identifier is never zero and never in use when it is given out', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(), { maxLength: 400 }), (choices) => {
      const window = new InflightWindow<number>();
      const taken = new Map<number, number>();
      choices.forEach((choice, i) => {
        if (choice % 3 > 0 || taken.size === 0) {
          const packetId = window.take(Awaiting.Puback, i);
          assert.ok(packetId >= 1 && packetId <= 0xffff);
          assert.ok(!taken.has(packetId));
          taken.set(packetId, i);
        } else {
          const packetId = [...taken.keys()][choice % taken.size]!;
          window.release(packetId);
          taken.delete(packetId);
          assert.equal(window.awaiting(packetId), Awaiting.Nothing);
        }
        assert.equal(window.count, taken.size);
        for (const [packetId, value] of taken) assert.equal(window.value(packetId), value);
      });
    }),
    { numRuns: 50 },
  );
});

test('all 65535 identifiers can be in use but one, and the last is found', () => {
  const window = new InflightWindow<undefined>();
  const taken = new Set<number>();
  for (let i = 0; i < 0xffff; i++) taken.add(window.take(Awaiting.Pubrec, undefined));
  assert.equal(taken.size, 0xffff);
  window.release(777);
  assert.equal(window.take(Awaiting.Puback, undefined), 777);
});

test('an identifier is not used again at once, so that a late acknowledgement hits nothing', () => {
  const window = new InflightWindow<undefined>();
  const first = window.take(Awaiting.Puback, undefined);
  window.release(first);
  assert.notEqual(window.take(Awaiting.Puback, undefined), first);
  assert.equal(window.awaiting(first), Awaiting.Nothing);
});

test('moving one exchange on does not bring the identifiers after it back into use', () => {
  const window = new InflightWindow<undefined>();
  const [first, second, third] = [1, 2, 3].map(() => window.take(Awaiting.Pubrec, undefined));
  window.release(second!);
  window.put(first!, Awaiting.Pubcomp, undefined);
  assert.equal(window.count, 2);
  assert.equal(window.take(Awaiting.Pubrec, undefined), third! + 1);
});

test('identifiers of an earlier process are put back wherever they collide', () => {
  const window = new InflightWindow<string>();
  for (const packetId of [1, 17, 33, 0x4001, 0xffff]) window.put(packetId, Awaiting.Pubcomp, `m${packetId}`);
  for (const packetId of [1, 17, 33, 0x4001, 0xffff]) {
    assert.equal(window.awaiting(packetId), Awaiting.Pubcomp);
    assert.equal(window.value(packetId), `m${packetId}`);
  }
  assert.equal(window.awaiting(2), Awaiting.Nothing);
  assert.deepEqual(window.values().sort(), ['m1', 'm16385', 'm17', 'm33', 'm65535']);
});

test('an identifier that nobody has taken can be released without harm', () => {
  const window = new InflightWindow<undefined>();
  window.release(5);
  assert.equal(window.count, 0);
});
