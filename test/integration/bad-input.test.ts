import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import type { Duplex } from 'node:stream';
import { after, before, describe, it } from 'node:test';
import tls from 'node:tls';
import WebSocket from 'ws';
import { eventsLike, untilEvent } from '../kit/event-log.ts';
import { eventually } from '../kit/eventually.ts';
import { MqttJsClient } from '../kit/mqttjs.ts';
import { HOST } from '../kit/process.ts';
import {
  PASSWORD,
  type SecuredGateway,
  startSecuredGateway,
  type TransportName,
  USERNAME,
} from '../kit/secured-gateway.ts';
import { SteadyLoad } from '../kit/steady-load.ts';

const HTTP = 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n';
const UPGRADE = 'GET /mqtt HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n';
const KEY = 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n';
/** A whole CONNECT of MQTT 3.1.1: client `a`, keep-alive 60 s. */
const CONNECT = Buffer.from('100d00044d5154540402003c000161', 'hex');
const NOISE = Buffer.from('00ffdeadbeef0badcafe', 'hex');

/** The first bytes that a TLS client of this machine says. */
async function clientHello(): Promise<Buffer> {
  const server = net.createServer().listen(0, HOST);
  await once(server, 'listening');
  const client = tls
    .connect({ host: HOST, port: (server.address() as net.AddressInfo).port })
    .on('error', () => undefined);
  const [socket] = (await once(server, 'connection')) as [net.Socket];
  const [hello] = (await once(socket, 'data')) as [Buffer];
  client.destroy();
  socket.destroy();
  server.close();
  return hello;
}
const HELLO = await clientHello();

interface Case {
  readonly name: string;
  readonly on: TransportName;
  /** What is said; then nothing more. */
  readonly says: string | Buffer;
  /** Said inside TLS, after the handshake. */
  readonly secured?: true;
  readonly event: string;
  readonly like: Readonly<Record<string, unknown>>;
}

/** As the configuration names it. */
const HANDSHAKE_TIMEOUT = /^limit:handshakeTimeout/;

const rejected = (by: string | RegExp, says: RegExp) => ({ event: 'connection.rejected', like: { by, says } });
const unheard = (protocol: string, spoken: string) =>
  rejected('first-bytes', new RegExp(`^${protocol}, where ${spoken} is spoken$`));
const tooLate = (awaited: string) => rejected(HANDSHAKE_TIMEOUT, new RegExp(`^the deadline passed before ${awaited}$`));
const faulted = (fault: RegExp) => ({ event: 'packet.faulted', like: { fault, clause: /^MQTT/, sender: 'client' } });
const noConnect = { event: 'connect.refused', like: { by: 'limit:connectTimeout', says: /no whole CONNECT/ } };

