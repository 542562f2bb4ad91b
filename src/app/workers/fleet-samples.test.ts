import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '../../base/manual-clock.ts';
import type { MetricSample } from '../observability/metrics/metric-sample.ts';
import { FleetSamples, type SampledWorker } from './fleet-samples.ts';

const messages = (value: number): MetricSample[] => [
  ['sallyport_messages_total', ['in', '0', 'a'], value],
  ['sallyport_connections', ['a', '5.0'], value],
];

function worker(answer: () => Promise<MetricSample[] | undefined>): SampledWorker & { asked: number } {
  const made = {
    asked: 0,
    askSamples: () => {
      made.asked++;
      return answer();
    },
  };
  return made;
}

const numberOf = (samples: readonly MetricSample[], name: string): number | undefined =>
  samples.find(([each]) => each === name)?.[2];

test('numbers of all workers are summed, and counters of one that has ended stay', async () => {
  const fleet = new FleetSamples(new ManualClock());
  const [a, b] = [worker(async () => messages(3)), worker(async () => messages(4))];
  fleet.started(a);
  fleet.started(b);
  assert.equal(numberOf(await fleet.samples(), 'sallyport_messages_total'), 7);
  fleet.left(a, messages(5));
  fleet.exited(a);
  const after = await fleet.samples();
  assert.equal(numberOf(after, 'sallyport_messages_total'), 9);
  assert.equal(numberOf(after, 'sallyport_connections'), 4, 'its connections are gone');
});

test('a worker that hangs costs a second, is taken as before, and is not asked again meanwhile', async () => {
  const clock = new ManualClock();
  const fleet = new FleetSamples(clock);
  let release: (() => void) | undefined;
  const answers: (() => Promise<MetricSample[]>)[] = [
    async () => messages(3),
    () => new Promise((resolve) => (release = () => resolve(messages(8)))),
    async () => messages(9),
  ];
  const hanging = worker(() => answers.shift()!());
  fleet.started(hanging);
  assert.equal(numberOf(await fleet.samples(), 'sallyport_messages_total'), 3);
  for (let i = 0; i < 3; i++) {
    const asked = fleet.samples();
    await Promise.resolve();
    clock.advance(1000);
    const samples = await asked;
    assert.equal(numberOf(samples, 'sallyport_messages_total'), 3);
    assert.equal(numberOf(samples, 'sallyport_workers_silent'), 1);
  }
  assert.equal(hanging.asked, 2);
  release!();
  assert.equal(numberOf(await fleet.samples(), 'sallyport_messages_total'), 8, 'the late answer counts');
  const samples = await fleet.samples();
  assert.equal(numberOf(samples, 'sallyport_messages_total'), 9);
  assert.equal(numberOf(samples, 'sallyport_workers_silent'), 0);
  assert.equal(clock.pendingCount, 0);
});
