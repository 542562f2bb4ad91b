import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { freePort } from '../../../test/kit/process.ts';
import { connack, polite, StubBroker, type StubConnection } from '../../../test/kit/stub-broker.ts';
import { makeUpstream, target, UpstreamClient, until, upstreamOptions } from '../../../test/kit/upstream-client.ts';
import type { GatewayEvent } from '../../base/events.ts';
import { ManualClock } from '../../base/manual-clock.ts';
import type { Packet } from '../../mqtt/packet.ts';
import { PacketType } from '../../mqtt/wire.ts';
import { parseProxyHeader } from '../proxy-protocol.ts';
import type { Upstream } from './upstream.ts';
import type { UpstreamOptions } from './upstream-options.ts';

async function brokers(t: TestContext, count: number, onPacket = polite): Promise<StubBroker[]> {
  const all = await Promise.all(Array.from({ length: count }, () => StubBroker.listen(onPacket)));
  t.after(() => Promise.all(all.map((broker) => broker.close())));
  return all;
}

function upstreamOf(all: readonly StubBroker[], init: Partial<UpstreamOptions> = {}, clock?: ManualClock) {
  return makeUpstream(
    upstreamOptions(
      all.map(({ port }) => target(port)),
      init,
    ),
    clock,
  );
}

let numbered = 0;
async function connected(t: TestContext, upstream: Upstream): Promise<UpstreamClient> {
  const client = new UpstreamClient(upstream, 4);
  t.after(() => client.link.close(undefined));
  return client.connect({ clientId: `client-${numbered++}` });
}

function names(events: readonly GatewayEvent[]): string[] {
  return events.map(({ name }) => name).filter((name) => name !== 'upstream.attempt.failed');
}

describe('failover at connect', () => {
  it('goes on to the next target when one is not there, and to none twice', async (t) => {
    const [broker] = (await brokers(t, 1)) as [StubBroker];
    const port = await freePort();
    const { upstream } = makeUpstream(upstreamOptions([target(port), target(broker.port)]));
    for (let i = 0; i < 4; i++) assert.equal((await connected(t, upstream)).connackPacket?.reasonCode, 0);
    assert.equal(broker.connections.length, 4);
  });

  it('goes on when a broker hangs up, breaks the protocol, or says that it is not available', async (t) => {
    const bad: ((packet: Packet, connection: StubConnection) => void)[] = [
      (_packet, { socket }) => void socket.destroy(),
      (_packet, connection) => connection.send(Uint8Array.of(0xff, 0xff)),
      (_packet, connection) => connection.send(connack(3)),
    ];
    const worse = await Promise.all(bad.map((onPacket) => StubBroker.listen(onPacket)));
    const [good] = (await brokers(t, 1)) as [StubBroker];
    t.after(() => Promise.all(worse.map((broker) => broker.close())));
    const { upstream, events } = upstreamOf([...worse, good]);
    assert.equal((await connected(t, upstream)).connackPacket?.reasonCode, 0);
    assert.equal(events.filter(({ name }) => name === 'upstream.attempt.failed').length, 3);
  });

  it('ends with the last refusal when every broker says that it is not available', async (t) => {
    const all = await brokers(t, 2, (_packet, connection) => connection.send(connack(3)));
    const { upstream } = upstreamOf(all);
    assert.equal((await connected(t, upstream)).connackPacket?.reasonCode, 3);
    assert.deepEqual(
      all.map(({ connections }) => connections.length),
      [1, 1],
    );
  });

  it('stops when the client has gone', async (t) => {
    const [stuck, good] = await Promise.all([StubBroker.listen(() => {}), StubBroker.listen()]);
    t.after(() => Promise.all([stuck.close(), good.close()]));
    const clock = new ManualClock();
    const { upstream } = upstreamOf([stuck, good], {}, clock);
    const client = new UpstreamClient(upstream, 4);
    client.start();
    await until(() => stuck.connections.length === 1, 'the first attempt');
    client.link.close(undefined);
    clock.advance(60_000);
    assert.equal(good.connections.length, 0);
    assert.deepEqual(client.closes, []);
    assert.equal(clock.pendingCount, 0);
  });
});

