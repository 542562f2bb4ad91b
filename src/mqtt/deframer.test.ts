import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import fc from 'fast-check';
import { bytesOf } from '../../test/kit/wire-cases.ts';
import { Deframer, FrameStatus } from './deframer.ts';
import type { Fault } from './fault.ts';
import * as faults from './faults.ts';
import { peekProtocolVersion } from './packets/connect.ts';
import { PacketType, type ProtocolVersion, type Sender } from './wire.ts';

const CONNECT = bytesOf("10 .. 0004 'MQTT' 04 02 003c 0001 'c'");

/** What comes of these bytes: the packets in hex, and the fault if there is one. */
function deframe(deframer: Deframer, ...chunks: Uint8Array[]): (string | Fault)[] {
  const found: (string | Fault)[] = [];
  for (const chunk of chunks) {
    deframer.push(chunk);
    for (;;) {
      const status = deframer.next();
      if (status === FrameStatus.NeedMore) break;
      if (status === FrameStatus.Fault) return [...found, deframer.fault!];
      found.push(Buffer.from(deframer.bytes.subarray(deframer.start, deframer.end)).toString('hex'));
      if (deframer.version === 0) deframer.version = 4;
    }
  }
  return found;
}

function faultOf(wire: string, sender: Sender = 'client', version: ProtocolVersion = 5): Fault | undefined {
  const found = deframe(new Deframer({ sender, version }), bytesOf(wire)).at(-1);
  return typeof found === 'string' ? undefined : found;
}

test('whole packets in a chunk are not copied', () => {
  const chunk = Buffer.concat([CONNECT, bytesOf('c000'), bytesOf('c000')]);
  const deframer = new Deframer({ sender: 'client' });
  deframer.push(chunk);
  for (const [start, end] of [
    [0, CONNECT.length],
    [CONNECT.length, CONNECT.length + 2],
    [CONNECT.length + 2, CONNECT.length + 4],
  ]) {
    assert.equal(deframer.next(), FrameStatus.Frame);
    deframer.version = 4;
    assert.equal(deframer.bytes, chunk);
    assert.deepEqual([deframer.start, deframer.end], [start, end]);
    assert.equal(deframer.bodyStart, deframer.start + 2);
  }
  assert.equal(deframer.next(), FrameStatus.NeedMore);
  assert.equal(deframer.heldBytes, 0);
});

test('of a CONNECT that is too large the version can be told where it came with the header, and no more is kept', () => {
  for (const [name, level, version] of [
    ['MQIsdp', '03', 3],
    ['MQTT', '04', 4],
    ['MQTT', '05', 5],
  ] as const) {
    const size = `00${name.length.toString(16).padStart(2, '0')}`;
    const wire = bytesOf(`10 ffff03 ${size} '${name}' ${level} 02 003c 0001 'c'`);
    const deframer = new Deframer({ sender: 'client', packetSizeMaxBytes: 65_535 });
    assert.deepEqual(deframe(deframer, wire), [faults.PacketTooLarge]);
    assert.equal(peekProtocolVersion(deframer), version);
    assert.ok(deframer.bytes.length <= 9 && deframer.heldBytes === 0);
    const early = new Deframer({ sender: 'client', packetSizeMaxBytes: 65_535 });
    assert.deepEqual(deframe(early, wire.subarray(0, 6)), [faults.PacketTooLarge]);
    assert.equal(peekProtocolVersion(early), undefined);
  }
});

