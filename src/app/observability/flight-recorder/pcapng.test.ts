import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { pcapngOf } from './pcapng.ts';
import type { RecordedPacket, Recording } from './recording.ts';

const directory = mkdtempSync(join(tmpdir(), 'sallyport-pcapng-'));
after(() => rmSync(directory, { recursive: true }));

const packet = (direction: RecordedPacket['direction'], bytes: string, rest: Partial<RecordedPacket> = {}) => ({
  atMs: 1_790_000_000_000.25,
  direction,
  type: '',
  flags: 0,
  lengthBytes: bytes.length / 2,
  bytes,
  ...rest,
});

function recording(client: string, server: string): Recording {
  return {
    connectionId: 'c7',
    clientId: 'd42\u001b[2J',
    username: 'ann',
    listener: 'mqtts',
    client: { address: client, port: 50_123 },
    server: { address: server, port: 8883 },
    incident: 'detector:flapping',
    writtenAt: '2026-07-06T08:00:00.000Z',
    overwritten: 3,
    packets: [
      packet('from client', '101c00044d51545404c2003c', { lengthBytes: 30 }),
      packet('to client', '20020000'),
      packet('from client', '320c0003612f620007', { lengthBytes: 14, atMs: 1_790_000_000_500 }),
      packet('to client', '40020007'),
      packet('from client', '30c0843d0003612f63', { lengthBytes: 1_000_004 }),
      packet('from client', '820800010003612f2301'),
      packet('from client', 'c000'),
      packet('from client', 'e000'),
    ],
  };
}

function tshark(file: string, ...args: string[]): string {
  return execFileSync('tshark', ['-n', '-r', file, '-d', 'tcp.port==8883,mqtt', ...args], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
}

const without = spawnSync('tshark', ['--version']).error === undefined ? false : 'tshark is not installed';

describe('a recording as pcapng', { skip: without }, () => {
  const cases: [client: string, server: string, shown: string][] = [
    ['192.0.2.7', '198.51.100.1', '192.0.2.7'],
    ['2001:db8::7', '2001:db8::1', '2001:db8::7'],
    ['192.0.2.7', '2001:db8::1', '::ffff:192.0.2.7'],
  ];
  for (const [client, server, shown] of cases) {
    it(`is what tshark reads as MQTT, from ${client} to ${server}`, () => {
      const file = join(directory, 'recording.pcapng');
      writeFileSync(file, pcapngOf(recording(client, server), '1.2.3'));
      const fields = ['frame.len', 'ip.src', 'ipv6.src', 'tcp.srcport', 'mqtt.msgtype', 'mqtt.topic', 'mqtt.msgid'];
      const lines = tshark(file, '-T', 'fields', '-E', 'occurrence=f', ...fields.flatMap((field) => ['-e', field]))
        .replace(/\n$/, '')
        .split('\n')
        .map((line) => line.split('\t'));
      const headerBytes = shown.includes(':') ? 60 : 40;
      assert.deepEqual(
        lines.map(([length, v4, v6, port, ...mqtt]) => [Number(length) - headerBytes, v4 || v6, port, ...mqtt]),
        [
          [30, shown, '50123', '1', '', ''],
          [4, lines[1]![1] || lines[1]![2], '8883', '2', '', ''],
          [14, shown, '50123', '3', 'a/b', '7'],
          [4, lines[1]![1] || lines[1]![2], '8883', '4', '', '7'],
          [1_000_004, shown, '50123', '3', 'a/c', ''],
          [10, shown, '50123', '8', 'a/#', '1'],
          [2, shown, '50123', '12', '', ''],
          [2, shown, '50123', '14', '', ''],
        ],
      );
      assert.equal(tshark(file, '-Y', '_ws.malformed'), '', 'nothing looks broken');
      // IPv6 cannot say how long a large one was: what follows it looks as if a segment were missing before it.
      const missing = tshark(file, '-Y', 'tcp.analysis.flags', '-T', 'fields', '-e', 'frame.number').trim();
      assert.equal(missing, shown.includes(':') ? '6' : '');
      assert.match(
        tshark(file, '-T', 'fields', '-e', 'frame.time_epoch'),
        /^1790000000\.000250.*\n(.*\n)1790000000\.500000/,
      );
    });
  }
});
