/**
 * What detection costs: a million addresses that attack in every way that an address can, in memory and time; and a second's samples of
 * ten thousand clients. Prints figures; fails where a million addresses take 300 MB or more, or where a second million takes more.
 */
import { detectionSchema } from '../src/app/config/detection-schema.ts';
import type { GatewayEvent } from '../src/base/events.ts';
import { KeyedHash } from '../src/base/keyed-hash.ts';
import { Detectors } from '../src/policy/detection/detectors.ts';

const ADDRESSES = 1_000_000;
const BYTES_MAX = 300_000_000;
const CLIENTS = 10_000;

function collect(): void {
  // With --expose-gc, as the script in package.json has it.
  (globalThis as { gc?: () => void }).gc?.();
}

/** Outside of V8's heap too: tables are typed arrays. */
function usedBytes(): number {
  collect();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

function addressOf(i: number): string {
  return `${11 + (i >> 24)}.${(i >> 16) & 255}.${(i >> 8) & 255}.${i & 255}`;
}

let told = 0;
let nowMs = 0;
const detectors = new Detectors(detectionSchema.parse({}), {
  emit: () => told++,
  responder: { respond: () => undefined },
  hash: new KeyedHash(0x5eed, 0xf00d),
});

/** One address tries everything once. */
function attack(i: number): number {
  const facts = { connectionId: 'c1', listener: 'mqtts', address: addressOf(i), port: 1, protocolVersion: 5 as const };
  const named = { ...facts, clientId: `c${i}`, username: `u${i}` };
  const decision = { reason: 0x86, by: 'x', says: 'x' };
  const events: GatewayEvent[] = [
    { name: 'authentication.failed', method: 'password-file', ...named, ...decision },
    { name: 'connect.refused', ...named, ...decision, reason: 0x85 },
    { name: 'connect.refused', ...named, ...decision, by: 'limit:connectTimeout' },
    { name: 'packet.faulted', fault: 'truncated', clause: 'x', sender: 'client', ...facts, ...decision },
    { name: 'packet.faulted', fault: 'packet_too_large', clause: 'x', sender: 'client', ...facts, ...decision },
    {
      name: 'packet.faulted',
      fault: 'topic_empty',
      clause: 'x',
      sender: 'client',
      ...facts,
      ...decision,
      by: 'virtual-patch:CVE-2021-34432',
    },
    {
      name: 'publish.refused',
      topic: 't',
      qos: 0,
      retain: false,
      action: 'dropped',
      ...named,
      ...decision,
      reason: 0x87,
    },
    { name: 'will.refused', topic: 't', ...named, ...decision, reason: 0x87 },
    { name: 'connection.closed', durationMs: 1, bytesIn: 1, bytesOut: 1, connected: false, ...facts, ...decision },
  ];
  nowMs += 0.01;
  for (const event of events) detectors.observe(event, nowMs);
  return events.length;
}

/** Of this thread: what others do with the processor meanwhile is no pause of ours. */
function processorMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}

function million(from: number): { microsecondsPerEvent: number; worstMs: number } {
  let events = 0;
  let worstMs = 0;
  const startedMs = performance.now();
  for (let i = from; i < from + ADDRESSES; i++) {
    const beganMs = processorMs();
    events += attack(i);
    worstMs = Math.max(worstMs, processorMs() - beganMs);
  }
  return { microsecondsPerEvent: ((performance.now() - startedMs) * 1000) / events, worstMs };
}

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(0)} MB`;
const before = usedBytes();
const first = million(0);
const afterFirst = usedBytes() - before;
const second = million(ADDRESSES);
const afterSecond = usedBytes() - before;

const sample = {
  connectionId: 'c1',
  listener: 'mqtts',
  address: '192.0.2.1',
  spanMs: 1000,
  ageMs: 60_000,
  messagesIn: 10,
  messagesOut: 10,
  bytesIn: 1000,
  bytesOut: 1000,
  retainedIn: 0,
  topicsNew: 0,
  broadFilters: 0,
  refusalsUntold: 0,
  openQos2: 0,
  openQos2Ms: 0,
  isIdle: false,
};
const ROUNDS = 30;
const sampledMs = performance.now();
for (let round = 0; round < ROUNDS; round++) {
  nowMs += 1000;
  for (let i = 0; i < CLIENTS; i++) detectors.sample({ ...sample, clientId: `device-${i}` }, nowMs);
}
const samplingMs = (performance.now() - sampledMs) / ROUNDS;

process.stdout.write(
  [
    `a million addresses, each with 9 events of 8 kinds: ${megabytes(afterFirst)}, of that ${megabytes(detectors.tableBytes)} of tables`,
    `a second million: ${megabytes(afterSecond)} (${megabytes(afterSecond - afterFirst)} more)`,
    `an event: ${first.microsecondsPerEvent.toFixed(2)} µs, then ${second.microsecondsPerEvent.toFixed(2)} µs; the 9 of one address at worst ${first.worstMs.toFixed(1)} ms of processor, then ${second.worstMs.toFixed(1)} ms`,
    `the samples of ${CLIENTS} active clients: ${samplingMs.toFixed(1)} ms of processor a second, ${((samplingMs / CLIENTS) * 1000).toFixed(2)} µs each`,
    `told: ${told} events`,
    '',
  ].join('\n'),
);
if (afterFirst >= BYTES_MAX) throw new Error(`a million addresses take ${megabytes(afterFirst)}`);
if (afterSecond > afterFirst * 1.05)
  throw new Error(`a second million takes ${megabytes(afterSecond - afterFirst)} more`);
