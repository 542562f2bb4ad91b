import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import net from 'node:net';
import path from 'node:path';
import { after, before, describe, it, type TestContext, test } from 'node:test';
import { tlsEndpoint } from '../../src/assurance/audit/checks/tls/tls.ts';
import type { Outcome, Status } from '../../src/assurance/audit/model/outcome.ts';
import { evaluateSafely } from '../../src/assurance/audit/model/subject.ts';
import { noCommands } from '../../src/assurance/audit/system/commands.ts';
import { DirectorySystem } from '../../src/assurance/audit/system/directory-system.ts';
import { tlsTarget } from '../../src/assurance/audit/tls/endpoint.ts';
import { collectEndpoint } from '../../src/assurance/audit/tls/facts.ts';
import { systemClock } from '../../src/base/clock.ts';
import { fixtureContext } from '../kit/audited-system.ts';
import {
  makeCa,
  makeCertificate,
  makeCrl,
  makeIntermediate,
  type TestAuthority,
  type TestCertificate,
} from '../kit/certificates.ts';
import { worst } from '../kit/check-fixtures.ts';
import { sallyport } from '../kit/gateway.ts';
import { startMosquitto } from '../kit/mosquitto.ts';
import { withoutOpenssl } from '../kit/openssl.ts';
import { freePort, HOST, Program, removeDirectory, runToEnd, temporaryDirectory } from '../kit/process.ts';
import { startSecuredGateway } from '../kit/secured-gateway.ts';

const withoutMosquitto = spawnSync('mosquitto', ['-h']).error === undefined ? false : 'mosquitto is not installed';

let directory: string;
let ca: TestAuthority;
let server: TestCertificate;
let client: TestCertificate;
const at = (name: string): string => path.join(directory, name);

before(async () => {
  directory = await temporaryDirectory('audit-tls');
  ca = await makeCa('Plant CA');
  const hall = await makeIntermediate(ca, 'Hall CA');
  server = await makeCertificate(ca, { commonName: 'broker', use: 'server', crlUris: ['http://ca.example/a.crl'] });
  client = await makeCertificate(ca, { commonName: 'pump', use: 'client' });
  const below = await makeCertificate(hall, { commonName: 'broker', use: 'server' });
  const rsa = await makeCertificate(ca, { commonName: 'broker', use: 'server', key: 'RSA-2048' });
  for (const [name, text] of Object.entries({
    'ca.crt': ca.certificatePem,
    'server.crt': server.certificatePem,
    'server.key': server.keyPem,
    'rsa.crt': rsa.certificatePem,
    'rsa.key': rsa.keyPem,
    'below.crt': below.certificatePem,
    'below.key': below.keyPem,
    'hall.crt': hall.certificatePem,
    'client.crt': client.certificatePem,
    'client.key': client.keyPem,
    'ca.crl': await makeCrl(ca, [client]),
    'stale.crl': await makeCrl(ca, [], { nextUpdate: new Date(Date.now() - 1000) }),
  })) {
    await writeFile(at(name), text);
  }
});
after(() => removeDirectory(directory));

type Outcomes = Readonly<Record<string, readonly Outcome[]>>;

async function audit(port: number, options: Readonly<Record<string, unknown>> = {}): Promise<Outcomes> {
  const target = tlsTarget(`${HOST}:${port}`, { serverName: 'localhost', ca: at('ca.crt'), ...options });
  const system = new DirectorySystem({ root: '/', runCommand: noCommands });
  const facts = await collectEndpoint(target, { ...fixtureContext({}), system, clock: systemClock });
  return Object.fromEntries(tlsEndpoint.checks.map((check) => [check.id, evaluateSafely(() => check.evaluate(facts))]));
}

function statuses(outcomes: Outcomes, ids: readonly string[]): Record<string, Status> {
  return Object.fromEntries(ids.map((id) => [id, worst(outcomes[id]!)]));
}

const failures = (outcomes: Outcomes): string[] =>
  Object.entries(outcomes).flatMap(([id, all]) =>
    all.flatMap((one) => (one.status === 'fail' ? `${id} ${one.reason}` : [])),
  );

async function openssl(t: TestContext, name: string, ...args: readonly string[]): Promise<number> {
  const port = await freePort();
  const files = ['-cert', at(`${name}.crt`), '-key', at(`${name}.key`)];
  const program = await Program.start(
    'openssl',
    ['s_server', '-accept', `${HOST}:${port}`, ...files, '-www', ...args],
    [port],
  );
  t.after(() => program.end());
  return port;
}

