import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { test } from 'node:test';
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from 'node:tls';
import { makeCa, makeCertificate, type TestCertificate } from '../../test/kit/certificates.ts';
import { EchoListener, HELLO } from '../../test/kit/listener-echo.ts';
import type { CertificateOptions, ListenerOptions, TlsOptions } from './listener-options.ts';

const DAY_MS = 86_400_000;

const ca = await makeCa('Server CA');
const clientCa = await makeCa('Client CA');
const otherCa = await makeCa('Other CA');
const server = await makeCertificate(ca, { commonName: 'localhost', use: 'server' });
const renewed = await makeCertificate(ca, { commonName: 'localhost', use: 'server' });
const client = await makeCertificate(clientCa, { commonName: 'sensor-7', use: 'client' });
const stranger = await makeCertificate(otherCa, { commonName: 'sensor-7', use: 'client' });

function shown(certificate: TestCertificate): CertificateOptions {
  const { certificatePem, keyPem } = certificate;
  return { certificatePem, keyPem, certificateFile: 'server.crt', keyFile: 'server.key' };
}

function showing(certificate: TestCertificate): ConnectionOptions {
  return { cert: certificate.certificatePem, key: certificate.keyPem };
}

async function open(
  t: { after(run: () => Promise<void>): void },
  tls: Partial<TlsOptions> = {},
  options: Partial<ListenerOptions> = {},
) {
  const echo = await new EchoListener({
    type: 'tls',
    tls: { certificates: [shown(server)], ...tls },
    ...options,
  }).open();
  t.after(() => echo.listener.closeAll());
  return echo;
}

function fingerprintSeen(peer: { socket: TLSSocket }): string {
  return peer.socket.getPeerX509Certificate()!.fingerprint256.replaceAll(':', '').toLowerCase();
}

test('a TLS client is served, with the strongest of what both have', async (t) => {
  const listener = await open(t);
  const peer = listener.dialTls({ ca: ca.certificatePem, rejectUnauthorized: true, ALPNProtocols: ['mqtt'] });
  peer.write(HELLO);
  assert.deepEqual(await peer.read(2), HELLO);
  assert.equal(peer.socket.getProtocol(), 'TLSv1.3');
  assert.equal(peer.socket.getCipher().name, 'TLS_AES_256_GCM_SHA384');
  assert.equal(peer.socket.alpnProtocol, 'mqtt');
  assert.equal((peer.socket.getEphemeralKeyInfo() as { name?: string }).name, 'X25519MLKEM768');
  const { facts } = (await listener.echo()).downstream;
  assert.equal(facts.secure, true);
  assert.equal(facts.address, '127.0.0.1');
  assert.ok(!('certificate' in facts));
});

test('much data goes both ways in order', async (t) => {
  const listener = await open(t);
  const peer = listener.dialTls();
  const sent = Buffer.alloc(3_000_000);
  for (let i = 0; i < sent.length; i += 4) sent.writeUInt32BE(i, i);
  sent[0] = 0x10;
  peer.write(sent);
  assert.ok((await peer.read(sent.length)).equals(sent));
  const echo = await listener.echo();
  await listener.until(() => echo.downstream.bufferedBytes() === 0 && echo.drains > 0);
});

test('an older client gets TLS 1.2 with forward secrecy, and its renegotiation is refused', async (t) => {
  const listener = await open(t);
  const peer = listener.dialTls({ maxVersion: 'TLSv1.2' });
  peer.write(HELLO);
  await peer.read(2);
  assert.equal(peer.socket.getProtocol(), 'TLSv1.2');
  assert.match(peer.socket.getCipher().name, /^ECDHE-ECDSA-(AES256-GCM|CHACHA20)/);
  const error = new Promise<NodeJS.ErrnoException>((resolve) => peer.socket.once('error', resolve));
  peer.socket.renegotiate({}, () => assert.fail('renegotiated'));
  assert.equal((await error).code, 'ERR_SSL_NO_RENEGOTIATION');
});