const CASES: readonly Case[] = [
  { name: 'noise on the plain port', on: 'tcp', says: NOISE, ...faulted(/./) },
  { name: 'HTTP on the plain port', on: 'tcp', says: HTTP, ...unheard('an HTTP request', 'plain MQTT') },
  { name: 'a TLS handshake on the plain port', on: 'tcp', says: HELLO, ...unheard('a TLS handshake', 'plain MQTT') },
  { name: 'SSH on the plain port', on: 'tcp', says: 'SSH-2.0-x\r\n', ...unheard('an SSH greeting', 'plain MQTT') },
  {
    name: 'a PROXY header that nobody asked for',
    on: 'tcp',
    says: 'PROXY TCP4 1.1.1.1 2.2.2.2 1 2\r\n',
    ...unheard('a PROXY protocol header', 'plain MQTT'),
  },
  { name: 'a PINGREQ before any CONNECT', on: 'tcp', says: Buffer.from('c000', 'hex'), ...faulted(/./) },
  { name: 'a CONNECT of 256 MiB', on: 'tcp', says: Buffer.from('10ffffff7f', 'hex'), ...faulted(/too_large/) },
  { name: 'half a CONNECT, then silence', on: 'tcp', says: CONNECT.subarray(0, 7), ...noConnect },
  { name: 'a connection that says nothing', on: 'tcp', says: '', ...tooLate('its first byte') },
  {
    name: 'plaintext MQTT on the TLS port',
    on: 'tls',
    says: CONNECT,
    ...unheard('an unencrypted MQTT CONNECT', 'TLS'),
  },
  { name: 'HTTP on the TLS port', on: 'tls', says: HTTP, ...unheard('an HTTP request', 'TLS') },
  { name: 'noise on the TLS port', on: 'tls', says: NOISE, ...unheard('no protocol known here', 'TLS') },
  {
    name: 'half a TLS handshake, then silence',
    on: 'tls',
    says: HELLO.subarray(0, 90),
    ...tooLate('the TLS handshake was complete'),
  },
  {
    name: 'a TLS record full of noise',
    on: 'tls',
    says: Buffer.concat([HELLO.subarray(0, 5), NOISE, Buffer.alloc(2000, 1)]),
    ...rejected('tls', /TLS/),
  },
  { name: 'silence after the TLS handshake', on: 'tls', says: '', secured: true, ...tooLate('its first byte') },
  { name: 'HTTP inside TLS', on: 'tls', says: HTTP, secured: true, ...unheard('an HTTP request', 'MQTT over TLS') },
  { name: 'noise inside TLS', on: 'tls', says: NOISE, secured: true, ...faulted(/./) },
  { name: 'half a CONNECT inside TLS', on: 'tls', says: CONNECT.subarray(0, 7), secured: true, ...noConnect },
  {
    name: 'plaintext on the mutual TLS port',
    on: 'mtls',
    says: CONNECT,
    ...unheard('an unencrypted MQTT CONNECT', 'TLS'),
  },
  { name: 'plaintext HTTP on the secure WebSocket port', on: 'wss', says: HTTP, ...unheard('an HTTP request', 'TLS') },
  {
    name: 'MQTT on the WebSocket port',
    on: 'ws',
    says: CONNECT,
    ...unheard('an unencrypted MQTT CONNECT', 'WebSocket'),
  },
  { name: 'TLS on the WebSocket port', on: 'ws', says: HELLO, ...unheard('a TLS handshake', 'WebSocket') },
  { name: 'half an upgrade, then silence', on: 'ws', says: UPGRADE, ...tooLate('the WebSocket upgrade was complete') },
  { name: 'a page request on the WebSocket port', on: 'ws', says: HTTP, ...rejected('websocket', /./) },
  {
    name: 'an upgrade without the subprotocol',
    on: 'ws',
    says: `${UPGRADE}${KEY}\r\n`,
    ...rejected('websocket', /subprotocol|mqtt/),
  },
];