describe('ejection', () => {
  it('takes out a target that clients cannot connect to, for a while, and never the last one', async (t) => {
    const [good] = (await brokers(t, 1)) as [StubBroker];
    const clock = new ManualClock();
    const port = await freePort();
    const { upstream, events } = makeUpstream(upstreamOptions([target(port), target(good.port)]), clock);
    for (let i = 0; i < 8; i++) await connected(t, upstream);
    assert.deepEqual(names(events), ['upstream.ejected']);
    assert.deepEqual(
      upstream.status().map(({ state }) => state),
      ['ejected', 'unknown'],
    );
    assert.equal(events.filter(({ name }) => name === 'upstream.attempt.failed').length, 3, 'it is not tried any more');
    await good.close();
    await connected(t, upstream);
    assert.deepEqual(names(events), ['upstream.ejected'], 'the last one stays');
    clock.advance(60_000);
    assert.deepEqual(names(events), ['upstream.ejected', 'upstream.returned']);
    await StubBroker.listen().then((broker) => broker.close());
  });
});

describe('an operator', () => {
  it('drains a target: nobody new comes to it, and those it has stay', async (t) => {
    const all = await brokers(t, 2);
    const { upstream, events } = upstreamOf(all);
    const stays = await connected(t, upstream);
    assert.equal(upstream.setService(all[0]!.url, 'draining'), true);
    for (let i = 0; i < 4; i++) await connected(t, upstream);
    assert.deepEqual(
      all.map(({ connections }) => connections.length),
      [1, 4],
    );
    assert.deepEqual(stays.closes, []);
    assert.equal(upstream.status()[0]!.state, 'draining');
    upstream.setService(all[0]!.url, 'in service');
    for (let i = 0; i < 2; i++) await connected(t, upstream);
    assert.equal(all[0]!.connections.length, 2);
    assert.deepEqual(names(events), ['upstream.draining', 'upstream.returned']);
  });

  it('ejects a target: those it has are told to come back', async (t) => {
    const all = await brokers(t, 2);
    const { upstream } = upstreamOf(all);
    const goes = await connected(t, upstream);
    const stays = await connected(t, upstream);
    upstream.setService(all[0]!.url, 'ejected');
    assert.equal(goes.closes.length, 1);
    assert.equal(stays.closes.length, 0);
    assert.equal(upstream.status()[0]!.connections, 0);
    assert.equal(upstream.setService('mqtt://elsewhere', 'ejected'), false);
  });

  it('who takes the last one out of service leaves nobody to connect to', async (t) => {
    const all = await brokers(t, 1);
    const { upstream } = upstreamOf(all);
    upstream.setService(all[0]!.url, 'draining');
    assert.equal((await connected(t, upstream)).closes.length, 1);
    assert.equal(all[0]!.connections.length, 0);
  });
});

describe('a reload', () => {
  it('keeps links to targets that are gone, and sends nobody new to them', async (t) => {
    const all = await brokers(t, 2);
    const { upstream } = upstreamOf([all[0]!]);
    const stays = await connected(t, upstream);
    upstream.update(upstreamOptions([target(all[1]!.port)]));
    await connected(t, upstream);
    assert.deepEqual(
      all.map(({ connections }) => connections.length),
      [1, 1],
    );
    assert.deepEqual(
      upstream.status().map(({ state, connections }) => [state, connections]),
      [
        ['unknown', 1],
        ['draining', 1],
      ],
    );
    stays.link.close(undefined);
    assert.equal(upstream.status().length, 1);
  });

  it('remembers what an operator said of a target that stays', async (t) => {
    const all = await brokers(t, 2);
    const { upstream } = upstreamOf(all);
    upstream.setService(all[0]!.url, 'draining');
    upstream.update(upstreamOptions([target(all[1]!.port), target(all[0]!.port, { weight: 5 })]));
    for (let i = 0; i < 3; i++) await connected(t, upstream);
    assert.equal(all[0]!.connections.length, 0);
  });
});

const CHECKED: Partial<UpstreamOptions> = { healthCheck: { intervalMs: 1000, timeoutMs: 500, clientId: 'check' } };