test('handshakes without common ground fail, and the event says which', async (t) => {
  const listener = await open(t);
  const cases: [ConnectionOptions, RegExp][] = [
    [{ maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES128-SHA256' }, /no cipher suite that this listener allows/],
    [{ maxVersion: 'TLSv1.2', ciphers: 'AES128-GCM-SHA256' }, /no cipher suite that this listener allows/],
    [
      { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'ALL:@SECLEVEL=0' },
      /only TLS versions that this listener refuses/,
    ],
    [{ ALPNProtocols: ['http/1.1'] }, /asks \(by ALPN\) for another protocol/],
    [{ ecdhCurve: 'P-521' }, /no key exchange that this listener allows/],
    [
      { ca: otherCa.certificatePem, rejectUnauthorized: true, maxVersion: 'TLSv1.2' },
      /^the client closed right after the TLS handshake; it may not trust/,
    ],
  ];
  for (const [index, [options, says]] of cases.entries()) {
    const peer = listener.dialTls(options);
    await peer.closed;
    const event = await listener.event('connection.rejected', index);
    assert.equal(event.by, 'tls');
    assert.equal(event.address, '127.0.0.1');
    assert.match(event.says, says);
    listener.clock.advance(1000);
  }
  assert.equal(listener.echoes.length, 0);
});

test('a ClientHello of many kilobytes is read whole', async (t) => {
  const listener = await open(t);
  const others = Array.from({ length: 300 }, (_, i) => `protocol-number-${i}`);
  const peer = listener.dialTls({ ALPNProtocols: [...others, 'mqtt'] });
  peer.write(HELLO);
  assert.deepEqual(await peer.read(2), HELLO);
  assert.equal(peer.socket.alpnProtocol, 'mqtt');
});

test('a client refused for its ALPN hears the alert', async (t) => {
  const listener = await open(t);
  const peer = listener.dialTls({ ALPNProtocols: ['h2'] });
  await peer.closed;
  assert.match(peer.errorCode, /NO_APPLICATION_PROTOCOL/);
});

test('the least version can be raised', async (t) => {
  const listener = await open(t, { versionMin: 'TLSv1.3' });
  const peer = listener.dialTls({ maxVersion: 'TLSv1.2' });
  await peer.closed;
  assert.match((await listener.event('connection.rejected')).says, /only TLS versions that this listener refuses/);
});

test('plaintext on the TLS port is closed by name', async (t) => {
  const listener = await open(t);
  const cases: [string, string][] = [
    ['\x10\x0c\0\x04MQTT\x04', 'an unencrypted MQTT CONNECT, where TLS is spoken'],
    ['GET / HTTP/1.1\r\n\r\n', 'an HTTP request, where TLS is spoken'],
    ['\0\0\0\0', 'no protocol known here, where TLS is spoken'],
  ];
  for (const [index, [start, says]] of cases.entries()) {
    const peer = listener.dial();
    peer.write(Buffer.from(start, 'latin1'));
    await peer.closed;
    const event = await listener.event('connection.rejected', index);
    assert.deepEqual([event.by, event.says], ['first-bytes', says]);
    listener.clock.advance(1000);
  }
});

test('HTTP inside TLS is closed by name', async (t) => {
  const listener = await open(t);
  const peer = listener.dialTls();
  peer.write('GET / HTTP/1.1\r\n\r\n');
  await peer.closed;
  assert.equal((await listener.event('connection.rejected')).says, 'an HTTP request, where MQTT over TLS is spoken');
});

test('a broken ClientHello is closed with a reason', async (t) => {
  const listener = await open(t);
  const peer = listener.dial();
  peer.write(Buffer.concat([Buffer.from([0x16, 0x03, 0x01, 0x00, 0x20]), Buffer.alloc(32, 0xee)]));
  await peer.closed;
  const event = await listener.event('connection.rejected');
  assert.equal(event.by, 'tls');
  assert.match(event.says, /^the TLS handshake failed \(.+\)$/);
});

test('a stalled handshake is cut at the deadline, wherever it stalls', async (t) => {
  const listener = await open(t, {}, { handshakeTimeoutMs: 3000 });
  const half = listener.dial();
  half.write(Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01]));
  const quiet = listener.dialTls();
  await quiet.secured;
  while (listener.listener.connections < 2) await new Promise((resolve) => setImmediate(resolve));
  // Let the listener read what has been sent.
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
  listener.clock.advance(3000);
  await Promise.all([half.closed, quiet.closed]);
  listener.clock.advance(1000);
  const events = listener.named('connection.rejected');
  assert.ok(events.every((event) => event.by === 'limit:handshakeTimeout'));
  assert.equal(events[0]!.says, 'the deadline passed before the TLS handshake was complete');
  assert.equal(events[1]!.says, 'the deadline passed before its first byte');
  assert.equal(listener.listener.connections, 0);
});