describe('OpenSSL', { skip: withoutOpenssl }, () => {
  it('with everything that it still has is told for all of it', async (t) => {
    const port = await openssl(t, 'rsa', '-cipher', 'ALL:COMPLEMENTOFALL:@SECLEVEL=0', '-min_protocol', 'TLSv1');
    const outcomes = await audit(port);
    const found = failures(outcomes);
    for (const wanted of [
      'T04 tls-1.0',
      'T04 tls-1.1',
      'T06 null-cipher',
      'T06 anonymous-cipher',
      'T07 no-forward-secrecy',
      'T07 cbc',
      'T15 no-revocation-data',
    ])
      assert.ok(found.includes(wanted), `${wanted} of ${found.join(', ')}`);
    assert.deepEqual(statuses(outcomes, ['T05', 'T08', 'T09', 'T12', 'T13']), {
      T05: 'pass',
      T08: 'pass',
      T09: 'pass',
      T12: 'pass',
      T13: 'pass',
    });
  });

  it('with nothing but what is sound passes', async (t) => {
    const port = await openssl(t, 'server', '-cipher', 'ECDHE+AESGCM', '-min_protocol', 'TLSv1.2');
    const outcomes = await audit(port, { crl: at('ca.crl') });
    // Whether it has the post-quantum group is a matter of its version.
    assert.deepEqual(
      failures(outcomes).filter((one) => !one.startsWith('T23')),
      [],
      JSON.stringify(outcomes, null, 1),
    );
    const assessed = [
      'T04',
      'T05',
      'T06',
      'T07',
      'T08',
      'T09',
      'T10',
      'T11',
      'T12',
      'T13',
      'T14',
      'T15',
      'T16',
      'T20',
      'T22',
    ];
    for (const [id, status] of Object.entries(statuses(outcomes, assessed))) assert.equal(status, 'pass', id);
  });

  it('that renegotiates is told', async (t) => {
    const port = await openssl(t, 'server', '-tls1_2', '-client_renegotiation');
    const outcomes = await audit(port);
    assert.deepEqual(statuses(outcomes, ['T08', 'T22', 'T23']), { T08: 'fail', T22: 'fail', T23: 'not-applicable' });
  });

  it('that ends the handshake without a certificate of the client shows its own all the same', async (t) => {
    const port = await openssl(t, 'server', '-tls1_2', '-Verify', '1', '-verify_return_error', '-CAfile', at('ca.crt'));
    const outcomes = await audit(port);
    assert.deepEqual(statuses(outcomes, ['T12', 'T13', 'T17', 'T22']), {
      T12: 'pass',
      T13: 'pass',
      T17: 'unknown',
      T22: 'unknown',
    });
  });

  it('that keeps its intermediate to itself has a gap in its chain', async (t) => {
    const missing = await audit(await openssl(t, 'below'));
    assert.deepEqual(
      failures(missing).filter((one) => one.startsWith('T13')),
      ['T13 chain-incomplete'],
    );
    const sent = await audit(await openssl(t, 'below', '-cert_chain', at('hall.crt')));
    assert.equal(worst(sent['T13']!), 'pass');
  });

  it('under another name, and with a list that is out of date, is told for both', async (t) => {
    const port = await openssl(t, 'server');
    const outcomes = await audit(port, { serverName: 'other.example', crl: at('stale.crl') });
    assert.deepEqual(statuses(outcomes, ['T12', 'T16']), { T12: 'fail', T16: 'fail' });
  });
});

describe('Mosquitto', { skip: withoutMosquitto }, () => {
  const start = async (t: TestContext, ...lines: readonly string[]): Promise<number> => {
    const port = await freePort();
    const files = [`cafile ${at('ca.crt')}`, `certfile ${at('server.crt')}`, `keyfile ${at('server.key')}`];
    const mosquitto = await startMosquitto({
      config: [
        `listener ${port} ${HOST}`,
        ...files,
        'require_certificate true',
        'use_identity_as_username true',
        ...lines,
      ],
    });
    t.after(() => mosquitto.stop());
    return port;
  };
  const revoked = () => ({ certificate: at('client.crt'), key: at('client.key') });

  it('without a revocation list lets a revoked client in, with one it does not', async (t) => {
    assert.equal(worst((await audit(await start(t), revoked()))['T17']!), 'fail');
    assert.equal(worst((await audit(await start(t, `crlfile ${at('ca.crl')}`), revoked()))['T17']!), 'pass');
  });

  it('with a stale revocation list turns good clients away, and the list is told to be stale', async (t) => {
    const good = await makeCertificate(ca, { commonName: 'valve', use: 'client' });
    await writeFile(at('good.crt'), good.certificatePem);
    await writeFile(at('good.key'), good.keyPem);
    const getsIn = async (crl: string): Promise<boolean> => {
      const port = await start(t, `crlfile ${at(crl)}`);
      const login = ['-h', 'localhost', '-p', String(port), '--cafile', at('ca.crt')];
      const files = ['--cert', at('good.crt'), '--key', at('good.key')];
      return (await runToEnd('mosquitto_pub', [...login, ...files, '-t', 'x', '-m', 'x', '-q', '1'])).code === 0;
    };
    assert.deepEqual([await getsIn('ca.crl'), await getsIn('stale.crl')], [true, false]);
    const [fresh, stale] = [
      await audit(await start(t), { crl: at('ca.crl') }),
      await audit(await start(t), { crl: at('stale.crl') }),
    ];
    assert.deepEqual([worst(fresh['T16']!), worst(stale['T16']!)], ['pass', 'fail']);
  });
});

