import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { eventually } from '../../../../test/kit/eventually.ts';
import { type OtlpReceiver, startOtlpReceiver } from '../../../../test/kit/otlp-receiver.ts';
import { logsRequestShape } from '../../../../test/kit/otlp-shapes.ts';
import { removeDirectory, temporaryDirectory } from '../../../../test/kit/process.ts';
import { systemChance } from '../../../base/chance.ts';
import { systemClock } from '../../../base/clock.ts';
import type { GatewayEvent } from '../../../base/events.ts';
import { ManualClock } from '../../../base/manual-clock.ts';
import { otlpSchema } from '../../config/otlp-schema.ts';
import { EVENT_LEVELS } from '../../event-level.ts';
import { Metrics } from '../metrics/metrics.ts';
import { type OtlpExporter, openOtlp } from './otlp-exporter.ts';
import { logsRequest, nanoseconds } from './otlp-json.ts';

const refused = (topic: string): GatewayEvent => ({
  name: 'publish.refused',
  connectionId: 'c1',
  listener: 'mqtts',
  address: '192.0.2.9',
  port: 4711,
  clientId: 'pump "7"\u0000\ud800',
  username: 'ann',
  topic,
  qos: 1,
  retain: false,
  action: 'refused',
  reason: 0x87,
  by: 'acl:7',
  says: 'no',
});

interface Scene {
  readonly receiver: OtlpReceiver;
  readonly exporter: OtlpExporter;
  readonly metrics: Metrics;
  readonly clock: ManualClock;
  readonly told: GatewayEvent[];
}

async function scene(t: TestContext, more: object = {}, given?: OtlpReceiver): Promise<Scene> {
  const receiver = given ?? (await startOtlpReceiver());
  t.after(() => receiver.close());
  const clock = new ManualClock(1_800_000_000_000);
  const told: GatewayEvent[] = [];
  const metrics = new Metrics({ clock, version: '1.2.3', emit: () => undefined });
  t.after(() => metrics.close());
  const exporter = await openOtlp(otlpSchema('/').parse({ url: receiver.url, ...more }), {
    clock,
    chance: systemChance,
    emit: (event) => told.push(event),
    version: '1.2.3',
    metrics,
  });
  assert.ok(exporter !== undefined);
  t.after(async () => {
    const closed = exporter.close();
    clock.advance(60_000);
    await closed;
  });
  return { receiver, exporter, metrics, clock, told };
}

function topicsOf({ records }: OtlpReceiver): string[] {
  return records.map(({ attributes }) => {
    const value = attributes.find(({ key }) => key === 'sallyport.topic')?.value as { stringValue: string } | undefined;
    return value?.stringValue ?? '';
  });
}

