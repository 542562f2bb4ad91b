import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { GatewayEvent } from '../../base/events.ts';
import { ManualClock } from '../../base/manual-clock.ts';
import type { Detection } from '../../policy/detection/detection.ts';
import { detectionSchema } from '../config/detection-schema.ts';
import { DetectionEngine } from './detection-engine.ts';
import { SampleBatch } from './sample-batch.ts';

const chance = { bytes: (length: number) => Buffer.alloc(length, 9), below: () => 0 };

function engine(settings: Record<string, unknown> = {}) {
  const clock = new ManualClock();
  const events: GatewayEvent[] = [];
  const detections: Detection[] = [];
  const made = new DetectionEngine(detectionSchema.parse(settings), {
    clock,
    chance,
    emit: (event) => events.push(event),
    responder: { respond: (detection) => detections.push(detection) },
  });
  const fault: GatewayEvent = {
    name: 'packet.faulted',
    fault: 'truncated',
    clause: 'MQTT-1',
    sender: 'client',
    connectionId: 'c1',
    listener: 'mqtts',
    address: '192.0.2.9',
    port: 1,
    reason: 0x81,
    by: 'codec:truncated',
    says: 'broken',
  };
  const faults = (count: number): void => {
    for (let i = 0; i < count; i++) made.emit(fault);
  };
  return { made, clock, events, detections, faults };
}

describe('the detection engine', () => {
  it('passes every event on first, and has answered within the call that decides', () => {
    const { made, events, detections, faults } = engine();
    faults(10);
    assert.deepEqual(
      events.map(({ name }) => name),
      [...Array(10).fill('packet.faulted'), 'attack.detected'],
    );
    assert.equal(detections.length, 1);
    made.close();
  });

  it('tells of the end of an attack without another event, and waits for nothing once it is closed', () => {
    const { made, clock, events, faults } = engine({ malformedPackets: { halfLife: '10s' } });
    faults(10);
    clock.advance(30_000);
    assert.equal(events.at(-1)!.name, 'attack.ended');
    made.close();
    assert.equal(clock.pendingCount, 0);
  });

  it('keeps scores over a reload that leaves the detector alone, and none over one that changes it', () => {
    const kept = engine();
    kept.faults(9);
    kept.made.configure(detectionSchema.parse({ flapping: { connectsPerClient: 3 } }));
    kept.faults(1);
    assert.equal(kept.detections.length, 1);
    const changed = engine();
    changed.faults(9);
    changed.made.configure(detectionSchema.parse({ malformedPackets: { halfLife: '6m' } }));
    changed.faults(1);
    assert.equal(changed.detections.length, 0);
    changed.made.configure(detectionSchema.parse({ enabled: false }));
    changed.faults(100);
    assert.equal(changed.detections.length, 0);
  });
});

describe("a worker's batch of samples", () => {
  it('is sent once a second, and bounded', () => {
    const clock = new ManualClock();
    const events: GatewayEvent[] = [];
    const sent: number[] = [];
    const batch = new SampleBatch(
      clock,
      (event) => events.push(event),
      (samples) => sent.push(samples.length),
    );
    const sample = {} as Parameters<SampleBatch['add']>[0];
    for (let i = 0; i < 25_010; i++) batch.add(sample);
    assert.deepEqual(sent, []);
    clock.advance(1000);
    assert.deepEqual(sent, [25_000]);
    assert.deepEqual(
      events.map((event) => event.name === 'ceiling.reached' && event.ceiling),
      ['detection.samplesMax'],
    );
    batch.add(sample);
    clock.advance(1000);
    assert.deepEqual(sent, [25_000, 1]);
    clock.advance(10_000);
    assert.equal(clock.pendingCount, 0);
  });
});
