import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { connect as connectTcp } from 'node:net';
import { after, describe, it } from 'node:test';
import { eventsLike, loggedEvents, untilEvent } from '../kit/event-log.ts';
import { eventually } from '../kit/eventually.ts';
import { type RunningGateway, startGateway } from '../kit/gateway.ts';
import { HOST } from '../kit/process.ts';
import { RawClient } from '../kit/raw-client.ts';

const LOGIN = { username: 'device1', password: 'a password of the tests' };
const TOPIC = 'devices/device1/state';
/** A hundred clients, on a busy machine. */
const FILLED_WITHIN_MS = 120_000;
const opened: RunningGateway[] = [];
after(() => Promise.all(opened.map((gateway) => gateway.stop())));

async function start(overload: object, listener: object = {}): Promise<RunningGateway> {
  const gateway = await startGateway({
    listeners: [{ name: 'tcp', type: 'tcp', anonymous: true, ...listener }],
    users: { [LOGIN.username]: LOGIN.password },
    acl: ['pattern readwrite devices/%u/#'],
    config: { overload },
  });
  opened.push(gateway);
  return gateway;
}

/** From an address of loopback's own. */
async function open(gateway: RunningGateway, localAddress = HOST): Promise<RawClient> {
  const socket = connectTcp({ host: HOST, port: gateway.ports.get('tcp')!, localAddress });
  await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject));
  return new RawClient(socket, 5);
}

describe('a gateway that runs out of descriptors', { skip: process.platform !== 'linux', concurrency: true }, () => {
  it('sheds anonymous clients, newest first, keeps the others, and lets new ones in when it is over', async () => {
    const descriptorsMax = 120;
    const gateway = await start({ descriptorsMax, knownGood: { connectedMin: '1s' } }, { handshakeTimeout: '1m' });
    const { program } = gateway;
    const good = await open(gateway);
    await good.connect({ clientId: 'good', ...LOGIN });
    await good.subscribe(TOPIC);
    const crowd: RawClient[] = [];
    const isAtSecondStage = (): boolean =>
      eventsLike(program, 'overload.entered', { stage: 2, measure: 'descriptors' }).length > 0;
    const taken = (): number => readdirSync(`/proc/${program.child.pid}/fd`).length;
    let isEntered = false;
    const entered = eventually('the second stage', isAtSecondStage, FILLED_WITHIN_MS).then(() => {
      isEntered = true;
    });
    // Between the second stage and the third. From the second on strangers are heard later: it may begin before all are here.
    while (!isEntered && taken() < 0.9 * descriptorsMax) {
      const client = await open(gateway, '127.0.0.2');
      const connected = client.connect({ clientId: `crowd-${crowd.length}` });
      connected.catch(() => undefined);
      crowd.push(client);
      await Promise.race([connected, entered]);
    }
    await entered;
    const shed = await untilEvent(program, 'connection.shed');
    const log = loggedEvents(program);
    const newest = log
      .slice(
        0,
        log.findIndex(({ event }) => event === 'connection.shed'),
      )
      .findLast(({ event, clientId }) => event === 'client.connected' && clientId !== 'good')!['clientId'] as string;
    assert.partialDeepStrictEqual(shed, { clientId: newest, by: 'overload:descriptors' });
    await crowd[Number(newest.slice('crowd-'.length))]!.expectDisconnect(0x89);
    // Whoever comes now is not refused, but heard later; from where a known-good client is, sooner than a stranger.
    const late = await open(gateway);
    const accepted = late.connect({ clientId: 'late', ...LOGIN });
    for (const client of crowd) client.drop();
    await untilEvent(program, 'overload.left', { stage: 2 });
    await accepted;
    await good.settled();
    assert.deepEqual(eventsLike(program, 'connection.shed', { clientId: 'good' }), []);
  });

  it('evicts the idle connections of one address, so that others come in', async () => {
    const gateway = await start({ idleAfter: '1s', idlePerAddressMax: 100 }, { connectionsMax: 20 });
    for (let i = 0; i < 19; i++) {
      const held = await open(gateway, '127.0.0.2');
      await held.connect({ clientId: `held-${i}`, keepAliveS: 0, ...LOGIN });
    }
    const evicted = await untilEvent(gateway.program, 'connection.shed', { action: 'evicted' });
    assert.partialDeepStrictEqual(evicted, { clientId: 'held-0', address: '127.0.0.2', by: 'limit:connectionsMax' });
    // A place is free when the evicted connection is closed; who comes before that comes again, as any client does.
    const comesIn = async (clientId: string): Promise<boolean> => {
      try {
        await (await open(gateway)).connect({ clientId, ...LOGIN });
        return true;
      } catch {
        return false;
      }
    };
    for (const clientId of ['good-0', 'good-1']) await eventually(`${clientId} comes in`, () => comesIn(clientId));
  });
});

describe('a reload', { skip: process.platform !== 'linux' }, () => {
  it('puts other settings of overload into force', async () => {
    const gateway = await start({});
    await gateway.rewrite({ config: { overload: { halfOpenPerAddressMax: 1 } } });
    assert.equal((await gateway.reload()).code, 0);
    const silent = [await open(gateway, '127.0.0.3'), await open(gateway, '127.0.0.3')];
    const rejected = await untilEvent(gateway.program, 'connection.rejected', { address: '127.0.0.3' });
    assert.equal(rejected['by'], 'limit:halfOpenPerAddressMax');
    for (const client of silent) client.drop();
  });
});