describe('bad input', () => {
  let secured: SecuredGateway;
  let load: SteadyLoad;
  let witness: MqttJsClient;
  /** Rejections are told once a second for each address; loopback has enough of those for every test. */
  let lastAddress = 0;
  const nextAddress = (): string => `127.0.1.${++lastAddress}`;

  before(async () => {
    secured = await startSecuredGateway({
      // Those who are in order connect in that time too, on a busy machine.
      listener: { handshakeTimeout: '4s', connectionsMax: 400 },
      // What is tested here lies behind the ceiling on half-open connections.
      config: { limits: { connectTimeout: '4s' }, overload: { halfOpenPerAddressMax: 1000 } },
    });
    witness = await MqttJsClient.connect(secured.login('tls'));
    await witness.subscribe(`devices/${USERNAME}/load/#`, { qos: 1 });
    load = await SteadyLoad.start({
      publishers: { tcp: secured.login('tcp'), wss: { ...secured.login('wss'), version: 4 } },
      topic: `devices/${USERNAME}/load`,
      windowMax: 1,
    });
  });
  after(async () => {
    load?.kill();
    witness?.client.end(true);
    await secured?.stop();
  });

  async function open(on: TransportName, localAddress: string, inTls = false): Promise<Duplex> {
    const port = secured.gateway.ports.get(on)!;
    const socket = net.connect({ host: HOST, port, localAddress });
    if (!inTls) {
      await once(socket, 'connect');
      return socket;
    }
    const inside = tls.connect({ socket, ca: secured.ca.certificatePem, servername: 'localhost' });
    await once(inside, 'secureConnect');
    return inside;
  }

  describe('from many at once', { concurrency: 6 }, () => {
    for (const { name, on, says, secured: inTls, event, like } of CASES) {
      it(`${name}: the connection is closed, and an event says why`, async (t) => {
        const address = nextAddress();
        const stream = await open(on, address, inTls);
        t.after(() => stream.destroy());
        const closed = new Promise<void>((resolve) =>
          stream.on('error', () => undefined).once('close', () => resolve()),
        );
        stream.resume();
        if (says.length > 0) stream.write(says);
        const logged = await untilEvent(secured.gateway.program, event, { ...like, address, listener: on });
        assert.equal(logged.level, 'warn');
        await closed;
      });
    }

    it('a CONNECT that comes byte by byte has no more time than any other', async (t) => {
      const address = nextAddress();
      const stream = await open('tcp', address);
      const closed = new Promise<void>((resolve) => stream.on('error', () => undefined).once('close', () => resolve()));
      stream.resume();
      // Announces more than will ever come.
      stream.write(Buffer.from('107f00044d515454', 'hex'));
      const drip = setInterval(() => stream.write(Buffer.from([4])), 50);
      t.after(() => clearInterval(drip));
      await untilEvent(secured.gateway.program, 'connect.refused', { by: 'limit:connectTimeout', address });
      await closed;
    });

    it('a client that turns bad is told the reason, as far as its version has words for it', async (t) => {
      for (const version of [4, 5] as const) {
        const login = secured.login('tls');
        const clientId = `turncoat-${version}`;
        const client = await MqttJsClient.connect({ ...login, version, options: { ...login.options, clientId } });
        t.after(() => client.client.end(true));
        // SUBSCRIBE with reserved flags that are wrong.
        client.client.stream.write(Buffer.from('8000', 'hex'));
        await client.closed();
        assert.deepEqual(client.disconnectReasons, version === 5 ? [0x81] : []);
        const logged = await untilEvent(secured.gateway.program, 'packet.faulted', { clientId, username: USERNAME });
        assert.match(String(logged['clause']), /^MQTT/);
      }
    });

    it('a text message on a WebSocket ends the connection, and an event says so', async (t) => {
      const address = nextAddress();
      const url = `ws://${HOST}:${secured.gateway.ports.get('ws')}/mqtt`;
      const socket = new WebSocket(url, 'mqtt', { localAddress: address });
      t.after(() => socket.terminate());
      await once(socket, 'open');
      socket.send('text');
      await once(socket, 'close');
      await untilEvent(secured.gateway.program, 'connection.closed', { address, says: /text frame/ });
    });

    it('of a flood of connections that say nothing, each is closed and counted', async (t) => {
      const address = nextAddress();
      const flood = await Promise.all(Array.from({ length: 300 }, () => open('tls', address)));
      t.after(() => flood.forEach((stream) => void stream.destroy()));
      await Promise.all(
        flood.map(
          (stream) =>
            new Promise<void>((resolve) =>
              stream
                .resume()
                .on('error', () => undefined)
                .once('close', () => resolve()),
            ),
        ),
      );
      const counted = (): number =>
        eventsLike(secured.gateway.program, 'connection.rejected', { address, by: HANDSHAKE_TIMEOUT })
          .map(({ says }) => Number(/the last of (\d+) within a second/.exec(String(says))?.[1] ?? 1))
          .reduce((sum, count) => sum + count, 0);
      await eventually('all are counted', () => counted() >= flood.length);
      assert.equal(counted(), flood.length);
    });

    it('beyond its ceiling a listener takes no connections, and takes some again when others have gone', async (t) => {
      const address = nextAddress();
      const port = secured.gateway.ports.get('ws')!;
      const sockets = Array.from({ length: 450 }, () =>
        net.connect({ host: HOST, port, localAddress: address }).on('error', () => undefined),
      );
      t.after(() => sockets.forEach((socket) => void socket.destroy()));
      await untilEvent(secured.gateway.program, 'connection.rejected', { by: 'limit:connectionsMax', listener: 'ws' });
      for (const socket of sockets) socket.destroy();
      await eventually('there is room again', async () => {
        const client = await MqttJsClient.connect(secured.login('ws')).catch(() => undefined);
        await client?.end();
        return client !== undefined;
      });
    });

    it('wrong passwords in a row cost the others nothing', async () => {
      const login = secured.login('tls');
      for (let attempt = 0; attempt < 20; attempt++) {
        const options = { username: USERNAME, password: `${PASSWORD}${attempt}` };
        await assert.rejects(MqttJsClient.connect({ ...login, options }), { code: 0x86 });
      }
      await untilEvent(secured.gateway.program, 'authentication.failed', { username: USERNAME }, 19);
    });
  });

  it('costs well-behaved clients nothing: no connection, and no message', async () => {
    await load.more(50);
    await load.stop();
    assert.deepEqual(load.failures, []);
    assert.equal(load.connectionsLost, 0);
    assert.deepEqual(witness.disconnectReasons, []);
    await load.arrived(witness);
    assert.equal(witness.messages.length, load.count);
  });
});
