import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EchoListener, HELLO } from '../../test/kit/listener-echo.ts';
import type { ProxyProtocolOptions } from './listener-options.ts';

const V1 = Buffer.from('PROXY TCP4 192.0.2.1 198.51.100.2 40000 8883\r\n');
const V2 = Buffer.from('0d0a0d0a000d0a515549540a2111000cc0000201c63364029c4022b3', 'hex');
const LOCAL = Buffer.from('0d0a0d0a000d0a515549540a20000000', 'hex');

async function open(t: { after(run: () => Promise<void>): void }, proxyProtocol: Partial<ProxyProtocolOptions> = {}) {
  const listener = await new EchoListener({
    proxyProtocol: { mode: 'any', trusted: ['127.0.0.1'], ...proxyProtocol },
  }).open();
  t.after(() => listener.listener.closeAll());
  return listener;
}

test('the client is who the trusted proxy says, at every split of the header', async (t) => {
  const listener = await open(t);
  for (const header of [V1, V2]) {
    const whole = Buffer.concat([header, HELLO]);
    for (let at = 1; at <= whole.length; at++) {
      const peer = listener.dial();
      peer.socket.setNoDelay(true);
      peer.write(whole.subarray(0, at));
      await new Promise((resolve) => setImmediate(resolve));
      if (at < whole.length) peer.write(whole.subarray(at));
      assert.deepEqual(await peer.read(2), HELLO);
      const { address, port } = listener.echoes.at(-1)!.downstream.facts;
      assert.deepEqual({ address, port }, { address: '192.0.2.1', port: 40000 }, `split at ${at}`);
      peer.socket.destroy();
    }
  }
});

test('a header that comes byte by byte is read', async (t) => {
  const listener = await open(t);
  const peer = listener.dial();
  peer.socket.setNoDelay(true);
  for (const byte of Buffer.concat([V2, HELLO])) {
    peer.write(Buffer.of(byte));
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.deepEqual(await peer.read(2), HELLO);
  assert.equal(listener.echoes[0]!.downstream.facts.address, '192.0.2.1');
});

test('a proxy that speaks for itself is its own client', async (t) => {
  const listener = await open(t);
  for (const header of [LOCAL, Buffer.from('PROXY UNKNOWN\r\n')]) {
    const peer = listener.dial();
    peer.write(Buffer.concat([header, HELLO]));
    assert.deepEqual(await peer.read(2), HELLO);
    assert.equal(listener.echoes.at(-1)!.downstream.facts.address, '127.0.0.1');
  }
});

test('an untrusted peer is refused, with a header or without', async (t) => {
  const listener = await open(t, { trusted: ['10.0.0.0/8'] });
  for (const bytes of [Buffer.concat([V1, HELLO]), HELLO]) {
    const peer = listener.dial();
    peer.write(bytes);
    await peer.closed;
    listener.clock.advance(1000);
  }
  const events = listener.named('connection.rejected');
  assert.equal(events.length, 2);
  for (const { by, says, address } of events) {
    assert.deepEqual(
      { by, says, address },
      { by: 'proxy-protocol', says: 'the connection does not come through a trusted proxy', address: '127.0.0.1' },
    );
  }
  assert.equal(listener.echoes.length, 0);
});

test('a trusted peer without a header, with a bad one or one of the other version is refused', async (t) => {
  const listener = await open(t, { mode: 'v2' });
  for (const [index, [bytes, says]] of (
    [
      [HELLO, /no PROXY header/],
      [V1, /other version than v2/],
      [Buffer.concat([V2.subarray(0, 12), Buffer.from([0x31]), V2.subarray(13)]), /unknown version or command/],
    ] as const
  ).entries()) {
    const peer = listener.dial();
    peer.write(bytes);
    await peer.closed;
    const event = await listener.event('connection.rejected', index);
    assert.equal(event.by, 'proxy-protocol');
    assert.match(event.says, says);
    listener.clock.advance(1000);
  }
});

test('half a header and then silence is cut at the deadline', async (t) => {
  const listener = await open(t);
  const peer = listener.dial();
  peer.write(V2.subarray(0, 20));
  while (listener.listener.connections === 0) await new Promise((resolve) => setImmediate(resolve));
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
  listener.clock.advance(10_000);
  await peer.closed;
  assert.equal(
    (await listener.event('connection.rejected')).says,
    'the deadline passed before its PROXY header was complete',
  );
});

test('what follows the header is looked at like any first bytes', async (t) => {
  const listener = await open(t);
  const peer = listener.dial();
  peer.write(Buffer.concat([V1, Buffer.from('GET / HTTP/1.1\r\n\r\n')]));
  await peer.closed;
  const { address, says } = await listener.event('connection.rejected');
  assert.equal(address, '192.0.2.1');
  assert.equal(says, 'an HTTP request, where plain MQTT is spoken');
});

test('trusted networks change for new connections', async (t) => {
  const listener = await open(t);
  listener.listener.update({ ...listener.options, proxyProtocol: { mode: 'any', trusted: ['192.0.2.0/24'] } });
  const peer = listener.dial();
  peer.write(V1);
  await peer.closed;
  assert.match((await listener.event('connection.rejected')).says, /trusted proxy/);
});