test('our own gateway has nothing that is weak', async (t) => {
  const secured = await startSecuredGateway({ transports: ['tls'] });
  t.after(() => secured.stop());
  const outcomes = await audit(secured.gateway.ports.get('tls')!, { ca: secured.files.ca });
  assert.deepEqual(failures(outcomes), ['T15 no-revocation-data'], JSON.stringify(outcomes, null, 1));
  const assessed = ['T04', 'T05', 'T06', 'T07', 'T08', 'T09', 'T12', 'T13', 'T22', 'T23'];
  for (const [id, status] of Object.entries(statuses(outcomes, assessed))) assert.equal(status, 'pass', id);
});

describe('a server that behaves badly is neither passed nor failed', () => {
  const FLOOD = Buffer.alloc(64 * 1024, '160303');
  const behaviours: Readonly<Record<string, (socket: net.Socket) => void>> = {
    'says nothing': () => {},
    'says nothing and closes': (socket) => socket.end(),
    resets: (socket) => socket.resetAndDestroy(),
    'speaks HTTP': (socket) => socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n'),
    floods: (socket) => {
      const more = (): void => {
        while (!socket.destroyed && socket.write(FLOOD));
      };
      socket.on('drain', more);
      more();
    },
    'sends warnings without end': (socket) => {
      const warnings = Buffer.from('15030300020170'.repeat(1000), 'hex');
      const more = (): void => {
        while (!socket.destroyed && socket.write(warnings));
      };
      socket.on('drain', more);
      more();
    },
    'chooses what was not offered': (socket) => {
      socket.once('data', () => socket.end(Buffer.from(`160303002a02000026fefe${'00'.repeat(32)}00000500`, 'hex')));
    },
    'sends crumbs': (socket) => {
      let left = 200;
      const crumb = (): void => {
        if (left-- > 0 && !socket.destroyed) socket.write(Buffer.of(0x16), () => setTimeout(crumb, 5));
      };
      crumb();
    },
    'gives every handshake up': (socket) => socket.end(Buffer.from('15030300020250', 'hex')),
  };

  for (const [says, behave] of Object.entries(behaviours)) {
    it(says, async (t) => {
      const sockets = new Set<net.Socket>();
      const bad = net.createServer((socket) => {
        sockets.add(socket);
        socket.on('error', () => {});
        behave(socket);
      });
      bad.listen(0, HOST);
      await once(bad, 'listening');
      t.after(() => {
        for (const socket of sockets) socket.destroy();
        bad.close();
      });
      const outcomes = await audit((bad.address() as net.AddressInfo).port);
      for (const [id, all] of Object.entries(outcomes))
        for (const one of all) assert.equal(one.status, 'unknown', `${id}: ${JSON.stringify(one)}`);
    });
  }

  it('takes some connections and closes the others', { skip: withoutOpenssl }, async (t) => {
    const behind = await openssl(t, 'server', '-cipher', 'ECDHE+AESGCM');
    let left = 2;
    const limited = net.createServer((socket) => {
      socket.on('error', () => {});
      if (left-- <= 0) return void socket.end();
      const upstream = net.connect(behind, HOST).on('error', () => socket.destroy());
      socket.pipe(upstream).pipe(socket);
    });
    limited.listen(0, HOST);
    await once(limited, 'listening');
    t.after(() => limited.close());
    const outcomes = await audit((limited.address() as net.AddressInfo).port);
    // The first two show what is sound; of all the rest nothing is known.
    assert.deepEqual(statuses(outcomes, ['T04', 'T05', 'T06', 'T07', 'T08']), {
      T04: 'unknown',
      T05: 'unknown',
      T06: 'unknown',
      T07: 'unknown',
      T08: 'pass',
    });
  });

  it('is not there', async () => {
    const outcomes = await audit(await freePort());
    for (const all of Object.values(outcomes)) assert.equal(worst(all), 'unknown');
  });
});

describe('the command', () => {
  it('gives a report and an exit code', { skip: withoutOpenssl }, async (t) => {
    const port = await openssl(t, 'server', '-tls1_3');
    const args = ['audit', 'tls', `localhost:${port}`, '--ca', at('ca.crt'), '--json'];
    const { code, out, err } = await sallyport(args);
    // Nobody knows what a client's certificate would do, and nobody fetched the list.
    assert.equal(code, 3, err);
    const report = JSON.parse(out);
    assert.equal(report.targets[0].id, `tls:localhost:${port}`);
    const weak = await sallyport([...args, '--server-name', 'other.example']);
    assert.equal(weak.code, 1, weak.err);
  });

  it('says what is wrong with its words', async () => {
    for (const [args, says] of [
      [[], /needs an address/],
      [['no address'], /is no address of a TLS endpoint/],
      [['localhost:70000'], /is no address of a TLS endpoint/],
      [['localhost:1', '--certificate', 'x'], /both or neither of certificate and key/],
    ] as const) {
      const { code, err } = await sallyport(['audit', 'tls', ...args]);
      assert.equal(code, 2, err);
      assert.match(err, says);
    }
  });
});
