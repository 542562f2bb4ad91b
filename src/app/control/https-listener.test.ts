import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { IncomingHttpHeaders } from 'node:http';
import { request as httpsRequest, type RequestOptions } from 'node:https';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import { makeCa, makeCertificate, type TestAuthority, type TestCertificate } from '../../../test/kit/certificates.ts';
import { systemChance } from '../../base/chance.ts';
import type { GatewayEvent } from '../../base/events.ts';
import { ManualClock } from '../../base/manual-clock.ts';
import type { Config } from '../config/config.ts';
import { OperatorError } from '../config/problem.ts';
import type { OperatorAction } from '../observability/operator-action.ts';
import { type ControlServer, openControlServer } from './control-server.ts';
import type { Authentication, RequestFacts } from './principal.ts';
import { problemSchema } from './problem-details.ts';
import type { ControlServices } from './services.ts';

const directory = mkdtempSync(join(tmpdir(), 'sallyport-https-'));
after(() => rmSync(directory, { recursive: true }));

let ca: TestAuthority;
let ours: TestCertificate;
let client: TestCertificate;

before(async () => {
  ca = await makeCa('Control CA');
  ours = await makeCertificate(ca, { commonName: 'gateway', use: 'server', hosts: ['gateway.example', '127.0.0.1'] });
  client = await makeCertificate(ca, { commonName: 'ann', use: 'client' });
  writeFileSync(join(directory, 'server.crt'), ours.certificatePem);
  writeFileSync(join(directory, 'server.key'), ours.keyPem);
  writeFileSync(join(directory, 'ca.crt'), ca.certificatePem);
});

function configOf(changes: Partial<Config['control']> = {}): Config['control'] {
  return {
    port: 0,
    address: '127.0.0.1',
    hosts: ['console.example'],
    certificate: join(directory, 'server.crt'),
    key: join(directory, 'server.key'),
    clientCertificate: 'require',
    connectionsMax: 8,
    connectionsPerAddressMax: 4,
    requestsPerSecondMax: 5,
    requestTimeoutMs: 5000,
    ...changes,
  } as Config['control'];
}

