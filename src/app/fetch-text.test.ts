import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { makeCa, makeCertificate } from '../../test/kit/certificates.ts';
import { systemClock } from '../base/clock.ts';
import { ManualClock } from '../base/manual-clock.ts';
import { fetchText } from './fetch-text.ts';

const ca = await makeCa();
const certificate = await makeCertificate(ca, { commonName: 'localhost', use: 'server' });

describe('a fetch', () => {
  let server: Server;
  let origin: string;

  before(async () => {
    server = createServer({ cert: certificate.certificatePem, key: certificate.keyPem }, (asked, answer) => {
      if (asked.url === '/keys') answer.end('{"keys":[]}');
      else if (asked.url === '/elsewhere') answer.writeHead(302, { location: '/keys' }).end();
      else if (asked.url === '/large') answer.end('x'.repeat(2000));
      else if (asked.url === '/endless') answer.write('{');
      else if (asked.url === '/broken') {
        answer.writeHead(200, { 'content-length': '100' });
        answer.write('{');
        answer.destroy();
      } else answer.writeHead(500).end();
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    origin = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });

  after(() => {
    server.close();
    server.closeAllConnections();
  });

  const fetch = (path: string, changes: Partial<Parameters<typeof fetchText>[0]> = {}): Promise<string> =>
    fetchText({
      url: `${origin}${path}`,
      ca: ca.certificatePem,
      timeoutMs: 10_000,
      sizeMaxBytes: 1000,
      clock: systemClock,
      ...changes,
    });

  it('gives the text of a server that a CA of one’s choice vouches for, and of no other', async () => {
    assert.equal(await fetch('/keys'), '{"keys":[]}');
    const other = await makeCa('Another');
    await assert.rejects(fetch('/keys', { ca: other.certificatePem }));
    await assert.rejects(fetch('/keys', { ca: undefined }));
    await assert.rejects(fetch('', { url: origin.replace('127.0.0.1', '127.0.0.2') }));
  });

  it('follows no redirect, and takes no error for an answer', async () => {
    await assert.rejects(fetch('/elsewhere'), /status 302/);
    await assert.rejects(fetch('/missing'), /status 500/);
  });

  it('has a bound of size and of time, and no half of an answer is one', async () => {
    await assert.rejects(fetch('/large'), /larger than 1000 bytes/);
    await assert.rejects(fetch('/broken'));
    const clock = new ManualClock();
    const late = assert.rejects(fetch('/endless', { clock }), /within 10000 ms/);
    clock.advance(10_000);
    await late;
    assert.equal(clock.pendingCount, 0);
  });
});