test('a client that leaves amid its handshake is told of and leaves nothing', async (t) => {
  const listener = await open(t);
  const timers = listener.clock.pendingCount;
  const peer = listener.dial();
  peer.socket.end(Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01]));
  await peer.closed;
  assert.match(
    (await listener.event('connection.rejected')).says,
    /closed (in the middle of|before) the TLS handshake/,
  );
  listener.clock.advance(1000);
  assert.equal(listener.clock.pendingCount, timers);
});

test('each name gets its certificate, and an unknown one the first', async (t) => {
  const exact = await makeCertificate(ca, { commonName: 'a', use: 'server', hosts: ['mqtt.example.org'] });
  const wild = await makeCertificate(ca, { commonName: 'b', use: 'server', hosts: ['*.example.org'] });
  const listener = await open(t, { certificates: [shown(server), shown(wild), shown(exact)] });
  const cases: [string, TestCertificate][] = [
    ['mqtt.example.org', exact],
    ['MQTT.Example.ORG', exact],
    ['other.example.org', wild],
    ['deep.other.example.org', server],
    ['example.org', server],
    ['localhost', server],
    ['', server],
  ];
  for (const [servername, expected] of cases) {
    const peer = listener.dialTls({ servername });
    peer.write(HELLO);
    await peer.read(2);
    assert.equal(fingerprintSeen(peer), expected.fingerprint, servername);
  }
});

async function sessionOf(listener: EchoListener, options: ConnectionOptions = {}): Promise<Buffer> {
  const peer = listener.dialTls(options);
  const session = new Promise<Buffer>((resolve) => peer.socket.on('session', resolve));
  peer.write(HELLO);
  await peer.read(2);
  const ticket = await session;
  peer.socket.destroy();
  return ticket;
}

async function resumes(listener: EchoListener, session: Buffer, options: ConnectionOptions = {}): Promise<boolean> {
  const peer = listener.dialTls({ ...options, session });
  peer.write(HELLO);
  await peer.read(2);
  const reused = peer.socket.isSessionReused();
  peer.socket.destroy();
  return reused;
}

test('a session is resumed, also under another name and after a renewed certificate', async (t) => {
  const listener = await open(t);
  for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
    const session = await sessionOf(listener, { maxVersion, servername: 'localhost' });
    assert.equal(await resumes(listener, session, { maxVersion, servername: 'localhost' }), true, maxVersion);
    listener.listener.update({ ...listener.options, tls: { certificates: [shown(renewed)] } });
    assert.equal(await resumes(listener, session, { maxVersion, servername: 'localhost' }), true, maxVersion);
  }
});

