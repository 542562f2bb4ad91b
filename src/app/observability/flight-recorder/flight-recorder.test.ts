import assert from 'node:assert/strict';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { removeDirectory, temporaryDirectory } from '../../../../test/kit/process.ts';
import { ByteBatch } from '../../../base/byte-batch.ts';
import type { GatewayEvent } from '../../../base/events.ts';
import { ManualClock } from '../../../base/manual-clock.ts';
import type { Client } from '../../../pipeline/client.ts';
import type { Downstream, DownstreamHandler } from '../../../pipeline/downstream.ts';
import type { Config } from '../../config/config.ts';
import { plainTopics } from '../topic-hash.ts';
import { FlightRecorder } from './flight-recorder.ts';
import type { Recording } from './recording.ts';
import { RecordingsFolder } from './recordings-folder.ts';

const KIB = 1024;
const CONFIG: Config['flightRecorder'] = {
  isEnabled: true,
  memoryPerConnectionBytes: 8 * KIB,
  memoryMaxBytes: 1024 * KIB,
  payloadMaxBytes: 0,
  incidents: ['detection', 'ban', 'fault'],
  directory: undefined,
  filesMax: 5,
  keepMaxBytes: 1024 * KIB,
  keepForMs: 86_400_000,
};
const ADDRESS = '192.0.2.7';
const PINGREQ = Buffer.from('c000', 'hex');

async function scene(t: TestContext, config: Partial<Config['flightRecorder']> = {}) {
  const directory = await temporaryDirectory('recorder');
  t.after(() => removeDirectory(directory));
  const [clock, events] = [new ManualClock(), [] as GatewayEvent[]];
  const folder = new RecordingsFolder(directory, '0');
  const emit = (event: GatewayEvent): void => void events.push(event);
  const given = { ...CONFIG, ...config };
  const recorder = new FlightRecorder({ clock, emit, config: given, folder, spell: plainTopics });
  const connect = (connectionId: string): { handler: DownstreamHandler; isRecorded: boolean; end(): void } => {
    const facts = { connectionId, listener: 'tcp', address: ADDRESS, port: 1, secure: false };
    const client = { clientId: connectionId, username: undefined, downstream: facts } as unknown as Client;
    const downstream = { facts, batch: new ByteBatch(), touch: () => undefined } as unknown as Downstream;
    const inner = { client, onBytes: () => undefined, onDrain: () => undefined, onClosed: () => undefined };
    const handler = recorder.accept(downstream, () => inner);
    return {
      handler,
      isRecorded: handler !== inner,
      end: () => handler.onClosed({ by: 'peer', says: '', bytesIn: 0, bytesOut: 0 }),
    };
  };
  const ceilings = (): string[] => events.flatMap((event) => (event.name === 'ceiling.reached' ? [event.ceiling] : []));
  return { directory, clock, events, folder, recorder, connect, ceilings };
}

function recordingAt(epochMs: number, i: number): Recording {
  return {
    connectionId: `c${i}`,
    clientId: null,
    username: null,
    listener: 'tcp',
    client: { address: ADDRESS, port: 1 },
    server: { address: ADDRESS, port: 2 },
    incident: 'ban:detector:flapping',
    writtenAt: new Date(epochMs).toISOString(),
    overwritten: 0,
    packets: [],
  };
}

test('all tapes together take no more than memoryMax, and whoever comes beyond it is served without one', async (t) => {
  const { recorder, connect, ceilings } = await scene(t);
  const connections = Array.from({ length: 200 }, (_, i) => connect(`c${i}`));
  const recorded = connections.filter(({ isRecorded }) => isRecorded).length;
  // 8 KiB of rings, and a packet of up to 256 bytes that is still coming, each way.
  assert.equal(recorded, Math.floor((1024 * KIB) / (8 * KIB + 512)));
  assert.ok(recorder.memoryBytes <= CONFIG.memoryMaxBytes);
  assert.deepEqual(ceilings(), ['flightRecorder.memoryMax']);
  // Packets fill what is there; nothing grows.
  for (const { handler } of connections) for (let i = 0; i < 500; i++) handler.onBytes(PINGREQ, PINGREQ.length);
  assert.ok(recorder.memoryBytes <= CONFIG.memoryMaxBytes);
});

