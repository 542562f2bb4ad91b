import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { makeCa, makeCertificate } from '../../test/kit/certificates.ts';
import { EchoListener, HELLO } from '../../test/kit/listener-echo.ts';
import type { Downstream } from '../pipeline/downstream.ts';

/** More than the kernel's buffers of both sides hold. */
const LOT_BYTES = 32 * 1024 * 1024;

const ca = await makeCa('Taken CA');
const server = await makeCertificate(ca, { commonName: 'localhost', use: 'server' });
const certificates = [{ ...server, certificateFile: 'server.crt', keyFile: 'server.key' }];

/** What the kernel has taken when it has stopped to take more. */
async function standstill(downstream: Downstream): Promise<number> {
  let taken = downstream.takenBytes();
  for (let same = 0; same < 4; ) {
    await sleep(25);
    const now = downstream.takenBytes();
    same = now === taken ? same + 1 : 0;
    taken = now;
  }
  assert.ok(taken !== undefined);
  return taken;
}

for (const type of ['tcp', 'tls', 'ws', 'wss'] as const) {
  test(`over ${type} it is seen whether a peer reads nothing or a little`, async (t) => {
    const listener = await new EchoListener({ type, tls: { certificates } }).open();
    t.after(() => listener.listener.closeAll());
    const { port } = listener.listener;
    let pause: () => void;
    let resume: () => void;
    if (type === 'ws' || type === 'wss') {
      const socket = new WebSocket(`${type}://127.0.0.1:${port}/mqtt`, ['mqtt'], { ca: ca.certificatePem });
      await once(socket, 'open');
      t.after(() => socket.terminate());
      socket.send(HELLO);
      await once(socket, 'message');
      [pause, resume] = [() => socket.pause(), () => socket.resume()];
    } else {
      const peer = type === 'tcp' ? listener.dial() : listener.dialTls();
      t.after(() => peer.socket.destroy());
      peer.write(HELLO);
      await peer.read(HELLO.length);
      [pause, resume] = [() => peer.socket.pause(), () => peer.socket.resume()];
    }
    const echo = await listener.echo();
    const { downstream } = echo;
    pause();
    echo.send(Buffer.alloc(LOT_BYTES));
    await listener.until(() => echo.blocks > 0);
    const before = await standstill(downstream);
    assert.ok(before < LOT_BYTES, `${before} of ${LOT_BYTES} bytes were taken while nobody read`);
    resume();
    await listener.until(() => downstream.bufferedBytes() === 0);
    assert.ok(downstream.takenBytes()! >= LOT_BYTES);
  });
}
