import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { untilEvent } from '../kit/event-log.ts';
import { eventually } from '../kit/eventually.ts';
import type { RunningGateway } from '../kit/gateway.ts';
import {
  MOSQUITTO_VERSIONS,
  type MosquittoLogin,
  MosquittoSub,
  mosquittoPub,
  withoutMosquittoClients,
} from '../kit/mosquitto-clients.ts';
import { PASSWORD, type SecuredGateway, startSecuredGateway, USERNAME } from '../kit/secured-gateway.ts';

describe("Debian's mosquitto clients", { concurrency: 3, skip: withoutMosquittoClients }, () => {
  let secured: SecuredGateway;
  let gateway: RunningGateway;
  before(async () => {
    secured = await startSecuredGateway();
    gateway = secured.gateway;
  });
  after(() => secured.stop());

  const logins: Record<string, () => Pick<MosquittoLogin, 'username' | 'password' | 'tls'>> = {
    tcp: () => ({ username: USERNAME, password: PASSWORD }),
    tls: () => ({ username: USERNAME, password: PASSWORD, tls: { ca: secured.files.ca } }),
    // No user name: the certificate is the identity.
    mtls: () => ({ tls: { ca: secured.files.ca, cert: secured.files.clientCert, key: secured.files.clientKey } }),
  };

  for (const [versionName, version] of Object.entries(MOSQUITTO_VERSIONS)) {
    for (const [transport, further] of Object.entries(logins)) {
      const login = (): MosquittoLogin => ({ port: gateway.ports.get(transport)!, version, ...further() });
      const base = `devices/${USERNAME}/${transport}/${version}`;
      const where = `${versionName} over ${transport}`;

      it(`${where}: a message comes with the QoS it was sent with`, async (t) => {
        const sub = await MosquittoSub.start(t, login(), `${base}/qos/#`, ['-q', '2']);
        for (const qos of [0, 1, 2]) {
          const { code, err } = await mosquittoPub(login(), `${base}/qos/${qos}`, ['-q', `${qos}`, '-m', `m${qos}`]);
          assert.equal(code, 0, err);
        }
        const messages = await sub.received(3);
        const expected = [0, 1, 2].map((qos) => ({
          topic: `${base}/qos/${qos}`,
          payload: `m${qos}`,
          qos,
          retain: false,
        }));
        assert.deepEqual(
          messages.toSorted((a, b) => a.qos - b.qos),
          expected,
        );
      });

      it(`${where}: who comes later gets the retained message, until an empty one takes it away`, async (t) => {
        const topic = `${base}/retained`;
        await mosquittoPub(login(), topic, ['-q', '1', '-r', '-m', 'old']);
        await mosquittoPub(login(), topic, ['-q', '1', '-r', '-m', 'kept']);
        const late = await MosquittoSub.start(t, login(), topic, ['-q', '1']);
        assert.deepEqual(await late.received(1), [{ topic, payload: 'kept', qos: 1, retain: true }]);
        await mosquittoPub(login(), topic, ['-q', '1', '-r', '-n']);
        const later = await MosquittoSub.start(t, login(), topic, ['-q', '1']);
        await mosquittoPub(login(), topic, ['-q', '1', '-m', 'live']);
        assert.deepEqual(await later.received(1), [{ topic, payload: 'live', qos: 1, retain: false }]);
      });

      it(`${where}: a client that is killed leaves its Will, one that says goodbye does not`, async (t) => {
        const topic = `${base}/will`;
        const watcher = await MosquittoSub.start(t, login(), topic, ['-q', '1']);
        const will = (after: string) => ['--will-topic', topic, '--will-payload', after, '--will-qos', '1'];
        const polite = await MosquittoSub.start(t, login(), `${base}/other`, [...will('goodbye'), '-C', '1']);
        const mortal = await MosquittoSub.start(t, login(), `${base}/other`, will('death'));
        await mosquittoPub(login(), `${base}/other`, ['-m', 'enough']);
        await polite.ended();
        await mortal.kill();
        const messages = await watcher.received(1);
        assert.deepEqual(messages, [{ topic, payload: 'death', qos: 1, retain: false }]);
      });
    }
  }

  for (const transport of Object.keys(logins)) {
    const login = (): MosquittoLogin => ({
      port: gateway.ports.get(transport)!,
      version: 'mqttv5',
      ...logins[transport]!(),
    });

    it(`MQTT 5 over ${transport}: a Will waits for its delay`, async (t) => {
      const topic = `devices/${USERNAME}/${transport}/delayed`;
      const clientId = `delayed-${randomUUID()}`;
      const watcher = await MosquittoSub.start(t, login(), topic, ['-q', '1']);
      const will = ['--will-topic', topic, '--will-payload', 'will', '-D', 'WILL', 'will-delay-interval', '2'];
      const mortal = await MosquittoSub.start(t, login(), 'devices/device1/x', ['-i', clientId, '-x', '60', ...will]);
      await mortal.kill();
      await untilEvent(gateway.program, 'connection.closed', { clientId });
      await mosquittoPub(login(), topic, ['-q', '1', '-m', 'meanwhile']);
      assert.deepEqual(
        (await watcher.received(2)).map(({ payload }) => payload),
        ['meanwhile', 'will'],
      );
    });

    it(`MQTT 5 over ${transport}: a shared subscription gives each message to one of its members`, async (t) => {
      const topic = `devices/${USERNAME}/${transport}/shared`;
      const filter = `$share/group/${topic}`;
      const members = [
        await MosquittoSub.start(t, login(), filter, ['-q', '1']),
        await MosquittoSub.start(t, login(), filter, ['-q', '1']),
      ];
      const whole = await MosquittoSub.start(t, login(), topic, ['-q', '1']);
      await mosquittoPub(login(), topic, ['-q', '1', '--repeat', '20', '-m', 'again']);
      await whole.received(20);
      const got = (): number => members.reduce((sum, member) => sum + member.messages.length, 0);
      await eventually('the members got all of them', () => got() >= 20);
      assert.equal(got(), 20);
      for (const member of members) assert.ok(member.messages.length > 0, 'each member gets some');
    });
  }
});