test('a rotated ticket key makes old sessions begin anew', async (t) => {
  const listener = await open(t, { ticketRotationMs: 3_600_000 });
  const session = await sessionOf(listener);
  assert.equal(await resumes(listener, session), true);
  listener.clock.advance(3_600_000);
  assert.equal(await resumes(listener, session), false);
  assert.equal(await resumes(listener, await sessionOf(listener)), true);
});

test('a required client certificate names its client', async (t) => {
  const listener = await open(t, { clientCertificate: 'require', clientCaPem: clientCa.certificatePem });
  const peer = listener.dialTls(showing(client));
  peer.write(HELLO);
  await peer.read(2);
  const { facts } = (await listener.echo()).downstream;
  assert.equal(facts.certificate?.commonName, 'sensor-7');
  assert.equal(facts.certificate?.fingerprint, client.fingerprint);
});

test('a session resumed with a client certificate still names its client', async (t) => {
  const listener = await open(t, { clientCertificate: 'require', clientCaPem: clientCa.certificatePem });
  for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
    const session = await sessionOf(listener, { ...showing(client), maxVersion });
    assert.equal(await resumes(listener, session, { ...showing(client), maxVersion }), true);
    assert.equal(listener.echoes.at(-1)!.downstream.facts.certificate?.fingerprint, client.fingerprint);
  }
});

test('client certificates that do not pass are refused, and the event says why', async (t) => {
  const expired = await makeCertificate(clientCa, {
    commonName: 'old',
    use: 'client',
    notBefore: new Date(Date.now() - 3 * DAY_MS),
    notAfter: new Date(Date.now() - DAY_MS),
  });
  const cases: [string, ConnectionOptions, RegExp][] = [
    ['require', {}, /shows no certificate/],
    ['require', showing(stranger), /unknown authority/],
    ['require', showing(expired), /has expired/],
    ['require', showing(server), /unknown authority/],
    ['request', showing(stranger), /unknown authority/],
    ['request', showing(expired), /has expired/],
  ];
  for (const [clientCertificate, options, says] of cases) {
    for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
      const listener = await open(t, {
        clientCertificate: clientCertificate as 'require',
        clientCaPem: clientCa.certificatePem,
      });
      const peer = listener.dialTls({ ...options, maxVersion });
      peer.write(HELLO);
      await peer.closed;
      const event = await listener.event('connection.rejected');
      assert.equal(event.by, 'tls');
      assert.match(event.says, says);
      assert.equal(listener.echoes.length, 0);
    }
  }
});

test('a certificate that is not made for clients is refused', async (t) => {
  const wrongUse = await makeCertificate(clientCa, { commonName: 'x', use: 'server' });
  const listener = await open(t, { clientCertificate: 'require', clientCaPem: clientCa.certificatePem });
  await listener.dialTls(showing(wrongUse)).closed;
  assert.match((await listener.event('connection.rejected')).says, /not made for clients/);
});

test('where a certificate is only asked for, a client without one is served', async (t) => {
  const listener = await open(t, { clientCertificate: 'request', clientCaPem: clientCa.certificatePem });
  const peer = listener.dialTls();
  peer.write(HELLO);
  await peer.read(2);
  assert.equal((await listener.echo()).downstream.facts.certificate, undefined);
});

test('another client CA ends the trust in the old one, for resumed sessions too', async (t) => {
  const tls: TlsOptions = {
    certificates: [shown(server)],
    clientCertificate: 'require',
    clientCaPem: clientCa.certificatePem,
  };
  const listener = await open(t, tls);
  const session = await sessionOf(listener, showing(client));
  listener.listener.update({ ...listener.options, tls: { ...tls, clientCaPem: otherCa.certificatePem } });
  await listener.dialTls({ ...showing(client), session }).closed;
  assert.match((await listener.event('connection.rejected')).says, /unknown authority/);
  const peer = listener.dialTls(showing(stranger));
  peer.write(HELLO);
  await peer.read(2);
});

