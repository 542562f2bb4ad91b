import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { parse } from 'yaml';
import type { GatewayEvent } from '../../../base/events.ts';
import { logLine } from '../log-line.ts';
import { syslogMessage } from './message.ts';

const DEPLOY = new URL('../../../../deploy/', import.meta.url);
const CLIENT = 'a - <1>1 "b"\n\\ {"event":"forged"} ü';

const event: GatewayEvent = {
  name: 'publish.refused',
  connectionId: 'c1',
  listener: 'mqtts',
  address: '192.0.2.9',
  port: 4711,
  clientId: CLIENT,
  username: 'ann',
  topic: ' - ',
  qos: 1,
  retain: false,
  action: 'refused',
  reason: 0x87,
  by: 'acl:7',
  says: 'no',
};
const header = { facility: 'auth', level: 'warn', atMs: 0, host: 'gw', pid: 7, id: event.name } as const;
const message = syslogMessage(header, logLine(event));

function assertReadsAsEvent(content: string): void {
  const fields = JSON.parse(content) as Record<string, unknown>;
  assert.equal(fields['event'], 'publish.refused');
  assert.equal(fields['clientId'], CLIENT);
}

test("Fluent Bit's parsers take our syslog messages apart, and the content is the event", () => {
  const { parsers, pipeline } = parse(readFileSync(new URL('fluent-bit/sallyport.yaml', DEPLOY), 'utf8')) as {
    parsers: { name: string; regex?: string }[];
    pipeline: { inputs: { parser: string }[]; filters: { parser: string }[] };
  };
  const names = parsers.map(({ name }) => name);
  for (const { parser } of [...pipeline.inputs, ...pipeline.filters]) assert.ok(names.includes(parser), parser);
  const { regex = '' } = parsers.find(({ name }) => name === 'sallyport-syslog')!;
  const parts = new RegExp(regex, 's').exec(message)?.groups;
  assert.equal(parts?.['program'], 'sallyport');
  assert.equal(parts?.['id'], 'publish.refused');
  assert.equal(parts?.['pri'], '36');
  assertReadsAsEvent(parts?.['message'] ?? '');
});

test("Logstash's dissection takes our syslog messages apart, and it copies fields that are there", () => {
  const text = readFileSync(new URL('logstash/sallyport.conf', DEPLOY), 'utf8');
  const pattern = /"message" => "(<%.*)"$/m.exec(text)?.[1] ?? '';
  const names: string[] = [];
  // Each field ends where the text behind it begins; the last one takes the rest.
  const source = pattern
    .split(/(%\{[^}]*\})/)
    .map((part, index, all) => {
      if (!part.startsWith('%{')) return part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
      names.push(part.slice(2, -1));
      return index >= all.length - 2 ? '(.*)' : '(.*?)';
    })
    .join('');
  const values = new RegExp(`^${source}$`, 's').exec(message)?.slice(1) ?? [];
  const parts = new Map(names.map((name, i) => [name, values[i] ?? '']));
  assert.equal(parts.get('[process][name]'), 'sallyport');
  assert.equal(parts.get('[host][name]'), 'gw');
  assertReadsAsEvent(parts.get('message') ?? '');
  const fields = JSON.parse(logLine(event)) as object;
  const copied = [...text.matchAll(/"\[sallyport\]\[(\w+)\]" =>/g)].map(([, name = '']) => name);
  assert.ok(copied.length >= 5);
  for (const name of copied) assert.ok(name in fields || name === 'level', name);
});