describe('a health check', () => {
  it('makes a real CONNECT and a PINGREQ, and finds out which version is spoken', async (t) => {
    const [broker] = (await brokers(t, 1)) as [StubBroker];
    const { upstream, events } = upstreamOf([broker], CHECKED);
    t.after(() => upstream.retire());
    await until(() => upstream.status()[0]!.state === 'up', 'up');
    assert.deepEqual(events.at(-1), { name: 'upstream.up', upstream: 'stub', target: broker.url, mqtt5: true });
    await until(() => broker.connections[0]!.packets.length === 3, 'an orderly end');
    assert.deepEqual(
      broker.connections[0]!.packets.map(({ type }) => type),
      [PacketType.Connect, PacketType.Pingreq, PacketType.Disconnect],
    );
  });

  it('finds a broker that knows no MQTT 5, whether it says so or hangs up', async (t) => {
    const answers: ((packet: Packet, connection: StubConnection) => void)[] = [
      (packet, connection) => {
        if (packet.type === PacketType.Connect && packet.protocolVersion === 5) connection.socket.destroy();
        else polite(packet, connection);
      },
      (packet, connection) => {
        if (packet.type === PacketType.Connect && packet.protocolVersion === 5) {
          connection.socket.end(Uint8Array.of(0x20, 0x02, 0x00, 0x01));
        } else polite(packet, connection);
      },
    ];
    for (const onPacket of answers) {
      const [broker] = (await brokers(t, 1, onPacket)) as [StubBroker];
      const { upstream } = upstreamOf([broker], CHECKED);
      t.after(() => upstream.retire());
      await until(() => upstream.status()[0]!.mqtt5 === false, 'known');
      assert.equal(upstream.status()[0]!.state, 'up');
      const client = await new UpstreamClient(upstream, 5).connect();
      assert.equal(client.connackPacket?.reasonCode, 0x84);
      assert.equal((await connected(t, upstream)).connackPacket?.reasonCode, 0);
    }
  });

  it('knows that a cluster lacks MQTT 5 also while one of its brokers is away', async (t) => {
    const [broker] = (await brokers(t, 1, (packet, connection) => {
      if (packet.type === PacketType.Connect && packet.protocolVersion === 5) connection.socket.destroy();
      else polite(packet, connection);
    })) as [StubBroker];
    const targets = [target(broker.port), target(await freePort())];
    for (const [mqtt5, code] of [
      ['auto', 0x84],
      ['translate', 0],
    ] as const) {
      const { upstream } = makeUpstream(upstreamOptions(targets, { ...CHECKED, mqtt5 }));
      t.after(() => upstream.retire());
      const states = (): string =>
        upstream
          .status()
          .map(({ state }) => state)
          .join();
      await until(() => states() === 'up,down', 'one up, one down');
      const client = await new UpstreamClient(upstream, 5).connect();
      t.after(() => client.link.close(undefined));
      assert.equal(client.connackPacket?.reasonCode, code);
    }
  });

  it('takes a broker that refuses its credentials for one that is up', async (t) => {
    const [broker] = (await brokers(t, 1, (_packet, connection) => connection.send(connack(0x86)))) as [StubBroker];
    const { upstream } = upstreamOf([broker], CHECKED);
    t.after(() => upstream.retire());
    await until(() => upstream.status()[0]!.state === 'up', 'up');
  });

  it('turns clients away from a target that is down, before they try, and back when it is up', async (t) => {
    let isWell = false;
    const [sick] = (await brokers(t, 1, (packet, connection) => {
      if (isWell) polite(packet, connection);
      else connection.socket.destroy();
    })) as [StubBroker];
    const [well] = (await brokers(t, 1)) as [StubBroker];
    const clock = new ManualClock();
    const { upstream, events } = upstreamOf([sick, well], CHECKED, clock);
    t.after(() => upstream.retire());
    const states = (): string =>
      upstream
        .status()
        .map(({ state }) => state)
        .join();
    await until(() => states() === 'down,up', 'one down, one up');
    const before = sick.connections.length;
    for (let i = 0; i < 3; i++) await connected(t, upstream);
    assert.equal(sick.connections.length, before);
    isWell = true;
    clock.advance(1000);
    await until(() => states() === 'up,up', 'both up');
    assert.deepEqual(names(events).sort(), ['upstream.down', 'upstream.up', 'upstream.up']);
  });

  it('notices a broker that accepts and then says nothing', async (t) => {
    const [broker] = (await brokers(t, 1, (packet, connection) => {
      if (packet.type === PacketType.Connect) connection.send(connack());
    })) as [StubBroker];
    const clock = new ManualClock();
    const { upstream } = upstreamOf([broker], CHECKED, clock);
    t.after(() => upstream.retire());
    await until(() => broker.connections[0]?.packets.length === 2, 'PINGREQ');
    clock.advance(500);
    assert.equal(upstream.status()[0]!.state, 'down');
    assert.match(upstream.status()[0]!.says, /did not answer in time/);
  });

  it('lets a client try all the same where no target is thought to be well', async (t) => {
    let isWell = false;
    const [broker] = (await brokers(t, 1, (packet, connection) => {
      if (isWell) polite(packet, connection);
      else connection.socket.destroy();
    })) as [StubBroker];
    const { upstream } = upstreamOf([broker], CHECKED, new ManualClock());
    t.after(() => upstream.retire());
    await until(() => upstream.status()[0]!.state === 'down', 'down');
    isWell = true;
    assert.equal((await connected(t, upstream)).connackPacket?.reasonCode, 0);
  });
});

