/** Limits and bans behind a load balancer: whom the PROXY header of a trusted proxy names is judged, and never the proxy. */
import assert from 'node:assert/strict';
import net from 'node:net';
import { after, before, describe, it } from 'node:test';
import { PacketType } from '../../src/mqtt/wire.ts';
import { banControl } from '../kit/ban-control.ts';
import { untilEvent } from '../kit/event-log.ts';
import { type RunningGateway, startGateway } from '../kit/gateway.ts';
import { connect } from '../kit/packets.ts';
import { HOST } from '../kit/process.ts';
import { RawClient } from '../kit/raw-client.ts';

const PASSWORD = 'a password of the tests';
/** What a load balancer says of the client that it speaks for. */
const v1 = (address: string): string =>
  `PROXY ${address.includes(':') ? 'TCP6' : 'TCP4'} ${address} ${address.includes(':') ? '::1' : '192.0.2.1'} 40000 1883\r\n`;

describe('behind a proxy', () => {
  let gateway: RunningGateway;
  before(async () => {
    gateway = await startGateway({
      listeners: [{ name: 'tcp', type: 'tcp', proxyProtocol: { mode: 'any', trusted: ['127.0.0.1'] } }],
      users: { ann: PASSWORD },
      acl: ['user ann', 'topic readwrite #'],
      config: {
        authentication: { passwordFile: 'users' },
        authorization: { aclFile: 'acl' },
        limits: { address: { connects: '3/10m', authenticationFailures: '20/1m' } },
      },
    });
  });
  after(() => gateway.stop());

  /** The proxy's connection for a client there. */
  const open = (address: string, localAddress: string = HOST): RawClient => {
    const socket = net.connect({ host: HOST, port: gateway.ports.get('tcp')!, localAddress });
    socket.write(v1(address));
    return new RawClient(socket, 5);
  };
  const logIn = async (client: RawClient, password = PASSWORD): Promise<number> => {
    client.send(connect(5, { clientId: '', username: 'ann', password }));
    return (await client.expect(PacketType.Connack)).reasonCode;
  };

  it('connects are counted for each client, in whatever form its address comes', async () => {
    for (const address of ['198.51.100.7', '::ffff:198.51.100.7', '198.51.100.7']) {
      assert.equal(await logIn(open(address)), 0, address);
    }
    await open('::ffff:198.51.100.7').expectGone();
    const rejected = await untilEvent(gateway.program, 'connection.rejected', { by: 'limit:address connects' });
    assert.equal(rejected['address'], '198.51.100.7');
    assert.equal(await logIn(open('198.51.100.8')), 0, 'its neighbour is another address');
  });

  it('a ban ends the connections of that client, keeps it out, and leaves all others be', async () => {
    const [banned, other] = [open('203.0.113.7'), open('203.0.113.8')];
    for (const client of [banned, other]) assert.equal(await logIn(client), 0);
    const { ban, unban } = banControl(gateway.directory);
    await ban('203.0.113.7', '1h');
    await banned.expectDisconnect(0x98);
    await open('203.0.113.7').expectGone();
    await open('::ffff:203.0.113.7').expectGone();
    const rejected = await untilEvent(gateway.program, 'connection.rejected', { by: 'ban:address:203.0.113.7' });
    assert.equal(rejected['address'], '203.0.113.7');
    await other.settled();
    await unban('203.0.113.7');
    assert.equal(await logIn(open('203.0.113.7')), 0);
  });

  it('who guesses passwords is banned, and not the proxy, which is on no list', async () => {
    for (let i = 0; i < 10; i++) assert.equal(await logIn(open(`2001:db8:0:7::${i}`), 'a guess'), 0x86);
    const taken = await untilEvent(gateway.program, 'response.taken', { action: 'ban' });
    assert.equal(taken['subject'], '2001:db8:0:7::/64');
    await open('2001:db8:0:7:9::9').expectGone();
    assert.equal(await logIn(open('2001:db8:0:8::1')), 0);
  });

  it('nobody is believed who is no trusted proxy', async () => {
    await open('198.51.100.99', '127.0.0.9').expectGone();
    const rejected = await untilEvent(gateway.program, 'connection.rejected', { by: 'proxy-protocol' });
    assert.equal(rejected['address'], '127.0.0.9', 'it is judged as what it is');
  });
});