test('a stream cut anywhere gives the same packets', () => {
  const packets = [
    CONNECT,
    bytesOf("30 .. 0001 'a'"),
    bytesOf(`32 .. 0001 'a' 0001 '${'x'.repeat(300)}'`),
    bytesOf('c000'),
    bytesOf(`30 .. 0001 'a' '${'y'.repeat(20_000)}'`),
    bytesOf('4002 0001'),
    bytesOf('e000'),
  ];
  const expected = packets.map((packet) => packet.toString('hex'));
  const stream = Buffer.concat(packets);
  const cuts = fc.array(fc.integer({ min: 0, max: stream.length }), { maxLength: 12 });
  fc.assert(
    fc.property(cuts, fc.boolean(), (at, hold) => {
      const edges = [0, ...at.toSorted((a, b) => a - b), stream.length];
      const deframer = new Deframer({ sender: 'client' });
      const found: string[] = [];
      for (let i = 1; i < edges.length; i++) {
        // Borrowed: given back, spoilt, after each turn.
        const chunk = Buffer.from(stream.subarray(edges[i - 1], edges[i]));
        deframer.push(chunk);
        // A caller that has to wait stops after one packet and holds the rest.
        while (deframer.next() === FrameStatus.Frame) {
          found.push(Buffer.from(deframer.bytes.subarray(deframer.start, deframer.end)).toString('hex'));
          deframer.version = 4;
          if (hold) break;
        }
        deframer.hold();
        chunk.fill(0xff);
      }
      while (deframer.next() === FrameStatus.Frame) {
        found.push(Buffer.from(deframer.bytes.subarray(deframer.start, deframer.end)).toString('hex'));
      }
      assert.equal(deframer.fault, undefined);
      assert.deepEqual(found, expected);
      assert.equal(deframer.heldBytes, 0);
    }),
    { numRuns: 300 },
  );
});

test('a push before the chunk was read loses nothing', () => {
  const deframer = new Deframer({ sender: 'client', version: 4 });
  deframer.push(bytesOf('c000 30 03 0001'));
  deframer.push(bytesOf("'a' c000"));
  assert.equal(deframer.heldBytes, 6);
  assert.deepEqual(deframe(deframer, Buffer.alloc(0)), ['c000', '3003000161', 'c000']);
});

test('the first packet of a client is CONNECT [MQTT-3.1.0-1] [MQTT311-3.1.0-1], seen at its first byte', () => {
  for (let first = 0; first < 256; first++) {
    if (first === 0x10) continue;
    const [fault] = deframe(new Deframer({ sender: 'client' }), Uint8Array.of(first));
    const expected =
      first === 0x16 ? faults.LooksLikeTls : first >> 4 === 1 ? faults.FlagsReserved : faults.FirstPacketNotConnect;
    assert.equal(fault, expected, first.toString(16));
  }
});

test('a second CONNECT is seen at its first byte [MQTT-3.1.0-2] [MQTT311-3.1.0-2]', () => {
  const deframer = new Deframer({ sender: 'client' });
  assert.deepEqual(deframe(deframer, CONNECT, Uint8Array.of(0x10)), [CONNECT.toString('hex'), faults.SecondConnect]);
});

test('strangers at the door are named', () => {
  const cases: [bytes: Buffer, fault: Fault][] = [
    [Buffer.from('160301020001', 'hex'), faults.LooksLikeTls],
    [Buffer.from('GET / HTTP/1.1\r\n'), faults.LooksLikeHttp],
    [Buffer.from('POST /'), faults.LooksLikeHttp],
    [Buffer.from('OPTIONS *'), faults.LooksLikeHttp],
    [Buffer.from('CONNECT host:443'), faults.LooksLikeHttp],
    [Buffer.from('PROXY TCP4 192.0.2.1'), faults.LooksLikeProxyHeader],
    [Buffer.from('\r\n\r\n\0\r\nQUIT\n'), faults.LooksLikeProxyHeader],
    [Buffer.from('5002ffff', 'hex'), faults.FirstPacketNotConnect],
    [Buffer.from('{"json"'), faults.FirstPacketNotConnect],
  ];
  for (const [bytes, fault] of cases) {
    assert.deepEqual(deframe(new Deframer({ sender: 'client' }), bytes), [fault], bytes.toString());
  }
});