describe('a broker that expects the PROXY protocol', () => {
  it('is told the address of each client, and that a health check is the gateway itself', async (t) => {
    const headers: Buffer[] = [];
    const server = createServer((socket) => {
      socket.on('error', () => {});
      socket.once('data', (chunk: Buffer) => {
        headers.push(chunk);
        socket.destroy();
      });
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    t.after(() => server.close());
    const { port } = server.address() as { port: number };
    const { upstream } = makeUpstream(upstreamOptions([target(port)], { proxyProtocol: 'v2' }));
    await connected(t, upstream);
    const header = parseProxyHeader(headers[0]!, 'v2');
    assert.deepEqual(header.kind === 'header' ? header.source : header, { address: '192.0.2.1', port: 40_000 });
    const { upstream: checked } = makeUpstream(upstreamOptions([target(port)], { proxyProtocol: 'v2', ...CHECKED }));
    t.after(() => checked.retire());
    await until(() => headers.length > 1, 'a check');
    assert.equal(headers[1]![12], 0x20);
  });
});

describe('a client that comes again', () => {
  it('and to another target is ended where it was, since that broker does not hear of it', async (t) => {
    const all = await brokers(t, 2);
    const { upstream } = upstreamOf(all);
    const first = await new UpstreamClient(upstream, 5).connect({ clientId: 'same' });
    const second = await new UpstreamClient(upstream, 5).connect({ clientId: 'same' });
    assert.deepEqual(
      first.closes.map((packet) => packet?.reasonCode),
      [0x8e],
    );
    await until(() => all[0]!.connections[0]!.hasEnded, 'the end of the older connection');
    assert.deepEqual(second.closes, []);
    assert.equal(upstream.status()[0]!.connections, 0);
    second.link.close(undefined);
  });

  it('hears that it was taken over also where its broker ends the older connection without a word [MQTT-3.1.4-3]', async (t) => {
    const [broker] = (await brokers(t, 1)) as [StubBroker];
    const { upstream } = upstreamOf([broker]);
    const first = await new UpstreamClient(upstream, 5).connect({ clientId: 'same' });
    const alone = await new UpstreamClient(upstream, 5).connect({ clientId: 'other' });
    const second = await new UpstreamClient(upstream, 5).connect({ clientId: 'same' });
    for (const at of [0, 1]) broker.connections[at]!.socket.end();
    await until(() => first.closes.length + alone.closes.length === 2, 'both ends');
    assert.equal(first.closes[0]?.reasonCode, 0x8e);
    assert.equal(alone.closes[0], undefined, 'of another nothing is known');
    second.link.close(undefined);
  });

  it('and to the same target is ended by its broker alone', async (t) => {
    const all = await brokers(t, 2);
    const { upstream } = upstreamOf(all, { balance: 'client-id' });
    const first = await new UpstreamClient(upstream, 5).connect({ clientId: 'same' });
    const second = await new UpstreamClient(upstream, 5).connect({ clientId: 'same' });
    assert.deepEqual(first.closes, []);
    for (const { link } of [first, second]) link.close(undefined);
  });

  it('is not ended by a connection that the other broker refuses', async (t) => {
    const [good] = (await brokers(t, 1)) as [StubBroker];
    const [bad] = (await brokers(t, 1, (_packet, connection) => connection.send(connack(5)))) as [StubBroker];
    const { upstream } = upstreamOf([good, bad]);
    const first = await new UpstreamClient(upstream, 4).connect({ clientId: 'same' });
    const second = await new UpstreamClient(upstream, 4).connect({ clientId: 'same' });
    assert.deepEqual([second.connackPacket?.reasonCode, first.closes], [5, []]);
    first.link.close(undefined);
  });
});

describe('clientsMax', () => {
  it('refuses who comes above it, and says so', async (t) => {
    const all = await brokers(t, 1);
    const { upstream, events } = upstreamOf(all, { clientsMax: 1 });
    await connected(t, upstream);
    assert.equal((await connected(t, upstream)).connackPacket?.reasonCode, 3);
    assert.ok(events.some(({ name }) => name === 'ceiling.reached'));
  });
});
