/** What the flight recorder costs a packet: beside cutting the same stream into packets and checking each PUBLISH, in turn. */

import { PacketRing } from '../src/app/observability/flight-recorder/packet-ring.ts';
import { PacketTap } from '../src/app/observability/flight-recorder/packet-tap.ts';
import { Deframer, FrameStatus } from '../src/mqtt/deframer.ts';
import { scanPublish } from '../src/mqtt/packets/publish.ts';
import { PublishView } from '../src/mqtt/publish-view.ts';

const PACKETS = 50;
const CHUNKS = 20_000;
const ROUNDS = 9;

const topic = Buffer.from('devices/pump-7/temperature');
const body = Buffer.concat([Buffer.of(0, topic.length), topic, Buffer.of(0, 7), Buffer.alloc(64)]);
const packet = Buffer.concat([Buffer.of(0x32, body.length), body]);
const chunk = Buffer.concat(Array.from({ length: PACKETS }, () => packet));

const tap = new PacketTap(new PacketRing(4096), { rules: { bytesMax: 256, withPayloads: false }, isV5: false });
const deframer = new Deframer({ sender: 'client', version: 4 });
const view = new PublishView();

function record(): void {
  for (let i = 0; i < CHUNKS; i++) tap.take(chunk, 0, chunk.length, i);
}

function check(): void {
  for (let i = 0; i < CHUNKS; i++) {
    deframer.push(chunk);
    while (deframer.next() === FrameStatus.Frame) scanPublish(view, deframer, 4, 'client');
  }
}

/** Nanoseconds a packet. */
function timed(run: () => void): number {
  const startMs = performance.now();
  run();
  return ((performance.now() - startMs) * 1e6) / (CHUNKS * PACKETS);
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1]!;
}

record();
check();
const rounds = Array.from({ length: ROUNDS }, () => ({ recorded: timed(record), checked: timed(check) }));
const recorded = median(rounds.map((round) => round.recorded));
const checked = median(rounds.map((round) => round.checked));
console.log(
  `recorded: ${recorded.toFixed(0)} ns a packet; cut and checked: ${checked.toFixed(0)} ns; ratio ${(recorded / checked).toFixed(2)}`,
);
