/** Revocation through the whole program: with lists and answers that openssl made, real clients, and servers that misbehave. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { after, before, describe, it, type TestContext } from 'node:test';
import {
  type CertificateRequest,
  makeCa,
  makeCertificate,
  makeCrl,
  makeIntermediate,
  type TestAuthority,
  type TestCertificate,
} from '../kit/certificates.ts';
import { eventsLike, loggedEvents, untilEvent } from '../kit/event-log.ts';
import { type RunningGateway, startGateway } from '../kit/gateway.ts';
import { mosquittoPub, withoutMosquittoClients } from '../kit/mosquitto-clients.ts';
import { MqttJsClient } from '../kit/mqttjs.ts';
import { OpensslAuthority, withoutOpenssl } from '../kit/openssl.ts';
import { removeDirectory, temporaryDirectory } from '../kit/process.ts';
import { RevocationServer } from '../kit/revocation-server.ts';

const NOT_AUTHORIZED = 0x87;
const UNAVAILABLE = 0x88;
const ACL = ['pattern readwrite devices/%u/#'];

/** Enough for a list of megabytes on a busy machine; one that never comes is waited for so long. */
const FETCH_TIMEOUT = '5s';

const LISTENERS = {
  'files-hard': { mode: 'hard-fail', crlFiles: ['root.crl', 'plant.crl'] },
  'files-soft': { mode: 'soft-fail', crlFiles: ['root.crl'] },
  'points-hard': { mode: 'hard-fail', crlDistributionPoints: true, timeout: FETCH_TIMEOUT },
  'points-soft': { mode: 'soft-fail', crlDistributionPoints: true, timeout: FETCH_TIMEOUT },
  'ocsp-hard': { mode: 'hard-fail', ocsp: true, timeout: FETCH_TIMEOUT },
  'ocsp-soft': { mode: 'soft-fail', ocsp: true, timeout: FETCH_TIMEOUT },
} as const;
type ListenerName = keyof typeof LISTENERS;