test('what has ended is kept within the same memory, and makes room for those that come', async (t) => {
  const { recorder, connect } = await scene(t, { memoryPerConnectionBytes: 100 * KIB });
  for (let i = 0; i < 100; i++) {
    const connection = connect(`c${i}`);
    assert.equal(connection.isRecorded, true);
    assert.ok(recorder.memoryBytes <= CONFIG.memoryMaxBytes, `${recorder.memoryBytes} bytes`);
    connection.end();
    assert.ok(recorder.memoryBytes <= CONFIG.memoryMaxBytes, `${recorder.memoryBytes} bytes`);
  }
  assert.equal(recorder.recordingsOf('c99', 'x').length, 1, 'the last one is there');
  assert.equal(recorder.recordingsOf('c1', 'x').length, 0, 'the first has made room');
});

test('memory is given back when the last that have ended are forgotten', async (t) => {
  const { recorder, connect } = await scene(t);
  for (let i = 0; i < 300; i++) connect(`c${i}`).end();
  assert.equal(recorder.memoryBytes, 64 * (8 * KIB + 512));
});

test('a ban is written with what led to it, and the oldest recordings make room and are told', async (t) => {
  const { recorder, clock, connect, events, folder, ceilings } = await scene(t);
  const { handler } = connect('c1');
  handler.onBytes(PINGREQ, PINGREQ.length);
  for (let i = 0; i < 7; i++) {
    const author = `detector:x${i}`;
    recorder.banned({
      subject: { kind: 'address', value: ADDRESS },
      author,
    } as unknown as Parameters<FlightRecorder['banned']>[0]);
    clock.advance(1);
  }
  await recorder.settled();
  const written = events.filter(({ name }) => name === 'recording.written');
  assert.equal(written.length, 7);
  const kept = await folder.list();
  assert.deepEqual(
    kept.map(({ name }) => name.replace(/^.*ban-detector-/, '')),
    ['x6', 'x5', 'x4', 'x3', 'x2'],
  );
  assert.deepEqual(ceilings(), ['flightRecorder.filesMax', 'flightRecorder.filesMax']);
});

test('recordings leave by size, but never the newest', async (t) => {
  const { folder, directory, clock } = await scene(t);
  const epochMs = clock.epochMs();
  for (let i = 0; i < 3; i++) {
    const path = await folder.write(recordingAt(epochMs + i, i));
    await writeFile(`${path}.json`, 'x'.repeat(1000));
  }
  const bounds = { filesMax: 10, keepMaxBytes: 1500, keepForMs: 1e9 };
  assert.deepEqual(await folder.tidy(bounds, epochMs), [{ bound: 'keepSizeMax', limit: 1500, recordings: 2 }]);
  assert.deepEqual(await folder.tidy({ ...bounds, keepMaxBytes: 1 }, epochMs), []);
  assert.equal((await readdir(directory)).length, 2);
});

test('recordings leave when they are too old, also where nothing new is written', async (t) => {
  const { folder, clock, recorder, events } = await scene(t);
  await folder.write(recordingAt(clock.epochMs(), 1));
  await folder.write(recordingAt(clock.epochMs() + 7_200_000, 2));
  clock.advance(CONFIG.keepForMs + 3_600_000);
  await recorder.settled();
  assert.deepEqual(
    (await folder.list()).map(({ name }) => name.replace(/^[^-]*-(c\d+).*/, '$1')),
    ['c2'],
  );
  assert.deepEqual(events, [
    {
      name: 'ceiling.reached',
      ceiling: 'flightRecorder.keepFor',
      limit: CONFIG.keepForMs,
      says: '1 recording was removed, the oldest first',
    },
  ]);
});

test('a foreign file in the folder is left alone', async (t) => {
  const { folder, directory, clock } = await scene(t);
  await writeFile(join(directory, 'notes.json'), '{}');
  await folder.write(recordingAt(clock.epochMs(), 1));
  await folder.tidy({ filesMax: 1, keepMaxBytes: 1, keepForMs: 0 }, clock.epochMs() + 1000);
  assert.deepEqual(await readdir(directory), ['notes.json']);
});

test('a folder that cannot be written is told once, and again when it can', async (t) => {
  const { recorder, clock, connect, events, directory } = await scene(t);
  connect('c1');
  const ban = (author: string): void =>
    recorder.banned({ subject: { kind: 'address', value: ADDRESS }, author } as unknown as Parameters<
      FlightRecorder['banned']
    >[0]);
  await removeDirectory(directory);
  await writeFile(directory, 'a file where the folder should be');
  ban('detector:a');
  ban('detector:b');
  await recorder.settled();
  await removeDirectory(directory);
  clock.advance(1);
  ban('detector:c');
  await recorder.settled();
  assert.deepEqual(
    events.map(({ name }) => name),
    ['storage.failed', 'storage.recovered', 'recording.written'],
  );
});