test('a demand for client certificates that an update brings holds from the next connection on', async (t) => {
  const listener = await open(t);
  const old = listener.dialTls();
  old.write(HELLO);
  await old.read(2);
  listener.listener.update({
    ...listener.options,
    tls: { certificates: [shown(server)], clientCertificate: 'require', clientCaPem: clientCa.certificatePem },
  });
  await listener.dialTls().closed;
  assert.match((await listener.event('connection.rejected')).says, /shows no certificate/);
  old.write(HELLO);
  await old.read(4);
});

test('a new certificate is shown to new connections, while old ones go on', async (t) => {
  const listener = await open(t, {
    certificates: [
      shown(server),
      shown(await makeCertificate(ca, { commonName: 'a', use: 'server', hosts: ['a.test'] })),
    ],
  });
  const old = listener.dialTls({ servername: 'a.test' });
  old.write(HELLO);
  await old.read(2);
  const renewedA = await makeCertificate(ca, { commonName: 'a', use: 'server', hosts: ['a.test'] });
  listener.listener.update({ ...listener.options, tls: { certificates: [shown(renewed), shown(renewedA)] } });
  for (const [servername, expected] of [
    ['', renewed],
    ['a.test', renewedA],
  ] as const) {
    const peer = listener.dialTls({ servername });
    peer.write(HELLO);
    await peer.read(2);
    assert.equal(fingerprintSeen(peer), expected.fingerprint);
  }
  old.write(HELLO);
  await old.read(4);
  assert.deepEqual(
    listener
      .named('certificate.loaded')
      .slice(2)
      .map((event) => event.fingerprint),
    [renewed.fingerprint, renewedA.fingerprint],
  );
});

test('a bad update changes nothing', async (t) => {
  const listener = await open(t);
  assert.throws(() =>
    listener.listener.update({
      ...listener.options,
      connectionsMax: 1,
      tls: { certificates: [shown(renewed), { ...shown(server), keyPem: renewed.keyPem }] },
    }),
  );
  for (let i = 0; i < 2; i++) {
    const peer = listener.dialTls();
    peer.write(HELLO);
    await peer.read(2);
    assert.equal(fingerprintSeen(peer), server.fingerprint);
  }
  assert.equal(listener.listener.options, listener.options);
});

test('certificates are told of when they are loaded, and daily when they are about to expire', async (t) => {
  const short = await makeCertificate(ca, {
    commonName: 'short.test',
    use: 'server',
    notAfter: new Date(Date.now() + 31.5 * DAY_MS),
  });
  const listener = await open(t, { certificates: [shown(short)] });
  const [loaded] = listener.named('certificate.loaded');
  assert.equal(loaded!.subject, 'short.test');
  assert.equal(loaded!.fingerprint, short.fingerprint);
  listener.clock.advance(DAY_MS);
  assert.deepEqual(listener.named('certificate.expiring'), []);
  listener.clock.advance(2 * DAY_MS);
  assert.deepEqual(
    listener.named('certificate.expiring').map((event) => event.daysLeft),
    [29, 28],
  );
});

test('a PROXY header may stand before the TLS handshake', async (t) => {
  const listener = await open(t, {}, { proxyProtocol: { mode: 'any', trusted: ['127.0.0.0/8'] } });
  for (const split of [true, false]) {
    const raw = connect({ port: listener.listener.port, host: '127.0.0.1' });
    const header = Buffer.from('PROXY TCP6 2001:db8::7 2001:db8::1 4242 8883\r\n');
    if (split) for (const byte of header) raw.write(Buffer.of(byte));
    else raw.write(header);
    const socket = connectTls({ socket: raw, rejectUnauthorized: false });
    socket.write(HELLO);
    await new Promise((resolve) => socket.once('data', resolve));
    const { facts } = listener.echoes.at(-1)!.downstream;
    assert.equal(facts.address, '2001:db8::7');
    assert.equal(facts.port, 4242);
    socket.destroy();
  }
});
