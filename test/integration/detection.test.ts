/** Attacks from real sockets, and what the gateway says of them. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { PacketType } from '../../src/mqtt/wire.ts';
import { eventsLike, untilEvent } from '../kit/event-log.ts';
import { type RunningGateway, startGateway } from '../kit/gateway.ts';
import { connect, publish, subscribe } from '../kit/packets.ts';
import { HOST } from '../kit/process.ts';
import { RawClient } from '../kit/raw-client.ts';

const ALERT = { response: ['alert'] };
/** Low thresholds, so that little is enough; all clients come from one address, which is not to be banned. */
const DETECTION = {
  bruteForce: { ...ALERT, failuresPerAddress: 5, failuresPerName: 4 },
  credentialStuffing: ALERT,
  malformedPackets: ALERT,
  virtualPatches: ALERT,
  connectFlood: { ...ALERT, connectsPerAddress: 15 },
  publishFlood: { messagesPerSecond: 200, halfLife: '1s' },
  unauthorizedAccess: { refusalsPerClient: 8 },
  // Different topics are counted by an estimate: of the ten that show, hardly ever fewer than six are told apart.
  topicScan: { newTopicsPerClient: 500, refusedTopicsPerClient: 5 },
  qos2Hoarding: { exchangesPerClient: 20, duration: '1s' },
  retainedFlood: { messagesPerClient: 100 },
};
const FILES = {
  listeners: [{ name: 'tcp', type: 'tcp' as const }],
  users: { ann: 'hers', bob: 'his' },
  acl: ['user ann', 'topic readwrite open/#', 'user bob', 'topic readwrite open/#'],
};

let named = 0;

for (const workers of [1, 2]) {
  describe(`detection with ${workers} ${workers === 1 ? 'process' : 'workers'}`, () => {
    let gateway: RunningGateway;
    /** What is the same however many processes there are is looked at once. */
    const one = workers === 1 ? it : () => undefined;

    before(async () => {
      gateway = await startGateway({ ...FILES, config: { workers, detection: DETECTION } });
    });
    after(() => gateway?.stop());

    async function open(): Promise<RawClient> {
      return RawClient.open({ transport: 'tcp', host: HOST, port: gateway.ports.get('tcp')! }, 5);
    }

    async function login(clientId = `c${named++}`): Promise<RawClient> {
      const client = await open();
      await client.connect({ clientId, username: 'ann', password: 'hers' });
      return client;
    }

    const attack = (detector: string, like: Record<string, unknown> = {}) =>
      untilEvent(gateway.program, 'attack.detected', { detector, ...like });

    it('names who guesses passwords, and the name that is guessed at', async () => {
      for (let i = 0; i < 6; i++) {
        const client = await open();
        client.send(connect(5, { clientId: `guess-${i}`, username: 'bob', password: `guess ${i}` }));
        await client.expect(PacketType.Connack, { reasonCode: 0x86 });
        await client.expectClosed();
      }
      const source = await attack('bruteForce', { subjectKind: 'address' });
      assert.equal(source['subject'], HOST);
      assert.equal(source['metric'], 'aws:num-authorization-failures');
      const name = await attack('bruteForce', { subjectKind: 'username' });
      assert.equal(name['subject'], 'bob');
      assert.deepEqual(name['responses'], ['alert']);
    });

    one('names who sends what is none', async () => {
      for (let i = 0; i < 11; i++) {
        const client = await open();
        client.sendRaw('f7 00');
        await client.expectGone();
      }
      const source = await attack('malformedPackets');
      assert.match(
        source.msg,
        /^Attack, high: 127\.0\.0\.1 sent 10 packets that break the protocol\. \[detector:malformedPackets\]$/,
      );
    });

    one('names who connects and goes, over and over', async () => {
      for (let i = 0; i < 20; i++) (await open()).drop();
      await attack('connectFlood', { subject: HOST });
    });

    one('names the client that looks for topics, and shows which', async () => {
      const client = await login('scanner');
      for (let i = 0; i < 30; i++) {
        client.send(publish(`secret/${i}`, 'x', { qos: 1, packetId: i + 1 }));
        await client.expect(PacketType.Puback, { reasonCode: 0x87 });
      }
      const event = await attack('unauthorizedAccess', { subject: 'scanner' });
      assert.ok((event['examples'] as string[]).every((topic) => topic.startsWith('secret/')));
      // No more than ten events a second come of one connection: a scan that is faster still shows.
      await attack('topicScan', { subject: 'scanner' });
      client.drop();
    });

    one('names the client that subscribes to everything, and that probes the broker', async () => {
      const client = await login('reader');
      client.send(
        subscribe(
          1,
          ['#', '+/#', '$SYS/#'].map((filter) => ({ filter })),
        ),
      );
      client.send(
        subscribe(
          2,
          ['$SYS/broker/clients/connected', '$SYS/broker/version'].map((filter) => ({ filter })),
        ),
      );
      await client.expect(PacketType.Suback);
      await attack('wildcardHarvesting', { subject: 'reader' });
      await attack('sysProbing', { subject: 'reader' });
      client.drop();
    });

    it('sees floods of what is permitted by counting alone: messages, new topics, retained messages', async () => {
      const client = await login('flood');
      for (let i = 0; i < 1500; i++) client.send(publish(`open/${i}`, 'x', { retain: true }));
      await client.settled();
      const flood = await attack('publishFlood', { subject: 'flood' });
      assert.match(String(flood['says']), /publishes \d+ messages a second/);
      await attack('topicScan', { subject: 'flood' });
      await attack('retainedFlood', { subject: 'flood' });
      client.drop();
    });

    one('sees QoS 2 exchanges that are left open', async () => {
      const client = await login('hoarder');
      for (let i = 1; i <= 30; i++) client.send(publish('open/q', 'x', { qos: 2, packetId: i }));
      for (let i = 1; i <= 30; i++) await client.expect(PacketType.Pubrec);
      // A sample is taken of who does something.
      const stirring = setInterval(() => client.send(publish('open/q', 'x')), 300);
      await attack('qos2Hoarding', { subject: 'hoarder' });
      clearInterval(stirring);
      client.drop();
    });

    one('says nothing of a client that behaves', async () => {
      const client = await login('good');
      await client.subscribe('open/a', 1);
      for (let i = 0; i < 20; i++) await client.publish('open/a', `${i}`, { qos: 1 });
      await client.disconnect();
      assert.deepEqual(eventsLike(gateway.program, 'attack.detected', { subject: 'good' }), []);
    });

    it('takes new thresholds with a reload', async () => {
      await gateway.rewrite({ config: { workers, detection: { ...DETECTION, flapping: { connectsPerClient: 2 } } } });
      gateway.program.child.kill('SIGHUP');
      await untilEvent(gateway.program, 'config.reloaded');
      for (let i = 0; i < 3; i++) (await login('restless')).drop();
      await attack('flapping', { subject: 'restless' });
    });
  });
}