describe('the HTTPS listener', () => {
  let server: ControlServer;
  let clock: ManualClock;
  let events: GatewayEvent[];
  let actions: OperatorAction[];
  let facts: RequestFacts[];
  let answer: Authentication;

  const open = async (changes?: Partial<Config['control']>, isWithAuthenticator = true): Promise<void> => {
    await server?.close();
    const services = {
      clock,
      chance: systemChance,
      emit: (event: GatewayEvent) => events.push(event),
      live: { status: { now: () => ({}) } },
      reload: async () => ({ ok: true, generation: 1, changed: [], restartNeeded: [] }),
      onAction: (action: OperatorAction) => actions.push(action),
    } as unknown as ControlServices;
    const authenticator = {
      challenge: 'Bearer realm="test"',
      authenticate: (given: RequestFacts) => {
        facts.push(given);
        return answer;
      },
    };
    server = await openControlServer({
      path: join(directory, 'control.sock'),
      services,
      config: configOf(changes),
      ...(isWithAuthenticator ? { authenticator } : {}),
    });
  };

  beforeEach(() => {
    clock = new ManualClock();
    [events, actions, facts] = [[], [], []];
    const principal = { name: 'ann', from: '127.0.0.1', role: 'admin', scopes: 'all', isLocal: false } as const;
    answer = { kind: 'known', principal };
  });
  afterEach(() => server.close());

  interface Answer {
    readonly status: number;
    readonly headers: IncomingHttpHeaders;
    readonly body: string;
  }

  const ask = (options: RequestOptions = {}, body?: string): Promise<Answer> =>
    new Promise((resolve, reject) => {
      const { port } = server.https!;
      const request = httpsRequest({
        host: '127.0.0.1',
        port,
        path: '/v1/status',
        ca: ca.certificatePem,
        servername: 'gateway.example',
        agent: false,
        ...options,
      });
      request.on('error', reject);
      request.on('response', (response) => {
        let text = '';
        response.on('data', (chunk) => {
          text += chunk;
        });
        response.on('end', () => resolve({ status: response.statusCode!, headers: response.headers, body: text }));
      });
      request.end(body);
    });

  const handshake = async (options: object): Promise<TLSSocket> => {
    const socket = connect({ host: '127.0.0.1', port: server.https!.port, ca: ca.certificatePem, ...options });
    await once(socket, 'secureConnect');
    return socket;
  };

  it('speaks TLS 1.3, tells that it is open, and names whoever acts', async () => {
    await open();
    const socket = await handshake({});
    assert.equal(socket.getProtocol(), 'TLSv1.3');
    socket.destroy();
    await assert.rejects(handshake({ maxVersion: 'TLSv1.2' }), /protocol version|alert/i);
    assert.ok(events.some((event) => event.name === 'listener.opened' && event.listener === 'control'));
    assert.equal((await ask({ method: 'POST', path: '/v1/reload' })).status, 200);
    assert.deepEqual(
      actions.map(({ name, by, from }) => [name, by, from]),
      [['reload', 'ann', '127.0.0.1']],
    );
    assert.equal(facts[0]?.address, '127.0.0.1');
    assert.equal(facts[0]?.path, '/v1/reload');
  });

  it('lets nobody in where nothing knows operators, and nobody by the header of the socket', async () => {
    await open({}, false);
    const { status, headers } = await ask({ headers: { 'sallyport-user': 'root' } });
    assert.equal(status, 401);
    assert.ok(headers['www-authenticate']);
  });

  it('answers to its own names only, so that no other can be rebound to it', async () => {
    await open({ requestsPerSecondMax: 100 });
    const good = ['gateway.example', 'GATEWAY.example:8443', 'console.example', 'localhost', '127.0.0.1:1', '[::1]:2'];
    for (const host of good) assert.equal((await ask({ headers: { host } })).status, 200, host);
    for (const host of ['evil.example', 'gateway.example.evil', 'gateway.example@evil', 'a b', '', '::1']) {
      const { status, body } = await ask({ headers: { host }, setHost: false });
      assert.equal(status, 421, host);
      assert.match(problemSchema.parse(JSON.parse(body)).detail, /control\.hosts/);
    }
    assert.ok(events.some((event) => event.name === 'control.refused' && event.status === 421));
  });

  it('refuses what another site makes a browser send', async () => {
    await open({ requestsPerSecondMax: 100 });
    const host = 'gateway.example';
    const reload = { method: 'POST', path: '/v1/reload' };
    const cases: [headers: Record<string, string>, status: number][] = [
      [{}, 200],
      [{ origin: 'https://gateway.example' }, 200],
      [{ origin: 'https://gateway.example', 'sec-fetch-site': 'same-origin' }, 200],
      [{ origin: 'http://gateway.example' }, 403],
      [{ origin: 'https://evil.example' }, 403],
      [{ origin: 'null' }, 403],
      [{ 'sec-fetch-site': 'cross-site' }, 403],
      [{ 'sec-fetch-site': 'same-site' }, 403],
    ];
    for (const [headers, status] of cases) {
      assert.equal((await ask({ ...reload, headers: { host, ...headers } })).status, status, JSON.stringify(headers));
    }
    assert.equal(actions.length, 3);
    assert.equal(
      (await ask({ headers: { host, origin: 'https://evil.example' } })).headers['access-control-allow-origin'],
      undefined,
    );
  });

  it('has a rate for each address, and says when to come back', async () => {
    await open();
    const statuses: number[] = [];
    for (let i = 0; i < 21; i++) statuses.push((await ask()).status);
    assert.deepEqual(statuses, [...Array(20).fill(200), 429]);
    const { headers } = await ask();
    assert.equal(headers['retry-after'], '1');
    clock.advance(1000);
    assert.equal((await ask()).status, 200);
    assert.ok(events.some((event) => event.name === 'control.refused' && event.status === 429));
  });

  it('has a ceiling of connections for each address, and ends those that ask nothing', async () => {
    await open();
    const sockets = [];
    for (let i = 0; i < 4; i++) sockets.push(await handshake({}));
    for (let i = 0; i < 5; i++) await assert.rejects(ask(), /ECONNRESET|hang up|disconnected/);
    const told = events.filter((event) => event.name === 'ceiling.reached' && /one address/.test(event.ceiling));
    assert.equal(told.length, 1, 'no flood of events for a flood of connections');
    const gone = sockets.map((socket) => once(socket.resume(), 'close'));
    clock.advance(5000);
    await Promise.all(gone);
    assert.equal((await ask()).status, 200);
  });

  it('asks for a certificate where there is a CA for operators, and hands on only what that has signed', async () => {
    const clientCa = join(directory, 'ca.crt');
    await open({ clientCa });
    await assert.rejects(ask(), /certificate required|alert|ECONNRESET|hang up/i);
    const { certificatePem: cert, keyPem: key } = client;
    assert.equal((await ask({ cert, key })).status, 200);
    const [seen] = facts;
    assert.equal(seen?.certificate?.commonName, 'ann');
    assert.equal(seen?.certificate?.fingerprint, client.fingerprint);

    await open({ clientCa, clientCertificate: 'request' });
    const stranger = await makeCertificate(await makeCa('Another CA'), { commonName: 'ann', use: 'client' });
    facts.length = 0;
    assert.equal((await ask()).status, 200);
    assert.equal((await ask({ cert: stranger.certificatePem, key: stranger.keyPem })).status, 200);
    assert.deepEqual(
      facts.map(({ certificate }) => certificate),
      [undefined, undefined],
    );
  });

  it('takes a renewed certificate without a restart, and keeps the old one where the new one is none', async () => {
    await open();
    const before = (await handshake({})).getPeerX509Certificate()?.fingerprint256;
    const renewed = await makeCertificate(ca, { commonName: 'gateway', use: 'server' });
    writeFileSync(join(directory, 'server.crt'), renewed.certificatePem);
    writeFileSync(join(directory, 'server.key'), renewed.keyPem);
    try {
      assert.deepEqual(await server.apply(configOf()), []);
      const now = (await handshake({})).getPeerX509Certificate()?.fingerprint256;
      assert.notEqual(now, before);
      writeFileSync(join(directory, 'server.crt'), 'none');
      assert.deepEqual(await server.apply(configOf()), []);
      assert.ok(events.some((event) => event.name === 'listener.failed' && /no certificate/.test(event.says)));
      assert.equal((await handshake({})).getPeerX509Certificate()?.fingerprint256, now);
    } finally {
      writeFileSync(join(directory, 'server.crt'), ours.certificatePem);
      writeFileSync(join(directory, 'server.key'), ours.keyPem);
    }
    assert.deepEqual(await server.apply(configOf()), []);
    const told = events.filter(({ name }) => name.startsWith('listener.')).map(({ name }) => name);
    assert.deepEqual(told, ['listener.opened', 'listener.failed', 'listener.opened'], 'it is mended');
  });
});

