import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Protocol, protocolOf } from './first-bytes.ts';

test('the first bytes name their protocol', () => {
  const cases: [string, Protocol][] = [
    ['\x10\x0c\0\x04MQTT', 'mqtt'],
    ['\x10', 'mqtt'],
    ['\x16\x03\x01\x02\x00', 'tls'],
    ['\x16', 'tls'],
    ['\x16\x04', 'unknown'],
    ['GET / HTTP/1.1\r\n', 'http'],
    ['POST /x', 'http'],
    ['PRI * HTTP/2.0\r\n', 'http'],
    ['PU', 'http'],
    ['SSH-2.0-x\r\n', 'ssh'],
    ['PROXY TCP4 ', 'proxy'],
    ['\r\n\r\n\0\r\nQUIT\n\x21', 'proxy'],
    ['GETTING', 'unknown'],
    ['G', 'unknown'],
    ['P', 'unknown'],
    ['\x82\x05', 'unknown'],
    ['', 'unknown'],
  ];
  for (const [start, expected] of cases) {
    assert.equal(protocolOf(Buffer.from(start, 'latin1')), expected, JSON.stringify(start));
  }
});
