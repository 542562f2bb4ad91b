/** The configurations of deploy/ read what our sinks really write: every event, with texts of peers that try to break out. */
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { before, test } from 'node:test';
import { eventually } from '../../../../test/kit/eventually.ts';
import { bytesOf, filtered, parseRecord, readFluentBitConfig } from '../../../../test/kit/fluent-bit-config.ts';
import { fieldOf, filterEvent, type LogstashEvent, readLogstashConfig } from '../../../../test/kit/logstash-config.ts';
import { HOSTILE, ONE_OF_EACH_EVENT } from '../../../../test/kit/one-of-each-event.ts';
import { removeDirectory, temporaryDirectory } from '../../../../test/kit/process.ts';
import { systemChance } from '../../../base/chance.ts';
import { systemClock } from '../../../base/clock.ts';
import type { GatewayEvent } from '../../../base/events.ts';
import { EVENT_LEVELS } from '../../event-level.ts';
import { openLog } from '../../log.ts';
import { boundedEvent } from '../bounded-event.ts';
import { openCollectors } from './collectors.ts';

const DEPLOY = new URL('../../../../deploy/', import.meta.url);
const logstash = readLogstashConfig(readFileSync(new URL('logstash/sallyport.conf', DEPLOY), 'utf8'));
const fluentBit = readFluentBitConfig(readFileSync(new URL('fluent-bit/sallyport.yaml', DEPLOY), 'utf8'));

/** The longest that a peer can cause: every text as long as it may be, of what takes the most when it is escaped. */
const LONGEST: GatewayEvent = {
  ...ONE_OF_EACH_EVENT.find(({ name }) => name === 'publish.refused')!,
  ...Object.fromEntries(['clientId', 'username', 'topic', 'says', 'by'].map((key) => [key, '\u0001'.repeat(600)])),
} as GatewayEvent;

/** As they are in the file, and as they come over UDP. */
let [lines, datagrams]: [string[], string[]] = [[], []];

before(async () => {
  const directory = await temporaryDirectory('shipped');
  const file = path.join(directory, 'events.log');
  const log = await openLog({ level: 'debug', destination: file }, systemClock);
  const socket = createSocket('udp4');
  const received: string[] = [];
  socket.on('message', (message) => received.push(message.toString('utf8')));
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const collectors = await openCollectors(
    [
      {
        url: `udp://127.0.0.1:${socket.address().port}`,
        tls: {},
        format: 'json',
        facility: 'auth',
        level: 'debug',
        queueMax: 1000,
      } as unknown as Parameters<typeof openCollectors>[0][number],
    ],
    { clock: systemClock, chance: systemChance, emit: () => undefined, version: '0' },
  );
  for (const [i, event] of ONE_OF_EACH_EVENT.entries()) {
    log.emit(event);
    collectors.emit(boundedEvent(event));
    // The socket's buffer is not the point here.
    if (i % 10 === 9) await eventually('they have come', () => received.length === i + 1);
  }
  log.emit(LONGEST);
  await collectors.close();
  await log.close();
  await eventually('all have come', () => received.length === ONE_OF_EACH_EVENT.length);
  socket.close();
  lines = (await readFile(file, 'utf8')).split('\n').slice(0, -1);
  datagrams = received;
  await removeDirectory(directory);
});

/** What a sink has written of an event, read back. */
function assertIs(event: GatewayEvent, read: Readonly<Record<string, unknown>>, further: readonly string[]): void {
  const { name, ...fields } = event;
  assert.equal(read['event'], name);
  // A lone surrogate is none of JSON's; it comes back as its escape says, or as the mark of what could not be read.
  const expected = JSON.parse(JSON.stringify(fields)) as Record<string, unknown>;
  for (const [key, value] of Object.entries(expected)) assert.deepEqual(read[key], value, `${name}: ${key}`);
  assert.deepEqual(
    Object.keys(read).filter((key) => !(key in expected) && key !== 'event' && key !== 'msg' && !further.includes(key)),
    [],
    `${name}: nothing that nobody has written`,
  );
}

/** As the inputs of Logstash make it. */
function logstashEvent(message: string, tags: readonly string[]): LogstashEvent {
  return { message, tags: [...tags], event: { original: message }, '@metadata': {} };
}

function tagsOf(input: string): string[] {
  const plugin = logstash.input.find((step) => step.kind === 'plugin' && step.name === input);
  assert.ok(plugin?.kind === 'plugin');
  return plugin.settings.find(([name]) => name === 'tags')![1] as string[];
}

function assertLogstash(read: LogstashEvent, event: GatewayEvent, tags: readonly string[]): void {
  assert.deepEqual(read['tags'], tags, `${event.name}: no filter has failed`);
  assertIs(event, read['sallyport'] as Record<string, unknown>, ['level', 'time']);
  assert.equal(fieldOf(read, '[event][action]'), event.name);
  assert.equal(fieldOf(read, '[event][module]'), 'sallyport');
  assert.equal(read['message'], fieldOf(read, '[sallyport][msg]'));
  const { address, username } = event as { address?: string; username?: string };
  assert.equal(fieldOf(read, '[client][ip]'), address);
  assert.deepEqual(fieldOf(read, '[user][name]'), username);
  assert.ok(typeof read['@timestamp'] === 'string');
  const own = [
    'message',
    'tags',
    'event',
    '@metadata',
    'sallyport',
    '@timestamp',
    'log',
    'client',
    'user',
    'host',
    'process',
  ];
  assert.deepEqual(
    Object.keys(read).filter((field) => !own.includes(field)),
    [],
    'a peer adds no field beside ours',
  );
}

