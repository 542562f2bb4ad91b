import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { eventsLike, untilEvent } from '../kit/event-log.ts';
import { MqttJsClient } from '../kit/mqttjs.ts';
import { publish } from '../kit/packets.ts';
import { HOST } from '../kit/process.ts';
import { RawClient } from '../kit/raw-client.ts';
import { PASSWORD, type SecuredGateway, startSecuredGateway, USERNAME } from '../kit/secured-gateway.ts';

const SERVER_SHUTTING_DOWN = 0x8b;
/** As a shell reports a program that a second interrupt has ended. */
const INTERRUPTED = 130;
const TOPIC = `devices/${USERNAME}/news`;

async function start(t: TestContext, config: Readonly<Record<string, unknown>>): Promise<SecuredGateway> {
  const secured = await startSecuredGateway({ config });
  t.after(() => secured.stop());
  return secured;
}

/** A client that subscribes, and from then on reads nothing while more is sent to it than any buffer holds. */
async function startDeaf(secured: SecuredGateway): Promise<net.Socket> {
  const port = secured.gateway.ports.get('tcp')!;
  const socket = net.connect({ host: HOST, port });
  const client = new RawClient(socket, 4);
  await client.connect({ clientId: 'deaf', username: USERNAME, password: PASSWORD });
  await client.subscribe(TOPIC, 1);
  socket.pause();
  const publisher = await RawClient.open({ transport: 'tcp', host: HOST, port }, 5);
  await publisher.connect({ clientId: 'loud', username: USERNAME, password: PASSWORD });
  for (let count = 0; count < 64; count++) publisher.send(publish(TOPIC, Buffer.alloc(200_000)));
  await publisher.settled();
  await publisher.disconnect();
  return socket;
}

describe('SIGTERM', { concurrency: 2 }, () => {
  it('tells MQTT 5 clients why, on every transport, closes the others, and ends with exit code 0', async (t) => {
    const { gateway, login } = await start(t, {});
    const transports = ['tcp', 'tls', 'mtls', 'ws', 'wss'] as const;
    const v5 = await Promise.all(transports.map((name) => MqttJsClient.connect(login(name))));
    const v4 = await Promise.all(transports.map((name) => MqttJsClient.connect({ ...login(name), version: 4 })));
    const gone = [...v5, ...v4].map((client) => client.closed());
    gateway.program.child.kill('SIGTERM');
    await Promise.all(gone);
    for (const client of v5) assert.deepEqual(client.disconnectReasons, [SERVER_SHUTTING_DOWN]);
    if (!gateway.program.hasEnded) await once(gateway.program.child, 'exit');
    assert.equal(gateway.program.child.exitCode, 0);
    await untilEvent(gateway.program, 'gateway.stopped', { connectionsCut: 0 });
    for (const port of gateway.ports.values()) {
      const [error] = await once(net.connect({ host: HOST, port }), 'error');
      assert.equal((error as NodeJS.ErrnoException).code, 'ECONNREFUSED');
    }
  });

  it('closes the listeners at once, waits for a client that never reads no longer than it may, and cuts it', async (t) => {
    const secured = await start(t, { shutdown: { drainTimeout: '1s' } });
    const { program, ports } = secured.gateway;
    const deaf = await startDeaf(secured);
    t.after(() => deaf.destroy());
    program.child.kill('SIGTERM');
    await untilEvent(program, 'listener.closed', { listener: 'tcp' });
    const [error] = await once(net.connect({ host: HOST, port: ports.get('tcp')! }), 'error');
    assert.equal((error as NodeJS.ErrnoException).code, 'ECONNREFUSED');
    assert.equal(program.hasEnded, false, 'the deaf client holds the drain');
    await once(program.child, 'exit');
    assert.equal(program.child.exitCode, 0);
    await untilEvent(program, 'gateway.stopped', { connectionsCut: 1 });
  });

  it('a second one ends it at once, and what was acknowledged as durable is there', async (t) => {
    const secured = await start(t, { broker: { persistence: 'durable' }, shutdown: { drainTimeout: '60s' } });
    const { program } = secured.gateway;
    const options = { clientId: 'away', clean: false, properties: { sessionExpiryInterval: 3600 } };
    const login = secured.login('mtls');
    const away = await MqttJsClient.connect({ ...login, options });
    await away.subscribe(`devices/${USERNAME}/kept`, { qos: 1 });
    await away.end();
    const publisher = await MqttJsClient.connect(secured.login('tls'));
    await publisher.publish(`devices/${USERNAME}/kept`, 'kept', { qos: 2 });
    const deaf = await startDeaf(secured);
    t.after(() => deaf.destroy());
    program.child.kill('SIGTERM');
    await untilEvent(program, 'gateway.stopping', { signal: 'SIGTERM' });
    program.child.kill('SIGTERM');
    await once(program.child, 'exit');
    assert.equal(program.child.exitCode, INTERRUPTED);
    assert.deepEqual(eventsLike(program, 'gateway.stopped'), []);
    await secured.restart();
    const returned = await MqttJsClient.connect({ ...login, options });
    t.after(() => returned.client.end(true));
    assert.equal((await returned.received(1))[0]!.payload, 'kept');
  });

  it('what was acknowledged before it is delivered after the next start, also where nothing was forced to the disk', async (t) => {
    const secured = await start(t, { broker: { persistence: 'relaxed', commitInterval: '10s' } });
    const { program } = secured.gateway;
    const session = { clientId: 'away', clean: false, properties: { sessionExpiryInterval: 3600 } };
    const login = { ...secured.login('mtls'), options: session };
    const away = await MqttJsClient.connect(login);
    await away.subscribe(TOPIC, { qos: 1 });
    await away.end();
    const publisher = await MqttJsClient.connect({ ...secured.login('tls'), version: 4 });
    const payloads = Array.from({ length: 500 }, (_, count) => `${count}`);
    await Promise.all(payloads.map((payload) => publisher.publish(TOPIC, payload, { qos: 1 })));
    await program.end('SIGTERM');
    assert.equal(program.child.exitCode, 0);
    await secured.restart();
    const returned = await MqttJsClient.connect(login);
    t.after(() => returned.client.end(true));
    const messages = await returned.received(payloads.length);
    assert.deepEqual(
      messages.map(({ payload }) => payload),
      payloads,
    );
  });
});