describe('events over OTLP', () => {
  it('are records of the protocol, in batches, compressed, with what identifies them', async (t) => {
    const { receiver, exporter, clock } = await scene(t);
    exporter.emit(refused('a'));
    exporter.emit(refused('b'));
    exporter.emit({ name: 'client.connected' } as GatewayEvent);
    assert.equal(receiver.headers.length, 0, 'others may follow');
    clock.advance(1000);
    await eventually('both have come', () => receiver.records.length === 2);
    assert.deepEqual(receiver.faults, []);
    assert.equal(receiver.headers[0]!['content-encoding'], 'gzip');
    const [record] = receiver.records;
    assert.equal(record!.severityText, 'WARN');
    assert.equal(record!.severityNumber, 13);
    assert.equal(record!.timeUnixNano, '1800000000000000000');
    assert.equal(record!.eventName, 'publish.refused');
    const attribute = (key: string) => record!.attributes.find((each) => each.key === key)?.value;
    assert.deepEqual(attribute('client.address'), { stringValue: '192.0.2.9' });
    assert.deepEqual(attribute('client.port'), { intValue: '4711' });
    assert.deepEqual(attribute('user.name'), { stringValue: 'ann' });
    assert.deepEqual(attribute('sallyport.retain'), { boolValue: false });
    const resource = receiver.logs[0]!.resourceLogs[0]!.resource.attributes;
    assert.deepEqual(resource[0], { key: 'service.name', value: { stringValue: 'sallyport' } });
  });

  it('have the shape of the protocol for every event there is', () => {
    const resource = { version: '1', host: 'h', instance: 'h:1' };
    const events = (Object.keys(EVENT_LEVELS) as GatewayEvent['name'][]).map((name) => ({
      event: {
        ...refused('t'),
        name,
        examples: ['a', { b: [1.5, null] }],
        score: 1.5,
        none: undefined,
        changed: [],
        restartNeeded: [],
      } as never,
      atMs: 1_800_000_000_000.7,
    }));
    const request = JSON.parse(JSON.stringify(logsRequest(resource, events))) as unknown;
    const parsed = logsRequestShape.parse(request);
    assert.equal(parsed.resourceLogs[0]!.scopeLogs[0]!.logRecords.length, events.length);
    assert.equal(nanoseconds(1_800_000_000_000.7), '1800000000000000000');
  });

  it('are sent at once when a batch is full', async (t) => {
    const { receiver, exporter } = await scene(t, { batchMax: 3, compression: 'none' });
    for (const topic of ['a', 'b', 'c']) exporter.emit(refused(topic));
    await eventually('they have come', () => receiver.records.length === 3);
    assert.equal(receiver.headers[0]!['content-encoding'], undefined);
  });

  it('wait for a collector that is away, the oldest make room, and the loss is told when it is back', async (t) => {
    const first = await startOtlpReceiver();
    const { exporter, clock, told } = await scene(t, { queueMax: 4, batchMax: 2 }, first);
    await first.close();
    exporter.emit(refused('a'));
    exporter.emit(refused('b'));
    await eventually('it is missed', () => told.length === 1);
    for (const topic of 'cdefgh') exporter.emit(refused(topic));
    assert.deepEqual(exporter.stats(), { collector: first.url, queued: 6, lost: 2, isUp: false });
    const second = await startOtlpReceiver(first.port);
    t.after(() => second.close());
    await eventually('the rest has come', () => {
      clock.advance(1000);
      return second.records.length === 6;
    });
    assert.equal(topicsOf(second).join(''), 'abefgh');
    assert.deepEqual(
      told.map(({ name, ...rest }) => [name, 'lost' in rest ? rest.lost : undefined]),
      [
        ['collector.failed', undefined],
        ['collector.recovered', 2],
      ],
    );
    assert.equal(exporter.stats().isUp, true);
  });

  it('are sent again when the collector is busy, not before it has said', async (t) => {
    const { receiver, exporter, clock } = await scene(t, { batchMax: 1 });
    receiver.refuse = { times: 1, status: 503, retryAfterS: 120 };
    exporter.emit(refused('a'));
    await eventually('it was refused', () => receiver.headers.length === 1 && !exporter.stats().isUp);
    clock.advance(119_000);
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(receiver.headers.length, 1);
    await eventually('it has come', () => {
      clock.advance(1000);
      return receiver.records.length === 1;
    });
    assert.equal(exporter.stats().lost, 0);
  });

  it('that a collector will never take are counted and not sent again', async (t) => {
    const { receiver, exporter, clock, told } = await scene(t, { batchMax: 1 });
    receiver.refuse = { times: 1, status: 400 };
    exporter.emit(refused('a'));
    await eventually('it was refused', () => exporter.stats().lost === 1);
    assert.match((told[0] as { says: string }).says, /400/);
    exporter.emit(refused('b'));
    await eventually('the next one has come', () => {
      clock.advance(2000);
      return receiver.records.length === 1;
    });
    receiver.rejected = 1;
    exporter.emit(refused('c'));
    await eventually('what it rejects of a batch is counted', () => exporter.stats().lost === 2);
  });

  it('do not wait for ever for a collector that does not answer', async (t) => {
    const { receiver, exporter, clock, told } = await scene(t, { batchMax: 1, timeout: '5s' });
    receiver.isSilent = true;
    exporter.emit(refused('a'));
    await eventually('it is asked', () => receiver.headers.length === 1);
    clock.advance(5000);
    await eventually('it is given up', () => told.length === 1);
    assert.match((told[0] as { says: string }).says, /no answer within 5000 ms/);
    assert.equal(exporter.stats().queued, 1);
  });

  it('go out when the gateway ends', async (t) => {
    const receiver = await startOtlpReceiver();
    t.after(() => receiver.close());
    const exporter = await openOtlp(otlpSchema('/').parse({ url: receiver.url }), {
      clock: systemClock,
      chance: systemChance,
      emit: () => undefined,
      version: '1',
      metrics: { points: async () => new Map() },
    });
    for (let i = 0; i < 600; i++) exporter!.emit(refused(`${i}`));
    await exporter!.close();
    assert.equal(receiver.records.length, 600);
  });

  it('bring the headers that the configuration names, and these only over TLS or to this machine', async (t) => {
    const directory = await temporaryDirectory('otlp');
    t.after(() => removeDirectory(directory));
    const value = { file: join(directory, 'key') };
    await writeFile(value.file, 'Bearer a-key\n');
    const headers = [{ name: 'Authorization', value }];
    const { receiver, exporter } = await scene(t, { headers, batchMax: 1 });
    exporter.emit(refused('a'));
    await eventually('it has come', () => receiver.records.length === 1);
    assert.equal(receiver.headers[0]!.authorization, 'Bearer a-key');
    const parsed = otlpSchema('/').safeParse({ url: 'http://collector.example.org:4318', headers });
    assert.match(parsed.error!.issues[0]!.message, /has no TLS/);
  });
});