test('Logstash reads every event from the log file, and nothing that a peer chose gets out of its field', () => {
  for (const [i, event] of ONE_OF_EACH_EVENT.entries()) {
    const read = logstashEvent(lines[i]!, tagsOf('file'));
    filterEvent(logstash.filter, read);
    assertLogstash(read, event, tagsOf('file'));
    assert.equal(fieldOf(read, '[log][level]'), EVENT_LEVELS[event.name]);
    assert.equal(read['@timestamp'], fieldOf(read, '[sallyport][time]'));
  }
});

test('Logstash reads every event from syslog over UDP', () => {
  for (const [i, event] of ONE_OF_EACH_EVENT.entries()) {
    const read = logstashEvent(datagrams[i]!, tagsOf('udp'));
    filterEvent(logstash.filter, read);
    assertLogstash(read, event, tagsOf('udp'));
    assert.equal(fieldOf(read, '[process][name]'), 'sallyport');
    assert.equal(fieldOf(read, '[process][pid]'), String(process.pid));
    assert.equal(fieldOf(read, '[@metadata][id]'), event.name.slice(0, 32));
  }
});

test('what Logstash has from elsewhere is left alone', () => {
  const read = logstashEvent('{"event":"publish.refused"}', ['beats']);
  const before = structuredClone(read);
  filterEvent(logstash.filter, read);
  assert.deepEqual(read, before);
  for (const step of [...logstash.filter, ...logstash.output]) {
    assert.ok(step.kind === 'branch' && step.word === 'sallyport' && step.field === '[tags]');
  }
});

test('Fluent Bit reads every event from the log file', () => {
  const { parser, tag } = fluentBit.inputs.find(({ name }) => name === 'tail')!;
  for (const [i, event] of ONE_OF_EACH_EVENT.entries()) {
    const { fields, timeMs } = parseRecord(fluentBit, String(parser), lines[i]!)!;
    assertIs(event, filtered(fluentBit, String(tag), fields), ['level', 'time']);
    assert.ok(Math.abs(timeMs - systemClock.epochMs()) < 600_000);
  }
});

test('Fluent Bit reads every event from syslog over UDP, with the parts of the header beside it', () => {
  const { parser, tag } = fluentBit.inputs.find(({ name }) => name === 'syslog')!;
  for (const [i, event] of ONE_OF_EACH_EVENT.entries()) {
    const { fields } = parseRecord(fluentBit, String(parser), datagrams[i]!)!;
    const read = filtered(fluentBit, String(tag), fields);
    const header = ['time', 'pri', 'host', 'program', 'pid', 'id'].map((part) => `syslog_${part}`);
    assertIs(event, read, header);
    for (const part of header) assert.ok(typeof read[part] === 'string', part);
    assert.deepEqual([read['syslog_program'], read['syslog_pid']], ['sallyport', String(process.pid)]);
  }
});

test('no line that a peer can cause makes Fluent Bit give the file up', () => {
  const { buffer_max_size: size, skip_long_lines: skips } = fluentBit.inputs.find(({ name }) => name === 'tail')!;
  const longest = Math.max(...lines.map((line) => Buffer.byteLength(line)));
  assert.ok(longest > 10_000, 'this is a long one');
  assert.ok(longest < bytesOf(size), `${longest} bytes`);
  assert.equal(skips, true, 'and a longer one is skipped, alone');
});

test('the texts of these tests are hostile to what reads them', () => {
  for (const part of ['"', '\\', '\n', '\r', '\u001b', ' ', '{', '\u0000']) assert.ok(HOSTILE.includes(part));
  assert.ok(lines.every((line) => !/[\u0000-\u001f\u007f-\u009f\u202e]/.test(line)));
});

test('a configuration with a mistake in it is refused', () => {
  const text = readFileSync(new URL('logstash/sallyport.conf', DEPLOY), 'utf8');
  for (const [good, bad] of [
    ['start_position', 'start_postion'],
    ['dissect {', 'disect {'],
    ['[tags] {', '[tags {'],
    ['"ISO8601"]', '"ISO8601"'],
    ['"[sallyport][msg]" => "message"', '"[sallyport][msg]" = "message"'],
    ['codec => plain', 'codec => plane'],
  ] as const) {
    assert.ok(text.includes(good), good);
    assert.throws(() => readLogstashConfig(text.replace(good, bad)), assert.AssertionError, bad);
  }
  const yaml = readFileSync(new URL('fluent-bit/sallyport.yaml', DEPLOY), 'utf8');
  for (const [good, bad] of [
    ['mem_buf_limit', 'mem_buffer_limit'],
    ['parser: sallyport-syslog', 'parser: sallyport-sylog'],
    ['name: tail', 'name: tale'],
    ["match: 'sallyport.*'", "match: 'salyport.*'"],
    ['(?<syslog_pri>[0-9]{1,3})', '(?<syslog_pri>\\h+)'],
  ] as const) {
    assert.ok(yaml.includes(good), good);
    assert.throws(() => readFluentBitConfig(yaml.replace(good, () => bad)), assert.AssertionError, bad);
  }
});
