import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as mqtt from './index.ts';

test('the public codec takes a stream apart and puts packets together', () => {
  const publish: mqtt.PublishPacket = {
    type: mqtt.PacketType.Publish,
    dup: false,
    qos: 1,
    retain: false,
    topic: 'a/b',
    packetId: 1,
    payload: new Uint8Array(3),
    properties: mqtt.NO_PROPERTIES,
  };
  const deframer = new mqtt.Deframer({ sender: 'client', version: 5, packetSizeMaxBytes: 1000 });
  deframer.push(mqtt.encodePacket(publish, 5));
  assert.equal(deframer.next(), mqtt.FrameStatus.Frame);
  const packet = mqtt.decodePacket(deframer, 5, 'client');
  assert.deepEqual(packet, publish);
  assert.equal(deframer.next(), mqtt.FrameStatus.NeedMore);
});

test('every fault has a code, a clause, a wire reason and a sentence, and none can be changed', () => {
  const reasons = new Set<number>(Object.values(mqtt.Reason));
  const faults = Object.values(mqtt.faults);
  assert.ok(faults.length > 50);
  for (const fault of faults) {
    assert.ok(mqtt.isFault(fault));
    assert.match(fault.code, /^[a-z][a-z0-9_]+$/);
    assert.match(fault.clause, /^MQTT(31|311|5)?-[\d.]+(-\d+)?$/);
    assert.match(fault.says, /^[A-Z].*\.$/);
    assert.ok(reasons.has(fault.reason) && fault.reason >= 0x80);
    assert.ok(Object.isFrozen(fault));
  }
  assert.equal(new Set(faults.map((fault) => fault.code)).size, faults.length);
});