describe('a reload of the HTTPS listener', () => {
  let server: ControlServer;
  const open = async (changes: Partial<Config['control']>): Promise<void> => {
    const services = {
      clock: new ManualClock(),
      chance: systemChance,
      emit: () => undefined,
    } as unknown as ControlServices;
    server = await openControlServer({ path: join(directory, 'reload.sock'), services, config: configOf(changes) });
  };
  afterEach(() => server.close());

  it('names exactly what waits for a restart', async () => {
    const clientCa = join(directory, 'ca.crt');
    const cases: [before: Partial<Config['control']>, after: Partial<Config['control']>, restartNeeded: string[]][] = [
      [{}, {}, []],
      [{}, { hosts: ['other.example'] }, []],
      [{}, { certificate: join(directory, 'server.crt'), operators: { sessions: {} } as never }, []],
      [{}, { address: '127.0.0.2', requestTimeoutMs: 9000 }, ['control.address', 'control.requestTimeout']],
      [
        {},
        { connectionsMax: 9, connectionsPerAddressMax: 5 },
        ['control.connectionsMax', 'control.connectionsPerAddressMax'],
      ],
      [{}, { requestsPerSecondMax: 6 }, ['control.requestsPerSecondMax']],
      [{}, { port: undefined }, ['control.port']],
      [{ port: undefined }, { port: 0 }, ['control.port']],
      [{ port: undefined }, { port: undefined, connectionsMax: 9 }, []],
      [{}, { clientCertificate: 'request' }, []],
      [{}, { clientCa }, ['control.clientCa']],
      [{ clientCa }, {}, ['control.clientCa']],
      [{ clientCa }, { clientCa, clientCertificate: 'request' }, ['control.clientCertificate']],
    ];
    for (const [before, after, restartNeeded] of cases) {
      await server?.close();
      await open(before);
      assert.deepEqual(await server.apply(configOf(after)), restartNeeded, JSON.stringify([before, after]));
    }
  });

  it('answers to new names at once, and to old ones no more', async () => {
    await open({});
    const statusFor = (host: string): Promise<number> =>
      new Promise((resolve, reject) => {
        const request = httpsRequest({
          ...{ host: '127.0.0.1', port: server.https!.port, path: '/v1/nothing', agent: false },
          ...{ ca: ca.certificatePem, servername: 'gateway.example', headers: { host } },
        });
        request.on('error', reject).on('response', (response) => {
          response.resume();
          resolve(response.statusCode!);
        });
        request.end();
      });
    assert.deepEqual([await statusFor('console.example'), await statusFor('other.example')], [404, 421]);
    await server.apply(configOf({ hosts: ['other.example'] }));
    assert.deepEqual([await statusFor('console.example'), await statusFor('other.example')], [421, 404]);
  });

  it('lets in no certificates of the whole world where the CA was taken out', async () => {
    await open({ clientCa: join(directory, 'ca.crt') });
    await server.apply(configOf({}));
    const reaches = (options: ConnectionOptions): Promise<boolean> =>
      new Promise((resolve) => {
        const socket = connect({ host: '127.0.0.1', port: server.https!.port, ca: ca.certificatePem, ...options });
        socket.on('error', () => resolve(false)).on('close', () => resolve(false));
        socket.on('data', () => resolve(true)).on('secureConnect', () => socket.write('GET /v1/x HTTP/1.1\r\n\r\n'));
      });
    const servername = 'gateway.example';
    assert.equal(
      await reaches({ servername, cert: client.certificatePem, key: client.keyPem }),
      true,
      'that of the CA before',
    );
    assert.equal(await reaches({ servername }), false);
  });
});

