/** The control plane of a gateway of two workers: over HTTPS with a certificate, with totals that outlive a worker, and with one that is stuck. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { ClientPage } from '../../src/app/clients/client-facts.ts';
import { askGateway } from '../../src/app/control/client.ts';
import type { GatewayStatus } from '../../src/app/status/gateway-status.ts';
import { systemClock } from '../../src/base/clock.ts';
import { makeCa, makeCertificate } from '../kit/certificates.ts';
import { eventsLike, untilEvent } from '../kit/event-log.ts';
import { eventually } from '../kit/eventually.ts';
import { COMMAND, type RunningGateway, sallyport, startGateway } from '../kit/gateway.ts';
import { httpsExchange } from '../kit/https-exchange.ts';
import { ApiBrowser } from '../kit/operator-api.ts';
import { type Finished, freePort, HOST, removeDirectory, runToEnd, temporaryDirectory } from '../kit/process.ts';
import { RawClient } from '../kit/raw-client.ts';

const PASSWORD = 'a password of the tests';

describe('the control plane of two workers', () => {
  let directory: string;
  let gateway: RunningGateway;
  let operator: ApiBrowser;
  let stranger: ApiBrowser;
  const clients = new Map<string, RawClient>();

  before(async () => {
    directory = await temporaryDirectory('fleet-control');
    const ca = await makeCa('Control CA');
    const server = await makeCertificate(ca, { commonName: 'localhost', use: 'server' });
    const own = await makeCertificate(ca, { commonName: 'bot', use: 'client' });
    const other = await makeCertificate(ca, { commonName: 'bot', use: 'client' });
    const files: [string, string][] = [
      ['control.crt', server.certificatePem],
      ['control.key', server.keyPem],
      ['ca.pem', ca.certificatePem],
    ];
    for (const [name, text] of files) await writeFile(path.join(directory, name), text, { mode: 0o600 });
    const port = await freePort();
    gateway = await startGateway({
      directory,
      listeners: [{ name: 'tcp', type: 'tcp' }],
      users: { ann: PASSWORD },
      acl: ['user ann', 'topic readwrite #'],
      config: {
        workers: 2,
        authentication: { passwordFile: 'users' },
        authorization: { aclFile: 'acl' },
        broker: { persistence: 'memory' },
        control: { port, certificate: 'control.crt', key: 'control.key', clientCa: 'ca.pem' },
      },
    });
    await untilEvent(gateway.program, 'listener.opened', { listener: 'control' });
    for (const words of [
      ['add', 'bot', '--role', 'operator', '--no-password'],
      ['certificate', 'add', 'bot', own.fingerprint],
    ]) {
      const done = await sallyport(['operators', ...words, '--data', directory]);
      assert.equal(done.code, 0, done.err);
    }
    const browser = ({ certificatePem: cert, keyPem: key }: typeof own): ApiBrowser =>
      new ApiBrowser(`https://localhost:${port}`, httpsExchange({ ca: ca.certificatePem, cert, key }));
    [operator, stranger] = [browser(own), browser(other)];
    for (const clientId of ['d0', 'd1', 'd2', 'd3']) clients.set(clientId, await open(clientId));
  });
  after(async () => {
    await gateway?.stop();
    if (directory !== undefined) await removeDirectory(directory);
  });

  /** Its line in the log, by which its worker is found, comes a moment after its CONNACK. */
  const open = async (clientId: string): Promise<RawClient> => {
    const before = eventsLike(gateway.program, 'client.connected', { clientId }).length;
    const client = await RawClient.open({ transport: 'tcp', host: HOST, port: gateway.ports.get('tcp')! }, 5);
    await client.connect({ clientId, username: 'ann', password: PASSWORD });
    await untilEvent(gateway.program, 'client.connected', { clientId }, before);
    return client;
  };
  const slotOf = (clientId: string): number => {
    const connected = eventsLike(gateway.program, 'client.connected', { clientId }).at(-1);
    return Number(/^w(\d+)-/.exec(String(connected?.['connectionId']))?.[1]);
  };
  const pidOf = (slot: number): number =>
    Number(eventsLike(gateway.program, 'worker.started', { slot }).at(-1)?.['pid']);
  /** Both streams as one: as somebody sees them who sits there. */
  const onTerminal = (...words: string[]): Promise<Finished> => {
    const command = [process.execPath, COMMAND, ...words, '--data', directory].map((word) => `'${word}'`).join(' ');
    return runToEnd('script', ['--quiet', '--return', '--command', command, '/dev/null']);
  };
  const ask = async (method: 'GET' | 'POST', asked: '/v1/status' | '/v1/restart'): Promise<unknown> => {
    const outcome = await askGateway(path.join(directory, 'control.sock'), { method, path: asked }, systemClock);
    assert.ok(outcome.kind === 'answered', JSON.stringify(outcome));
    return outcome.result;
  };
  const status = async () => (await ask('GET', '/v1/status')) as GatewayStatus;

  it('lists the clients of both over HTTPS, and ends one, for whoever has the certificate', async () => {
    const { status: code, body } = await operator.ask('GET', '/v1/clients?limit=3');
    assert.equal(code, 200);
    const first: ClientPage = body;
    assert.deepEqual([first.clients.length, first.matched, first.silentWorkers], [3, 4, []]);
    const second: ClientPage = (await operator.ask('GET', `/v1/clients?limit=3&cursor=${first.next}`)).body;
    const all = [...first.clients, ...second.clients];
    assert.deepEqual(all.map(({ clientId }) => clientId).sort(), [...clients.keys()]);
    const slots = new Set(all.map(({ connectionId }) => connectionId.slice(0, 2)));
    assert.deepEqual([...slots].sort(), ['w1', 'w2']);

    for (const { clientId } of [all[0]!, all.at(-1)!]) {
      assert.equal((await stranger.ask('POST', `/v1/clients/${clientId}/disconnect`, {})).status, 401);
      const ended = await operator.ask('POST', `/v1/clients/${clientId}/disconnect`, { reason: 'for a test' });
      assert.deepEqual([ended.status, ended.body.connections.length], [200, 1]);
      await clients.get(clientId)!.expectDisconnect(0x98);
      const closed = await untilEvent(gateway.program, 'connection.closed', { clientId });
      assert.equal(closed['by'], 'operator:bot');
      clients.set(clientId, await open(clientId));
    }
    const { body: removed } = await operator.ask('DELETE', '/v1/mqtt-sessions/d3');
    assert.equal(removed.session.state, 'connected');
    await clients.get('d3')!.expectDisconnect(0x98);
    clients.set('d3', await open('d3'));
    await eventually('the journal has it', async () => {
      const { body: found } = await operator.ask('GET', '/v1/journal?event=client-disconnect&by=bot');
      return found.records?.length === 2;
    });
  });

  it('keeps what a worker has counted when it is replaced, and when it dies', async () => {
    for (const [clientId, client] of clients) {
      for (let i = 0; i < 10; i++) await client.publish(`site/${clientId}`, 'x', { qos: 1 });
    }
    assert.equal((await status()).messagesIn, 40);
    const killed = slotOf('d0');
    process.kill(pidOf(killed), 'SIGKILL');
    await untilEvent(gateway.program, 'worker.exited', { slot: killed });
    assert.equal((await status()).messagesIn, 40, 'a dead worker’s are kept');
    await untilEvent(gateway.program, 'worker.started', { slot: killed }, 1);
    const [survivor] = [...clients.keys()].filter((clientId) => slotOf(clientId) !== killed);
    await clients.get(survivor!)!.publish('site/more', 'x', { qos: 1 });
    const replaced = await ask('POST', '/v1/restart');
    assert.deepEqual(replaced, { ended: [] });
    const { messagesIn, clients: connected, silentWorkers } = await status();
    assert.deepEqual([messagesIn, connected, silentWorkers], [41, 0, []], 'those of replaced ones, too');
  });

  it('answers without a worker that is stuck, names it, and counts it as it was', async () => {
    for (let i = 0; i < 4; i++) clients.set(`s${i}`, await open(`s${i}`));
    await clients.get('s0')!.publish('site/s0', 'x', { qos: 1 });
    assert.equal((await status()).messagesIn, 42);
    const slot = slotOf('s0');
    const pid = pidOf(slot);
    const there = [...clients.keys()].filter((clientId) => clientId.startsWith('s') && clientId !== 's0');
    const held = there.find((clientId) => slotOf(clientId) === slot)!;
    const well = there.find((clientId) => slotOf(clientId) !== slot)!;
    const name = `worker ${slot} (process ${pid})`;
    process.kill(pid, 'SIGSTOP');
    try {
      const [stuck, shown, dumped, details, ended, kept, ...answers] = await Promise.all([
        status(),
        sallyport(['status', '--data', directory]),
        sallyport(['recorder', 'show', '--client', 'stranger', '--data', directory]),
        sallyport(['clients', 'show', well, '--data', directory]),
        sallyport(['disconnect', held, '--data', directory]),
        operator.ask('GET', '/v1/mqtt-sessions'),
        operator.ask('GET', `/v1/clients/${well}`),
        operator.ask('GET', '/v1/clients'),
        operator.ask('GET', '/v1/learning'),
        operator.ask('GET', `/v1/limits?target=client:${well}`),
        operator.ask('GET', '/v1/policy/shadow'),
        operator.ask('GET', '/v1/upstreams'),
        operator
          .ask('GET', `/v1/incidents?client=${held}`)
          .then(({ status: code, body }) => ({ status: code, body: body.live })),
      ]);
      assert.deepEqual(stuck.silentWorkers, [{ slot, pid }]);
      assert.deepEqual([stuck.messagesIn, stuck.isHealthy], [42, false]);
      assert.equal(shown.code, 1);
      assert.ok(shown.out.includes(`${name} does not answer`), shown.out);
      assert.equal(dumped.code, 2);
      assert.ok(dumped.err.includes(name), dumped.err);
      assert.equal(details.code, 0);
      assert.ok(details.out.startsWith(`${well}\n`) && details.err.includes(name), details.out + details.err);
      assert.deepEqual([ended.code, ended.out], [1, `0 connections of ${held} ended.\n`]);
      assert.ok(ended.err.includes(`${name}: what they have of it ends when they go on`), ended.err);
      // The broker that runs here keeps them all, and not in its workers.
      assert.deepEqual(kept.body.silentWorkers, []);
      assert.ok((kept.body.sessions as { clientId: string }[]).some(({ clientId }) => clientId === held));
      for (const { status: code, body } of answers)
        assert.deepEqual([code, body.silentWorkers], [200, [{ slot, pid }]]);

      // The others have the new configuration; this one takes it as soon as it goes on.
      await gateway.rewrite({ acl: ['user ann', 'topic readwrite site/#'] });
      const reloaded = await onTerminal('reload');
      assert.equal(reloaded.code, 1, reloaded.out);
      assert.ok(reloaded.out.startsWith('\r\u001b[KReloading: 2 s\r'), 'while it is waited for');
      assert.match(reloaded.out, /KReloaded \(generation \d+\)/);
      assert.ok(reloaded.out.includes(`${name}, which has the old settings`), reloaded.out);
      await untilEvent(gateway.program, 'worker.stuck', { slot, pid });
      assert.equal(await clients.get(well)!.subscribe('other/#'), 0x87);
    } finally {
      process.kill(pid, 'SIGCONT');
    }
    await clients.get(held)!.expectDisconnect(0x98);
    await eventually('it answers again', async () => (await status()).silentWorkers.length === 0);
    await eventually('it has the new settings', async () => (await clients.get('s0')!.subscribe('other/#')) === 0x87);

    process.kill(pid, 'SIGSTOP');
    const replaced = await onTerminal('restart', '--json');
    assert.deepEqual(JSON.parse(replaced.out), { ok: true, result: { ended: [{ slot, pid }] } }, 'and no progress');
    assert.notEqual(pidOf(slot), pid);
    await (await open('s9')).disconnect();
  });
});
