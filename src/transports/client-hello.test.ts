import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { test } from 'node:test';
import { type ConnectionOptions, connect } from 'node:tls';
import { makeCa, makeCertificate } from '../../test/kit/certificates.ts';
import { EchoListener, HELLO } from '../../test/kit/listener-echo.ts';
import { resumesSession } from './client-hello.ts';

const ca = await makeCa('Hello CA');
const server = await makeCertificate(ca, { commonName: 'localhost', use: 'server' });

/** What a client says first. */
async function helloOf(options: ConnectionOptions): Promise<Buffer> {
  const listening = createServer().listen(0, '127.0.0.1');
  await once(listening, 'listening');
  const { port } = listening.address() as AddressInfo;
  const client = connect({ host: '127.0.0.1', port, rejectUnauthorized: false, ...options }).on('error', () => {});
  const [socket] = await once(listening, 'connection');
  const [hello] = await once(socket, 'data');
  client.destroy();
  socket.destroy();
  listening.close();
  return hello;
}

for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
  test(`a ${version} client that resumes a session says so, and a new one does not`, async (t) => {
    const certificates = [{ ...server, certificateFile: 'server.crt', keyFile: 'server.key' }];
    const listener = await new EchoListener({ type: 'tls', tls: { certificates } }).open();
    t.after(() => listener.listener.closeAll());
    const options = { minVersion: version, maxVersion: version };
    const peer = listener.dialTls(options);
    const ticket = once(peer.socket, 'session');
    peer.write(HELLO);
    await peer.read(HELLO.length);
    const [session] = await ticket;
    peer.socket.destroy();
    const resuming = await helloOf({ ...options, session });
    assert.equal(resumesSession(resuming), true);
    assert.equal(resumesSession(await helloOf(options)), false);
    for (let size = 0; size < resuming.length; size++) {
      assert.equal(resumesSession(resuming.subarray(0, size)), false, `of the first ${size} bytes`);
    }
  });
}

test('what is no ClientHello resumes nothing', () => {
  for (const bytes of [Buffer.alloc(0), Buffer.alloc(100, 0xff), Buffer.from([0x16, 3, 1, 0, 0, 1])]) {
    assert.equal(resumesSession(bytes), false);
  }
});