describe('a certificate whose authority was replaced', () => {
  it('is worth nothing from then on, on connections that are open and in sessions that would go on', async (t) => {
    const [before, after] = [join(directory, 'before.crt'), join(directory, 'after.crt')];
    writeFileSync(before, ca.certificatePem);
    writeFileSync(after, (await makeCa('Another CA')).certificatePem);
    const facts: RequestFacts[] = [];
    const services = { clock: new ManualClock(), chance: systemChance, emit: () => undefined };
    const server = await openControlServer({
      path: join(directory, 'trust.sock'),
      services: services as unknown as ControlServices,
      config: configOf({ clientCa: before, clientCertificate: 'request' }),
      authenticator: {
        authenticate: (given) => {
          facts.push(given);
          return { kind: 'nobody' };
        },
      },
    });
    t.after(() => server.close());
    const options = { cert: client.certificatePem, key: client.keyPem, ca: ca.certificatePem };
    const open = async (session?: Buffer): Promise<TLSSocket> => {
      const socket = connect({
        ...{ host: '127.0.0.1', port: server.https!.port, servername: 'gateway.example' },
        ...options,
        ...(session === undefined ? {} : { session }),
      });
      t.after(() => socket.destroy());
      await once(socket, 'secureConnect');
      return socket;
    };
    const ask = async (socket: TLSSocket): Promise<string> => {
      socket.write('GET /v1/status HTTP/1.1\r\nhost: gateway.example\r\n\r\n');
      return String(await once(socket, 'data'));
    };
    const sessions: Buffer[] = [];
    const first = await open();
    first.on('session', (session) => sessions.push(session));
    await ask(first);
    assert.notEqual(facts.at(-1)?.certificate, undefined);
    await server.apply(configOf({ clientCa: after, clientCertificate: 'request' }));
    assert.match(await ask(first), /^HTTP\/1\.1 401 [\s\S]*connect anew/);
    assert.equal(facts.length, 1);
    await ask(await open(sessions.at(-1)));
    assert.deepEqual([facts.length, facts.at(-1)?.certificate], [2, undefined]);
  });
});

describe('an HTTPS listener that cannot be', () => {
  const services = {
    clock: new ManualClock(),
    chance: systemChance,
    emit: () => undefined,
  } as unknown as ControlServices;
  const refused = async (changes: Partial<Config['control']>, says: RegExp): Promise<void> => {
    const options = { path: join(directory, 'refused.sock'), services, config: configOf(changes) };
    await assert.rejects(openControlServer(options), (error: Error) => {
      assert.ok(error instanceof OperatorError, String(error));
      assert.match(error.message, says);
      return true;
    });
  };

  it('says which file or port has to be mended, and leaves nothing open', async () => {
    await refused({ certificate: join(directory, 'absent') }, /control\.certificate\) cannot be read \(ENOENT\)/);
    await refused({ certificate: join(directory, 'server.key') }, /control\.certificate\) holds no certificate/);
    await refused({ key: join(directory, 'ca.crt') }, /control\.key/);
    await refused({ clientCa: join(directory, 'absent') }, /control\.clientCa/);
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    const { port } = taken.address() as AddressInfo;
    await refused({ port }, /EADDRINUSE.*control\.port/);
    taken.close();
  });
});
