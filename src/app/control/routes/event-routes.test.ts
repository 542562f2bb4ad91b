/** A watcher of events that does not read, over the real socket. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { type IncomingMessage, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { eventually } from '../../../../test/kit/eventually.ts';
import { systemChance } from '../../../base/chance.ts';
import { systemClock } from '../../../base/clock.ts';
import type { GatewayEvent } from '../../../base/events.ts';
import type { Config } from '../../config/config.ts';
import { EventStream } from '../../observability/event-stream/event-stream.ts';
import { openControlServer } from '../control-server.ts';
import type { ControlServices } from '../services.ts';

const NO_HTTPS = { port: undefined } as unknown as Config['control'];

async function scene(t: TestContext, keptMax: number) {
  const directory = mkdtempSync(join(tmpdir(), 'sallyport-events-'));
  const socketPath = join(directory, 'control.sock');
  const stream = new EventStream({ clock: systemClock, emit: () => undefined }, { keptMax });
  const services = { clock: systemClock, chance: systemChance, emit: () => undefined, live: { stream } };
  const server = await openControlServer({
    path: socketPath,
    services: services as unknown as ControlServices,
    config: NO_HTTPS,
  });
  t.after(async () => {
    stream.close();
    await server.close();
    rmSync(directory, { recursive: true });
  });
  const watch = async (): Promise<IncomingMessage> => {
    const others = stream.watchers;
    const asked = request({ socketPath, path: '/v1/events' });
    asked.on('error', () => undefined);
    t.after(() => asked.destroy());
    const answered = new Promise<IncomingMessage>((resolve) => asked.end().once('response', resolve));
    const answer = await answered;
    assert.equal(stream.watchers, others + 1);
    stream.take({ name: 'listener.closed', listener: 'first' });
    return answer;
  };
  return { stream, watch };
}

test('a watcher that does not read costs no memory for what it misses, is told of the gap, and holds up nobody', async (t) => {
  const { stream, watch } = await scene(t, 1000);
  const slow = await watch();
  slow.pause();
  const text = 'x'.repeat(400);
  const all = 20_000;
  const before = process.memoryUsage();
  for (let i = 1; i < all; i++) {
    stream.take({ name: 'storage.failed', path: `/${i}`, says: text } as GatewayEvent);
    // Time for what is gathered to go out.
    if (i % 1000 === 0) await sleep(60);
  }
  const grown = process.memoryUsage().rss - before.rss;
  // 20,000 events are 10 MB of text, of which the ring keeps 1000 and the sockets a few hundred kilobytes.
  assert.ok(grown < 48 * 1024 * 1024, `${(grown / 1e6).toFixed(0)} MB`);
  let heard = '';
  let [told, lost] = [0, 0];
  slow.on('data', (chunk: Buffer) => {
    heard += chunk;
  });
  slow.resume();
  await eventually('it has caught up', () => {
    told = heard.split('\nevent: ').length - 1 - (heard.split('\nevent: gap').length - 1);
    lost = [...heard.matchAll(/data: \{"lost":(\d+)\}/g)].reduce((sum, [, count]) => sum + Number(count), 0);
    return told + lost === all;
  });
  assert.ok(lost > all / 2, `${lost} of ${all} had gone by`);
});

test('a watcher is answered at once, though nothing happens', async (t) => {
  const { watch } = await scene(t, 10);
  const answer = await watch();
  assert.equal(answer.statusCode, 200);
  assert.match(String(answer.headers['content-type']), /^text\/event-stream/);
});

test('while one does not read, another is told everything', async (t) => {
  const { stream, watch } = await scene(t, 1000);
  const slow = await watch();
  slow.pause();
  const quick = await watch();
  let heard = '';
  quick.on('data', (chunk: Buffer) => {
    heard += chunk;
  });
  const text = 'x'.repeat(400);
  for (let i = 0; i < 3000; i++) {
    stream.take({ name: 'storage.failed', path: `/${i}`, says: text } as GatewayEvent);
    if (i % 500 === 499) await eventually('it follows', () => heard.includes(`"path":"/${i}"`));
  }
  assert.ok(!heard.includes('event: gap'));
  assert.equal(heard.split('event: storage.failed').length - 1, 3000);
});
