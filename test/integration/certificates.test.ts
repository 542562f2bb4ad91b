/** Client certificates through the whole program: names from any field, pins, weak keys, bundles of CAs; and our own, stapled. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { after, before, describe, it, type TestContext } from 'node:test';
import {
  type CertificateRequest,
  makeCa,
  makeCertificate,
  makeIntermediate,
  type TestAuthority,
  type TestCertificate,
} from '../kit/certificates.ts';
import { untilEvent } from '../kit/event-log.ts';
import { eventually } from '../kit/eventually.ts';
import { type RunningGateway, sallyport, startGateway } from '../kit/gateway.ts';
import { mosquittoPub, withoutMosquittoClients } from '../kit/mosquitto-clients.ts';
import { MqttJsClient } from '../kit/mqttjs.ts';
import { OpensslAuthority, withoutOpenssl } from '../kit/openssl.ts';
import { HOST, removeAtExit, removeDirectory, temporaryDirectory } from '../kit/process.ts';
import { RevocationServer } from '../kit/revocation-server.ts';

const NOT_AUTHORIZED = 0x87;

const TEMPLATES = {
  cn: '${cert.cn}',
  dns: '${cert.san.dns}',
  uri: 'dev:${cert.san.uri}',
  email: '${cert.san.email}',
  serial: '${cert.serial}',
  fingerprint: 'sha256-${cert.fingerprint}',
  unit: '${cert.ou}.${cert.cn}',
} as const;

describe('client certificates', () => {
  let directory: string;
  let root: TestAuthority;
  let second: TestAuthority;
  let plant: TestAuthority & TestCertificate;
  let pinned: TestCertificate;
  let gateway: RunningGateway;

  const at = (name: string): string => path.join(directory, name);
  const make = (request: Partial<CertificateRequest> = {}, ca = root): Promise<TestCertificate> =>
    makeCertificate(ca, { commonName: 'pump-7', use: 'client', ...request });

  before(async () => {
    directory = await temporaryDirectory('certificates');
    root = await makeCa('Device Root');
    second = await makeCa('Second Root');
    plant = await makeIntermediate(second, 'Plant CA');
    pinned = await make({ commonName: 'pinned' });
    const shown = await makeCertificate(root, { commonName: 'localhost', use: 'server' });
    await writeFile(at('server.crt'), shown.certificatePem);
    await writeFile(at('server.key'), shown.keyPem, { mode: 0o600 });
    await writeFile(at('clients.crt'), `${root.certificatePem}\n${second.certificatePem}`);
    await writeFile(at('pins'), `# one pump\n${pinned.fingerprint} pinned\n`);
    const listener = (name: string, tls: Record<string, unknown>) => ({
      name,
      type: 'tls' as const,
      tls: {
        certificates: [{ certificate: 'server.crt', key: 'server.key' }],
        clientCertificate: 'require',
        clientCa: 'clients.crt',
        ...tls,
      },
    });
    gateway = await startGateway({
      directory,
      acl: ['pattern readwrite devices/%u/#'],
      listeners: [
        ...Object.entries(TEMPLATES).map(([name, identity]) => listener(name, { identity })),
        listener('pins', { identityFromCertificate: true, pinFile: 'pins' }),
      ],
    });
  });

  after(async () => {
    await gateway?.stop();
    await removeDirectory(directory);
  });

  async function connect(
    t: TestContext,
    listener: string,
    certificate: TestCertificate,
    chain: readonly TestCertificate[] = [],
  ): Promise<MqttJsClient> {
    const client = await MqttJsClient.connect({
      port: gateway.ports.get(listener)!,
      transport: 'tls',
      tls: {
        ca: root.certificatePem,
        cert: [certificate, ...chain].map(({ certificatePem }) => certificatePem).join('\n'),
        key: certificate.keyPem,
      },
      // Our own side shall not be the one that refuses.
      options: { ciphers: 'DEFAULT@SECLEVEL=0' } as object,
    });
    t.after(() => client.client.end(true));
    return client;
  }

  it('give the user name from the field that the listener takes it from', async (t) => {
    const certificate = await make({
      organizationalUnits: ['Water', 'hall 2'],
      hosts: ['pump-7.example.org', 'other.example.org'],
      uris: ['urn:dev:7'],
      emails: ['pump-7@example.org'],
    });
    const serial = certificate.serialNumber.toLowerCase().replace(/^(00)+(?=.)/, '');
    for (const [listener, username] of [
      ['cn', 'pump-7'],
      ['dns', 'pump-7.example.org'],
      ['uri', 'dev:urn:dev:7'],
      ['email', 'pump-7@example.org'],
      ['serial', serial],
      ['fingerprint', `sha256-${certificate.fingerprint}`],
      ['unit', 'hall 2.pump-7'],
    ] as const) {
      const client = await connect(t, listener, certificate);
      await client.publish(`devices/${username}/x`, 'x', { qos: 1 });
      await untilEvent(gateway.program, 'client.connected', { listener, username });
    }
  });

  it('give the same name to mosquitto_pub', { skip: withoutMosquittoClients }, async () => {
    const certificate = await make({ uris: ['urn:dev:9'] });
    await writeFile(at('client.crt'), certificate.certificatePem);
    await writeFile(at('client.key'), certificate.keyPem);
    await writeFile(at('root.crt'), root.certificatePem);
    const tls = { ca: at('root.crt'), cert: at('client.crt'), key: at('client.key') };
    const port = gateway.ports.get('uri')!;
    const { code, err } = await mosquittoPub({ port, version: 'mqttv311', tls }, 'devices/dev:urn:dev:9/x', [
      '-m',
      'x',
    ]);
    assert.equal(code, 0, err);
    await untilEvent(gateway.program, 'client.connected', { listener: 'uri', username: 'dev:urn:dev:9' });
  });

  it('without that field, or with a name that is a pattern, are refused', async (t) => {
    await assert.rejects(connect(t, 'email', await make()), { code: 0x86 });
    await assert.rejects(connect(t, 'uri', await make({ uris: ['https://example.org/a'] })), { code: 0x86 });
    await assert.rejects(connect(t, 'cn', await make({ commonName: 'a#b' })), { code: 0x86 });
    const events = { by: 'identity:reserved-characters', method: 'certificate', listener: 'cn' };
    await untilEvent(gateway.program, 'authentication.failed', events);
  });

  it('of each CA in the bundle are taken, and those of an intermediate that clients send', async (t) => {
    await connect(t, 'cn', await make({}, second));
    await connect(t, 'cn', await make({}, plant), [plant]);
    await assert.rejects(connect(t, 'cn', await make({}, plant)));
    const says = /unknown authority/;
    await untilEvent(gateway.program, 'connection.rejected', { by: 'tls', says });
  });

  it('that are not pinned are refused where the listener pins, and a pin that goes ends the session', async (t) => {
    await assert.rejects(connect(t, 'pins', await make()), { code: NOT_AUTHORIZED });
    await untilEvent(gateway.program, 'authentication.failed', { by: `certificate:pins:${at('pins')}` });
    const client = await connect(t, 'pins', pinned);
    await writeFile(at('pins'), `${(await make()).fingerprint}\n`);
    const { code, err } = await gateway.reload();
    assert.equal(code, 0, err);
    await client.closed();
    assert.deepEqual(client.disconnectReasons, [NOT_AUTHORIZED]);
  });

  it('with keys or signatures that are too weak are refused by name', async (t) => {
    const weak = await makeCa('Second Root', {}, 'RSA-1024');
    for (const [certificate, says] of [
      [await make({ key: 'RSA-1024' }), /too weak: an RSA key of 1024 bits, at least 2048/],
      [await make({ signatureHash: 'SHA-1' }), /too weak: a signature with SHA-1, at least SHA-256/],
      [await make({}, weak), /unknown authority|signature/],
    ] as const) {
      await assert.rejects(connect(t, 'cn', certificate));
      await untilEvent(gateway.program, 'connection.rejected', { by: 'tls', says });
    }
    for (const key of ['RSA-2048', 'P-384', 'Ed25519'] as const) await connect(t, 'cn', await make({ key }));
  });

  it('of a CA that a reload no longer trusts lose their sessions', async (t) => {
    const [kept, lost] = [await connect(t, 'cn', await make()), await connect(t, 'cn', await make({}, plant), [plant])];
    await writeFile(at('clients.crt'), root.certificatePem);
    assert.equal((await gateway.reload()).code, 0);
    await lost.closed();
    assert.deepEqual(lost.disconnectReasons, [NOT_AUTHORIZED]);
    await untilEvent(gateway.program, 'connection.closed', { by: 'certificate:trust' });
    await kept.publish('devices/pump-7/x', 'x', { qos: 1 });
  });
});

describe('our own certificate', { skip: withoutOpenssl }, () => {
  it('is shown with what its OCSP responder says of it', async (t) => {
    const directory = await temporaryDirectory('staple');
    removeAtExit(directory);
    const server = await new RevocationServer().open();
    t.after(() => server.close());
    const ca = await makeCa('Server CA');
    const openssl = new OpensslAuthority(ca);
    t.after(() => openssl.remove());
    const shown = await makeCertificate(ca, { commonName: 'localhost', use: 'server', ocspUri: server.url('ocsp') });
    openssl.book([shown], []);
    const at = (name: string): string => path.join(directory, name);
    await writeFile(at('server.crt'), `${shown.certificatePem}\n${ca.certificatePem}`);
    await writeFile(at('server.key'), shown.keyPem, { mode: 0o600 });
    await writeFile(at('ca.crt'), ca.certificatePem);
    server.give('ocsp', (request) => openssl.respond(request, { minutes: 5 }));
    const certificates = [{ certificate: 'server.crt', key: 'server.key' }];
    const tls = { certificates, ocspStapling: true };
    const gateway = await startGateway({ directory, listeners: [{ name: 'mqtts', type: 'tls', tls }] });
    t.after(() => gateway.stop());

    const handshake = async (...args: string[]): Promise<string> => {
      const connectTo = ['-connect', `${HOST}:${gateway.ports.get('mqtts')!}`, '-CAfile', at('ca.crt'), '-status'];
      const child = spawn('openssl', ['s_client', ...connectTo, ...args]);
      let out = '';
      for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (out += text));
      child.stdin.on('error', () => undefined);
      child.stdin.end();
      await once(child, 'close');
      return out;
    };
    for (const version of ['-tls1_2', '-tls1_3']) {
      let out = '';
      await eventually('a stapled answer', async () => {
        out = await handshake(version);
        return /OCSP Response Status: successful/.test(out);
      });
      assert.match(out, /Cert Status: good/);
      assert.match(out, /Verify return code: 0/);
    }
    assert.equal(server.asked.get('/ocsp'), 1);

    await writeFile(at('server.crt'), shown.certificatePem);
    const check = await sallyport(['check', '--data', directory]);
    assert.match(check.err + check.out, /ocspStapling of listener mqtts needs the issuer's certificate behind/);
    await writeFile(at('server.crt'), `${shown.certificatePem}\n${ca.certificatePem}`);
    const port = gateway.ports.get('mqtts')!;
    await gateway.rewrite({ listeners: [{ name: 'mqtts', type: 'tls', port, tls: { certificates } }] });
    assert.equal((await gateway.reload()).code, 0);
    assert.match(await handshake(), /OCSP response: no response sent/);
  });
});