describe('metrics over OTLP', () => {
  it('are the table of metrics in the shape of the protocol, round after round', async (t) => {
    const { receiver, metrics, clock } = await scene(t, { metricsInterval: '10s' });
    metrics.take(refused('a'));
    metrics.take({
      name: 'attack.detected',
      detector: 'bruteForce',
      subjectKind: 'address',
      subject: '192.0.2.1',
      score: 7,
      severity: 'high',
    } as GatewayEvent);
    metrics.addSource(() => [['sallyport_overload_ratio', ['memory'], 0.25]]);
    clock.advance(10_000);
    await eventually('they have come', () => receiver.metrics.length === 1);
    assert.deepEqual(receiver.faults, []);
    const sent = receiver.metrics[0]!.resourceMetrics[0]!.scopeMetrics[0]!.metrics;
    const named = (name: string) => {
      const found = sent.find((metric) => metric.name === name);
      assert.ok(found, name);
      return found;
    };
    const refusals = named('sallyport_refusals_total');
    assert.ok('sum' in refusals);
    const point = refusals.sum.dataPoints.find(
      (each) => 'asInt' in each && each.asInt === '1' && each.attributes.length === 3,
    );
    assert.deepEqual(point?.startTimeUnixNano, '1800000000000000000');
    const score = named('sallyport_detection_score');
    assert.ok('histogram' in score);
    assert.deepEqual(score.histogram.dataPoints[0]!.bucketCounts, ['0', '0', '0', '1', '0', '0', '0', '0']);
    assert.deepEqual(score.histogram.dataPoints[0]!.explicitBounds, [1, 2, 5, 10, 20, 50, 100]);
    const ratio = named('sallyport_overload_ratio');
    assert.ok('gauge' in ratio && 'asDouble' in ratio.gauge.dataPoints[0]!);
    receiver.refuse = { times: 1, status: 429 };
    await eventually('the second round was refused', () => {
      clock.advance(1000);
      return receiver.headers.length === 2;
    });
    await eventually('the third comes', () => {
      clock.advance(1000);
      return receiver.metrics.length === 2;
    });
  });
});