test('every type flows only where it may', () => {
  const clientOnly: number[] = [PacketType.Connect, PacketType.Subscribe, PacketType.Unsubscribe, PacketType.Pingreq];
  const serverOnly: number[] = [PacketType.Connack, PacketType.Suback, PacketType.Unsuback, PacketType.Pingresp];
  const withFlags: number[] = [PacketType.Pubrel, PacketType.Subscribe, PacketType.Unsubscribe];
  for (const version of [3, 4, 5] as const) {
    for (let type = 0; type < 16; type++) {
      const first = Buffer.of((type << 4) | (withFlags.includes(type) ? 2 : 0)).toString('hex');
      const isReserved = type === 0 || (type === PacketType.Auth && version < 5);
      const byClient = faultOf(first, 'client', version);
      const byServer = faultOf(first, 'server', version);
      if (isReserved) {
        assert.deepEqual([byClient, byServer], [faults.PacketTypeReserved, faults.PacketTypeReserved]);
        continue;
      }
      const clientExpected =
        type === PacketType.Connect
          ? faults.SecondConnect
          : serverOnly.includes(type)
            ? faults.PacketFromWrongSide
            : undefined;
      const isServerDisconnect = type === PacketType.Disconnect && version < 5;
      const serverExpected = clientOnly.includes(type) || isServerDisconnect ? faults.PacketFromWrongSide : undefined;
      assert.equal(byClient, clientExpected, `${version}: ${type} of a client`);
      assert.equal(byServer, serverExpected, `${version}: ${type} of a server`);
    }
  }
});

test('reserved flags have their value in every type [MQTT-2.1.3-1] [MQTT311-2.2.2-1] [MQTT311-2.2.2-2]', () => {
  for (const version of [4, 5] as const) {
    for (const [type, sender] of [
      [PacketType.Connack, 'server'],
      [PacketType.Puback, 'client'],
      [PacketType.Pubrec, 'client'],
      [PacketType.Pubrel, 'client'],
      [PacketType.Pubcomp, 'client'],
      [PacketType.Subscribe, 'client'],
      [PacketType.Suback, 'server'],
      [PacketType.Unsubscribe, 'client'],
      [PacketType.Unsuback, 'server'],
      [PacketType.Pingreq, 'client'],
      [PacketType.Pingresp, 'server'],
      [PacketType.Disconnect, 'client'],
      [PacketType.Auth, 'client'],
    ] as const) {
      if (type === PacketType.Auth && version < 5) continue;
      const right =
        type === PacketType.Pubrel || type === PacketType.Subscribe || type === PacketType.Unsubscribe ? 2 : 0;
      for (let flags = 0; flags < 16; flags++) {
        const fault = faultOf(Buffer.of((type << 4) | flags).toString('hex'), sender, version);
        assert.equal(fault === undefined, flags === right, `${version}: type ${type} with flags ${flags}`);
      }
    }
  }
});

test('a length of five bytes is refused at its fourth, in every type', () => {
  assert.equal(faultOf('30 ffffff80'), faults.RemainingLengthTooLong);
  assert.equal(faultOf('30 80808080'), faults.RemainingLengthTooLong);
  assert.equal(faultOf('30 ffffff7f'), undefined);
});

test('a length that could be shorter is refused [MQTT-1.5.5-1]', () => {
  for (const wire of ['30 8000', '30 ff00', '30 808000', '30 ffffff00']) {
    for (const version of [3, 4, 5] as const) {
      assert.equal(faultOf(wire, 'client', version), faults.VariableByteIntegerNotMinimal, wire);
    }
  }
});

test('a packet above the limit is refused at its header, before a byte of it is kept [MQTT-3.2.2-15]', () => {
  const make = (max: number) => new Deframer({ sender: 'client', version: 4, packetSizeMaxBytes: max });
  const packet = bytesOf(`30 .. 0001 'a' '${'x'.repeat(200)}'`);
  assert.deepEqual(deframe(make(packet.length), packet), [packet.toString('hex')], 'the limit itself is allowed');
  const deframer = make(packet.length - 1);
  assert.deepEqual(deframe(deframer, packet.subarray(0, 2)), [], 'the length is not known yet');
  assert.deepEqual(deframe(deframer, packet.subarray(2, 3)), [faults.PacketTooLarge]);
  assert.equal(deframer.heldBytes, 0);
});

test('the limit may change between packets', () => {
  const deframer = new Deframer({ sender: 'client', packetSizeMaxBytes: 64 });
  assert.deepEqual(deframe(deframer, CONNECT), [CONNECT.toString('hex')]);
  deframer.packetSizeMaxBytes = 10;
  assert.deepEqual(deframe(deframer, bytesOf("30 .. 0001 'a' '12345'")), [
    bytesOf("30 .. 0001 'a' '12345'").toString('hex'),
  ]);
  assert.deepEqual(deframe(deframer, bytesOf("30 .. 0001 'a' '123456'")), [faults.PacketTooLarge]);
});