describe('revocation', { skip: withoutOpenssl }, () => {
  let directory: string;
  let root: TestAuthority;
  let other: TestAuthority;
  /** Between the root and its clients. */
  let plant: TestAuthority & TestCertificate;
  let openssl: OpensslAuthority;
  let plantBooks: OpensslAuthority;
  let server: RevocationServer;
  let gateway: RunningGateway;

  const at = (name: string): string => path.join(directory, name);
  const make = (commonName: string, request: Partial<CertificateRequest> = {}, ca = root): Promise<TestCertificate> =>
    makeCertificate(ca, { commonName, use: 'client', ...request });

  before(async () => {
    directory = await temporaryDirectory('revocation');
    root = await makeCa('Device Root');
    other = await makeCa('Other Root');
    plant = await makeIntermediate(root, 'Plant CA');
    openssl = new OpensslAuthority(root);
    plantBooks = new OpensslAuthority(plant);
    server = await new RevocationServer().open();
    const shown = await makeCertificate(other, { commonName: 'localhost', use: 'server' });
    await writeFile(at('server.crt'), shown.certificatePem);
    await writeFile(at('server.key'), shown.keyPem, { mode: 0o600 });
    await writeFile(at('server-ca.crt'), other.certificatePem);
    await writeFile(at('clients.crt'), `${other.certificatePem}\n${root.certificatePem}`);
    await writeFile(at('root.crl'), openssl.crl());
    await writeFile(at('plant.crl'), plantBooks.crl());
    gateway = await startGateway({
      directory,
      acl: ACL,
      listeners: Object.entries(LISTENERS).map(([name, revocation]) => ({
        name,
        type: 'tls',
        tls: {
          certificates: [{ certificate: 'server.crt', key: 'server.key' }],
          clientCertificate: 'require',
          clientCa: 'clients.crt',
          identityFromCertificate: true,
          revocation,
        },
      })),
    });
  });

  after(async () => {
    await gateway?.stop();
    server?.close();
    openssl?.remove();
    plantBooks?.remove();
    await removeDirectory(directory);
  });

  const connect = async (
    t: TestContext,
    listener: ListenerName,
    certificate: TestCertificate,
    chain: readonly TestCertificate[] = [],
  ): Promise<MqttJsClient> => {
    const client = await MqttJsClient.connect({
      port: gateway.ports.get(listener)!,
      transport: 'tls',
      tls: {
        ca: other.certificatePem,
        cert: [certificate, ...chain].map(({ certificatePem }) => certificatePem).join('\n'),
        key: certificate.keyPem,
      },
    });
    t.after(() => client.client.end(true));
    return client;
  };

  const refused = (t: TestContext, ...args: [ListenerName, TestCertificate, (readonly TestCertificate[])?]) =>
    assert.rejects(connect(t, ...args), { code: NOT_AUTHORIZED });

  /** Nobody can tell, which is not the client's fault. */
  const turnedAway = (t: TestContext, ...args: [ListenerName, TestCertificate, (readonly TestCertificate[])?]) =>
    assert.rejects(connect(t, ...args), { code: UNAVAILABLE });

  const reloaded = async (): Promise<void> => {
    const { code, err } = await gateway.reload();
    assert.equal(code, 0, err);
  };

  const staleWord = (certificate: TestCertificate, action: 'refused' | 'allowed', says: RegExp) =>
    untilEvent(gateway.program, 'revocation.stale', { fingerprint: certificate.fingerprint, action, says });

  describe('by files', () => {
    it('ends the live session of a revoked certificate before the reload is done, and nobody else’s', async (t) => {
      const [kept, lost] = [await make('kept'), await make('lost')];
      const [keeper, loser] = [await connect(t, 'files-hard', kept), await connect(t, 'files-hard', lost)];
      openssl.book([kept], [lost]);
      await writeFile(at('root.crl'), openssl.crl());
      await reloaded();
      await loser.closed();
      assert.deepEqual(loser.disconnectReasons, [NOT_AUTHORIZED]);
      await keeper.publish('devices/kept/x', 'still here', { qos: 1 });

      const events = loggedEvents(gateway.program);
      const told = events.findIndex(({ event, username }) => event === 'certificate.revoked' && username === 'lost');
      const closed = events.findIndex(({ event }, index) => event === 'config.reloaded' && index > told);
      assert.ok(told >= 0 && closed > told, 'it is told before the reload is');
      assert.partialDeepStrictEqual(events[told]!, {
        reason: NOT_AUTHORIZED,
        says: 'certificate revoked',
        by: `crl:${at('root.crl')}`,
        fingerprint: lost.fingerprint,
      });
      await refused(t, 'files-hard', lost);
    });

    it('refuses mosquitto_pub with a revoked certificate, and says why', {
      skip: withoutMosquittoClients,
    }, async () => {
      const [good, bad] = [await make('mosquitto-good'), await make('mosquitto-bad')];
      openssl.book([good], [bad]);
      await writeFile(at('root.crl'), openssl.crl());
      await reloaded();
      for (const [name, certificate, code] of [
        ['good', good, 0],
        ['bad', bad, NOT_AUTHORIZED],
      ] as const) {
        await writeFile(at(`${name}.crt`), certificate.certificatePem);
        await writeFile(at(`${name}.key`), certificate.keyPem);
        const finished = await mosquittoPub(
          {
            port: gateway.ports.get('files-hard')!,
            version: 'mqttv5',
            tls: { ca: at('server-ca.crt'), cert: at(`${name}.crt`), key: at(`${name}.key`) },
          },
          `devices/mosquitto-${name}/x`,
          ['-q', '1', '-m', 'x'],
        );
        assert.equal(finished.code, code, finished.err);
      }
    });

    it('holds for intermediates that clients send, and for resumed sessions that do not send them again', async (t) => {
      const client = await make('plant-1', {}, plant);
      const live = await connect(t, 'files-hard', client, [plant]);
      await live.publish('devices/plant-1/x', 'x', { qos: 1 });
      openssl.book([], [plant]);
      await writeFile(at('root.crl'), openssl.crl());
      await reloaded();
      await live.closed();
      assert.deepEqual(live.disconnectReasons, [NOT_AUTHORIZED]);
      await refused(t, 'files-hard', client, [plant]);
      openssl.book([], []);
      await writeFile(at('root.crl'), openssl.crl());
      plantBooks.book([], [client]);
      await writeFile(at('plant.crl'), plantBooks.crl());
      await reloaded();
      await refused(t, 'files-hard', client, [plant]);
    });

    it('with a stale list: hard-fail refuses, soft-fail lets in with an event', async (t) => {
      const client = await make('stale');
      const live = await connect(t, 'files-hard', client);
      const day = 86_400_000;
      const old = { thisUpdate: new Date(Date.now() - 2 * day), nextUpdate: new Date(Date.now() - day) };
      await writeFile(at('root.crl'), await makeCrl(root, [], old));
      await reloaded();
      await untilEvent(gateway.program, 'revocation.stale', { place: at('root.crl') });
      await turnedAway(t, 'files-hard', client);
      await staleWord(client, 'refused', /out of date since/);
      await connect(t, 'files-soft', client);
      await staleWord(client, 'allowed', /out of date since/);
      // Nobody says that it is revoked: who was let in stays.
      await live.publish('devices/stale/x', 'x', { qos: 1 });
    });

    it('that a stale list names are refused all the same, also by soft-fail', async (t) => {
      const client = await make('stale-and-revoked');
      const day = 86_400_000;
      const old = { thisUpdate: new Date(Date.now() - 2 * day), nextUpdate: new Date(Date.now() - day) };
      await writeFile(at('root.crl'), await makeCrl(root, [client], old));
      await reloaded();
      await refused(t, 'files-soft', client);
    });

    it('that nobody speaks of: hard-fail refuses, soft-fail lets in with an event', async (t) => {
      await writeFile(at('root.crl'), openssl.crl());
      await reloaded();
      const client = await make('elsewhere', {}, other);
      await turnedAway(t, 'files-hard', client);
      await staleWord(client, 'refused', /no revocation list and no responder speaks of CN=elsewhere/);
      await connect(t, 'files-soft', client);
      await staleWord(client, 'allowed', /speaks of CN=elsewhere/);
    });

    it('that are forged, of another kind or garbage refuse the reload, and the old ones stay in force', async (t) => {
      const client = await make('undisturbed');
      const forged = await makeCrl(await makeCa('Device Root'), [client]);
      for (const [content, says] of [
        [forged, /bears the name of a client CA, but not its signature/],
        [root.certificatePem, /holds no revocation list/],
        [Buffer.concat([openssl.crl(), Buffer.alloc(1)]), /cannot be used: .*something follows/],
        [Buffer.alloc(4_000_000, 0x30), /cannot be used/],
      ] as const) {
        await writeFile(at('root.crl'), content);
        const { code, err, out } = await gateway.reload();
        assert.equal(code, 2, out);
        assert.match(err, says);
        await connect(t, 'files-hard', client);
      }
      await writeFile(at('root.crl'), openssl.crl());
      await reloaded();
    });
  });

  describe('by distribution points', () => {
    it('fetches the list that a certificate names, and keeps it for others', async (t) => {
      const crlUris = [server.url('good.crl')];
      const [good, bad] = [await make('points-good', { crlUris }), await make('points-bad', { crlUris })];
      openssl.book([good], [bad]);
      server.give('good.crl', openssl.crl());
      await connect(t, 'points-hard', good);
      await refused(t, 'points-hard', bad);
      await refused(t, 'points-soft', bad);
      assert.equal(server.asked.get('/good.crl'), 1);
      await untilEvent(gateway.program, 'revocation.refreshed', { place: server.url('good.crl'), entries: 1 });
    });

    it('ends a live session when a refreshed list names its certificate', async (t) => {
      const client = await make('refreshed', { crlUris: [server.url('short.crl')] });
      openssl.book([client], []);
      server.give('short.crl', openssl.crl({ seconds: 8 }));
      const live = await connect(t, 'points-hard', client);
      openssl.book([], [client]);
      server.give('short.crl', () => openssl.crl({ seconds: 8 }));
      await live.closed();
      assert.deepEqual(live.disconnectReasons, [NOT_AUTHORIZED]);
      await untilEvent(gateway.program, 'certificate.revoked', { username: 'refreshed' });
    });

    for (const [what, prepare, says] of [
      ['that nobody listens at', () => undefined, /status 404/],
      ['that never answers', () => server.give('bad.crl', () => undefined), /was not fetched yet|within/],
      [
        'that gives garbage of megabytes',
        () => server.give('bad.crl', Buffer.alloc(8_000_000, 0x30)),
        /no revocation list/,
      ],
      [
        'that gives more than any list has',
        () => server.give('bad.crl', Buffer.alloc(70 * 1024 * 1024)),
        /larger than/,
      ],
    ] as const) {
      it(`${what}: hard-fail refuses, soft-fail lets in with an event`, async (t) => {
        const place = `bad-${what.replaceAll(' ', '-')}.crl`;
        const client = await make('points-unknown', { crlUris: [server.url(place)] });
        prepare();
        const behaviour = server.behaviours.get('/bad.crl');
        if (behaviour !== undefined) server.give(place, behaviour);
        server.behaviours.delete('/bad.crl');
        await turnedAway(t, 'points-hard', client);
        await staleWord(client, 'refused', says);
        await connect(t, 'points-soft', client);
        await staleWord(client, 'allowed', says);
      });
    }

    it('does not believe a list of another authority with the same name', async (t) => {
      const client = await make('points-forged', { crlUris: [server.url('forged.crl')] });
      const forger = await makeCa('Device Root');
      server.give('forged.crl', Buffer.from((await makeCrl(forger, [])).replace(/-----.*-----|\s/g, ''), 'base64'));
      await turnedAway(t, 'points-hard', client);
      await staleWord(client, 'refused', /is not signed by CN=Device Root/);
      await connect(t, 'points-soft', client);
    });

    it('does not take the list of another place for its own, whoever swaps them on the way', async (t) => {
      const shard = (name: string): Buffer => {
        const uri = Buffer.from(server.url(name));
        const tlv = (tag: number, body: Buffer): Buffer => Buffer.concat([Buffer.of(tag, body.length), body]);
        return tlv(0x30, tlv(0xa0, tlv(0xa0, tlv(0x86, uri))));
      };
      const listOf = async (name: string): Promise<Buffer> => {
        const pem = await makeCrl(root, [], { extensions: [['2.5.29.28', true, shard(name)]] });
        return Buffer.from(pem.replace(/-----.*-----|\s/g, ''), 'base64');
      };
      const client = await make('points-shard', { crlUris: [server.url('shard-a.crl')] });
      server.give('shard-a.crl', await listOf('shard-b.crl'));
      await turnedAway(t, 'points-hard', client);
      await staleWord(client, 'refused', /does not speak of the certificate/);
      const right = await make('points-right-shard', { crlUris: [server.url('shard-c.crl')] });
      server.give('shard-c.crl', await listOf('shard-c.crl'));
      await connect(t, 'points-hard', right);
    });

    it('survives a restart without the server', async (t) => {
      const crlUris = [server.url('kept.crl')];
      const [good, bad] = [await make('kept-good', { crlUris }), await make('kept-bad', { crlUris })];
      openssl.book([good], [bad]);
      server.give('kept.crl', openssl.crl());
      await connect(t, 'points-hard', good);
      await untilEvent(gateway.program, 'revocation.refreshed', { place: server.url('kept.crl') });
      await gateway.stop();
      server.behaviours.delete('/kept.crl');
      gateway = await gateway.restart();
      await connect(t, 'points-hard', good);
      await refused(t, 'points-hard', bad);
    });
  });

  describe('by OCSP', () => {
    it('asks the responder that a certificate names', async (t) => {
      const ocspUri = server.url('ocsp');
      const [good, bad] = [await make('ocsp-good', { ocspUri }), await make('ocsp-bad', { ocspUri })];
      openssl.book([good], [bad]);
      server.give('ocsp', (request) => openssl.respond(request, { minutes: 5 }));
      await connect(t, 'ocsp-hard', good);
      await connect(t, 'ocsp-hard', good);
      assert.equal(server.asked.get('/ocsp'), 1);
      await refused(t, 'ocsp-hard', bad);
      await refused(t, 'ocsp-soft', bad);
      const by = `ocsp:${ocspUri}`;
      await untilEvent(gateway.program, 'certificate.revoked', { fingerprint: bad.fingerprint, by });
    });

    it('believes a responder that the issuer has authorized, and none that it has not', async (t) => {
      const responder = await makeCertificate(root, { commonName: 'responder', use: 'ocsp' });
      const client = await make('ocsp-delegated', { ocspUri: server.url('delegated') });
      openssl.book([client], []);
      server.give('delegated', (request) => openssl.respond(request, { signer: responder, minutes: 5 }));
      await connect(t, 'ocsp-hard', client);
      const impostor = await make('impostor');
      const cheated = await make('ocsp-cheated', { ocspUri: server.url('impostor') });
      server.give('impostor', (request) => openssl.respond(request, { signer: impostor, minutes: 5 }));
      await turnedAway(t, 'ocsp-hard', cheated);
      await staleWord(cheated, 'refused', /not from the issuer, nor from a responder/);
    });

    for (const [what, behaviour, says] of [
      ['that never answers', () => undefined, /has not answered yet|within/],
      ['that gives garbage of megabytes', () => Buffer.alloc(8_000_000, 0x30), /larger than 65536 bytes/],
      ['that gives a little garbage', () => Buffer.alloc(1000, 0x30), /no OCSP response/],
      [
        'that does not know the certificate',
        (request: Buffer) => openssl.respond(request),
        /does not know the certificate/,
      ],
    ] as const) {
      it(`${what}: hard-fail refuses, soft-fail lets in with an event`, async (t) => {
        const place = what.replaceAll(' ', '-');
        openssl.book([], []);
        server.give(place, behaviour);
        const client = await make('ocsp-unknown', { ocspUri: server.url(place) });
        await turnedAway(t, 'ocsp-hard', client);
        await staleWord(client, 'refused', says);
        await connect(t, 'ocsp-soft', client);
        await staleWord(client, 'allowed', says);
      });
    }

    it('at an unreachable responder: hard-fail refuses, soft-fail lets in with an event', async (t) => {
      const client = await make('ocsp-unreachable', { ocspUri: 'http://127.0.0.1:1/' });
      await turnedAway(t, 'ocsp-hard', client);
      await staleWord(client, 'refused', /no connection \(ECONNREFUSED\)/);
      await connect(t, 'ocsp-soft', client);
      assert.equal(eventsLike(gateway.program, 'certificate.revoked', { username: 'ocsp-unreachable' }).length, 0);
    });

    it('does not believe an answer in the issuer’s name with another key', async (t) => {
      const forger = new OpensslAuthority(await makeCa('Device Root'));
      t.after(() => forger.remove());
      const client = await make('ocsp-forged', { ocspUri: server.url('forged') });
      forger.book([client], []);
      server.give('forged', (request) => forger.respond(request, { minutes: 5 }));
      await turnedAway(t, 'ocsp-hard', client);
      await staleWord(client, 'refused', /not from the issuer|signature of the answer is wrong|does not speak of/);
    });
  });

  it('expired certificates end their sessions', async (t) => {
    await writeFile(at('root.crl'), openssl.crl());
    await reloaded();
    // Made last, and as short-lived as lets it connect: a busy machine may take its time for that.
    const briefly = async (lifeMs: number): Promise<MqttJsClient> => {
      const client = await make('brief', { notAfter: new Date(Date.now() + lifeMs) }, root);
      return connect(t, 'files-soft', client).catch((error) =>
        lifeMs < 60_000 ? briefly(lifeMs * 4) : Promise.reject(error),
      );
    };
    const live = await briefly(3000);
    await live.closed();
    assert.deepEqual(live.disconnectReasons, [NOT_AUTHORIZED]);
    await untilEvent(gateway.program, 'connection.closed', { by: 'identity:expired', says: 'identity has expired' });
  });
});
