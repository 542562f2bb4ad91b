import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { times, Watchtower } from '../../../test/kit/detection.ts';
import { looksRandom } from './random-text.ts';

describe('an unusual volume', () => {
  /** A day in ten-second windows: a device that sends steadily, with a burst every five minutes. */
  function live(tower: Watchtower, windows: number, perSecond: number): void {
    times(windows, (i) => {
      const messagesIn = Math.round((i % 30 === 29 ? 3 : 1) * perSecond * 10);
      tower.sample({ spanMs: 10_000, messagesIn, bytesIn: messagesIn * 50 });
      tower.pass(10_000);
    });
  }

  it("is many times a client's own past", () => {
    const tower = new Watchtower('unusualVolume');
    live(tower, 360, 5);
    assert.equal(tower.detections.length, 0);
    live(tower, 3, 60);
    assert.deepEqual(tower.detections[0]!.subject, { kind: 'clientId', value: 'pump-7' });
    assert.match(tower.detections[0]!.says, /published 60 messages a second, and usually at most/);
  });

  it('is nothing before the client is known, nor while it is next to nothing', () => {
    const tower = new Watchtower('unusualVolume');
    live(tower, 60, 5);
    live(tower, 3, 500);
    assert.equal(tower.detections.length, 0);
    const quiet = new Watchtower('unusualVolume');
    live(quiet, 360, 0.1);
    live(quiet, 3, 15);
    assert.equal(quiet.detections.length, 0);
  });

  it('is learned when it stays, and does not blind at once', () => {
    const tower = new Watchtower('unusualVolume');
    live(tower, 360, 5);
    live(tower, 6, 300);
    const early = tower.detections.length;
    assert.ok(early > 0);
    live(tower, 2000, 300);
    const later = tower.detections.length;
    live(tower, 360, 300);
    assert.equal(tower.detections.length, later);
  });

  it('is measured for each client by itself', () => {
    const tower = new Watchtower('unusualVolume');
    times(360, () => {
      tower.sample({ clientId: 'bridge', spanMs: 10_000, messagesIn: 5000 });
      tower.sample({ clientId: 'pump', spanMs: 10_000, messagesIn: 10 });
      tower.pass(10_000);
    });
    tower.sample({ clientId: 'bridge', spanMs: 10_000, messagesIn: 6000 });
    assert.equal(tower.detections.length, 0);
    tower.pass(10_000);
    tower.sample({ clientId: 'pump', spanMs: 10_000, messagesIn: 6000 });
    assert.deepEqual(tower.detections[0]!.subject, { kind: 'clientId', value: 'pump' });
  });
});

describe('beaconing', () => {
  const beacon = (tower: Watchtower, i: number, more = {}): void =>
    tower.sample({
      messagesIn: 1,
      bytesIn: 60,
      topicsNew: 1,
      topicLatest: `c2/${(0x9e3779b97f4a7c15n * BigInt(i + 1)).toString(16).slice(-16)}`,
      ...more,
    });

  it('is small messages to new, random topics at even intervals', () => {
    const tower = new Watchtower('beaconing');
    times(10, (i) => {
      beacon(tower, i);
      tower.pass(60_000 + (i % 3) * 4000);
    });
    assert.deepEqual(tower.detections[0]!.subject, { kind: 'clientId', value: 'pump-7' });
    assert.match(tower.detections[0]!.says, /sent 8 small messages to new, random topics, one every 6\d s/);
    assert.equal(tower.detections[0]!.technique, 'T1071.005');
  });

  it('is not uneven traffic, nor large messages, nor telemetry to topics with names', () => {
    const tower = new Watchtower('beaconing');
    times(40, (i) => {
      beacon(tower, i, { clientId: 'uneven' });
      beacon(tower, i, { clientId: 'large', bytesIn: 100_000 });
      beacon(tower, i, { clientId: 'named', topicLatest: `devices/livingroom/temperature${i}` });
      tower.pass(i % 2 === 0 ? 20_000 : 200_000);
    });
    assert.equal(tower.detections.length, 0);
  });

  it('knows names that chance has made', () => {
    for (const topic of ['c2/9f3a1c7be204d855', 'x/550e8400-e29b-41d4-a716-446655440000', 'q/Kq9ZxW2vTn4bRd7']) {
      assert.equal(looksRandom(topic), true, topic);
    }
    for (const topic of [
      'devices/pump-0017/temperature',
      'homeassistant/sensor/livingroom_thermostat/config',
      'spBv1.0/plant-north/DDATA/line3/press12',
      'zigbee2mqtt/bridge/definitions',
      'a/b/c',
      '',
    ]) {
      assert.equal(looksRandom(topic), false, topic);
    }
  });
});