test('lengths that a type cannot have are refused at the header', () => {
  const cases: [wire: string, version: ProtocolVersion, sender: Sender][] = [
    ['40 03', 4, 'client'],
    ['40 01', 5, 'client'],
    ['50 00', 5, 'client'],
    ['62 04', 4, 'client'],
    ['70 01', 5, 'client'],
    ['c0 01', 5, 'client'],
    ['e0 01', 4, 'client'],
    ['30 02', 5, 'client'],
    ['20 03', 4, 'server'],
    ['20 01', 5, 'server'],
    ['b0 03', 4, 'server'],
    ['d0 01', 4, 'server'],
  ];
  for (const [wire, version, sender] of cases) {
    assert.equal(faultOf(wire, sender, version), faults.LengthWrongForType, `${version}: ${wire}`);
  }
  const short = deframe(new Deframer({ sender: 'client' }), bytesOf('10 0b'));
  assert.deepEqual(short, [faults.LengthWrongForType], 'no CONNECT is that short');
});

test('a failed stream stays failed', () => {
  const deframer = new Deframer({ sender: 'client', version: 4 });
  assert.deepEqual(deframe(deframer, bytesOf('c0 01')), [faults.LengthWrongForType]);
  assert.deepEqual(deframe(deframer, bytesOf('c0 00')), [faults.LengthWrongForType]);
  deframer.hold();
  assert.equal(deframer.next(), FrameStatus.Fault);
  assert.equal(deframer.heldBytes, 0);
});

test('a packet before a bad one is still given out', () => {
  assert.deepEqual(deframe(new Deframer({ sender: 'client', version: 4 }), bytesOf('c000 00')), [
    'c000',
    faults.PacketTypeReserved,
  ]);
});

test('an announced length allocates nothing; what has come is held and told', (t) => {
  const allocate = t.mock.method(Buffer, 'allocUnsafeSlow');
  const deframer = new Deframer({ sender: 'client', version: 4 });
  assert.deepEqual(deframe(deframer, bytesOf('30 ffffff7f 0001')), []);
  assert.equal(deframer.heldBytes, 7);
  assert.ok(allocate.mock.calls.every((call) => call.arguments[0] === 256));
});

test('a packet that drips in costs memory in proportion to what has come', (t) => {
  const allocated = (size: number): number => {
    const allocate = t.mock.method(Buffer, 'allocUnsafeSlow');
    const deframer = new Deframer({ sender: 'client', version: 4 });
    deframe(deframer, bytesOf('30 ffffff7f'));
    for (let at = 0; at < size; at++) assert.deepEqual(deframe(deframer, Uint8Array.of(0x61)), []);
    const total = allocate.mock.calls.reduce((sum, call) => sum + Number(call.arguments[0]), 0);
    allocate.mock.restore();
    return total;
  };
  for (const size of [2000, 4000, 8000]) assert.ok(allocated(size) <= 256 + 4 * (size + 5), `${size}`);
});

test('once all is read, no chunk is kept alive', () => {
  const deframer = new Deframer({ sender: 'client', version: 4 });
  for (const chunk of [bytesOf('c000'), bytesOf('c000 30 05'), bytesOf("0001 'a' 0000"), bytesOf('c001')]) {
    deframe(deframer, chunk);
    assert.equal(deframer.bytes.length, 0);
    assert.deepEqual([deframer.start, deframer.bodyStart, deframer.end], [0, 0, 0]);
  }
  assert.equal(deframer.fault, faults.LengthWrongForType);
});

test('room for a partial packet is given back, and the next one needs no other', (t) => {
  const packet = bytesOf(`30 .. 0001 'a' '${'x'.repeat(5000)}'`);
  const receive = (): void => {
    const deframer = new Deframer({ sender: 'client', version: 4 });
    assert.equal(deframe(deframer, packet.subarray(0, 4000), packet.subarray(4000)).length, 1);
    deframe(deframer, bytesOf('c000'));
  };
  receive();
  const allocate = t.mock.method(Buffer, 'allocUnsafeSlow');
  for (let i = 0; i < 20; i++) receive();
  assert.equal(allocate.mock.callCount(), 0);
});
