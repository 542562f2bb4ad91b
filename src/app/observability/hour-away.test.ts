/** Collectors that cannot be reached for an hour: few attempts, bounded memory, one word about it, and an honest count at the end. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { eventually } from '../../../test/kit/eventually.ts';
import { startOtlpReceiver } from '../../../test/kit/otlp-receiver.ts';
import { freePort } from '../../../test/kit/process.ts';
import { systemChance } from '../../base/chance.ts';
import type { Timer } from '../../base/clock.ts';
import type { GatewayEvent } from '../../base/events.ts';
import { ManualClock } from '../../base/manual-clock.ts';
import { otlpSchema } from '../config/otlp-schema.ts';
import { syslogSchema } from '../config/syslog-schema.ts';
import { Metrics } from './metrics/metrics.ts';
import { openOtlp } from './otlp/otlp-exporter.ts';
import { openCollectors } from './syslog/collectors.ts';

const HOUR_S = 3600;
const QUEUE_MAX = 500;

const event: GatewayEvent = {
  name: 'publish.refused',
  connectionId: 'c1',
  listener: 'tcp',
  address: '192.0.2.7',
  port: 1,
  clientId: 'pump-7',
  topic: 'a/b',
  qos: 0,
  retain: false,
  action: 'refused',
  reason: 0x87,
  by: 'acl:default',
  says: 'no',
};

/** Counts what is waited for: whoever tries again waits before it. */
class CountingClock extends ManualClock {
  waits = 0;

  override after<Subject>(delayMs: number, run: (subject: Subject) => void, subject?: Subject): Timer {
    this.waits++;
    return super.after(delayMs, run, subject);
  }
}

/** One event a second. */
async function anHour(clock: ManualClock, emit: () => void): Promise<void> {
  for (let second = 0; second < HOUR_S; second++) {
    emit();
    clock.advance(1000);
    await turn();
  }
}

test('syslog: an hour away costs its queue and some attempts, and is told when it is over', async (t) => {
  const [clock, told, port] = [new CountingClock(), [] as GatewayEvent[], await freePort()];
  const url = `tcp://127.0.0.1:${port}`;
  const configs = syslogSchema('/').parse([{ url, queueMax: QUEUE_MAX }]);
  const emit = (heard: GatewayEvent): void => void told.push(heard);
  const collectors = await openCollectors(configs, { clock, chance: systemChance, emit, version: '0' });
  await anHour(clock, () => collectors.emit(event));
  // With each attempt a deadline and the wait before the next, which is a minute at most and half of it at least.
  assert.ok(clock.waits > 60 && clock.waits < 400, `${clock.waits} waits`);
  assert.deepEqual(collectors.stats(), [{ collector: url, queued: QUEUE_MAX, lost: HOUR_S - QUEUE_MAX, isUp: false }]);
  assert.deepEqual(
    told.map(({ name }) => name),
    ['collector.failed'],
  );
  let heard = '';
  const server = createServer((socket) => socket.on('data', (chunk: Buffer) => (heard += chunk)));
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  await eventually('what has waited is there', () => {
    clock.advance(1000);
    return heard.split('publish.refused - ').length - 1 === QUEUE_MAX;
  });
  clock.advance(3000);
  assert.deepEqual(told.at(-1), { name: 'collector.recovered', collector: url, lost: HOUR_S - QUEUE_MAX });
  assert.equal(collectors.stats()[0]!.isUp, true);
  await collectors.close();
});

test('OTLP: an hour away costs its queue and some attempts, and is told when it is over', async (t) => {
  const away = await startOtlpReceiver();
  await away.close();
  const [clock, told] = [new CountingClock(), [] as GatewayEvent[]];
  const metrics = new Metrics({ clock, version: '0', emit: () => undefined });
  t.after(() => metrics.close());
  const given = { url: away.url, queueMax: QUEUE_MAX, batchMax: 100, metrics: false };
  const emit = (heard: GatewayEvent): void => void told.push(heard);
  const config = otlpSchema('/').parse(given);
  const exporter = (await openOtlp(config, { clock, chance: systemChance, emit, version: '0', metrics }))!;
  await anHour(clock, () => exporter.emit(event));
  assert.ok(clock.waits < 1000, `${clock.waits} waits`);
  const { queued, lost, isUp } = exporter.stats();
  assert.equal(isUp, false);
  assert.ok(queued <= QUEUE_MAX + 100, `${queued} wait, with the batch that is on its way`);
  assert.equal(queued + lost, HOUR_S, 'what does not wait is counted');
  assert.deepEqual(
    told.map(({ name }) => name),
    ['collector.failed'],
  );
  const back = await startOtlpReceiver(away.port);
  t.after(() => back.close());
  await eventually('what has waited is there', () => {
    clock.advance(1000);
    return back.records.length === queued;
  });
  await eventually('it is told', () => told.length === 2);
  assert.deepEqual(told[1], { name: 'collector.recovered', collector: away.url, lost });
  const closed = exporter.close();
  clock.advance(60_000);
  await closed;
});
