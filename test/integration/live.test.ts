import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { ClientDetails, ClientPage } from '../../src/app/clients/client-facts.ts';
import { askGateway, type ControlRequest } from '../../src/app/control/client.ts';
import { systemClock } from '../../src/base/clock.ts';
import { readEvents, type StreamRecord } from '../../src/cli/event-reader.ts';
import { untilEvent } from '../kit/event-log.ts';
import { eventually } from '../kit/eventually.ts';
import { COMMAND, type RunningGateway, sallyport, startGateway } from '../kit/gateway.ts';
import { publish } from '../kit/packets.ts';
import { HOST, removeDirectory, temporaryDirectory } from '../kit/process.ts';
import { RawClient } from '../kit/raw-client.ts';

const PASSWORD = 'a password of the tests';
const NOT_AUTHORIZED = 0x87;
const POLICY = `
roles:
  device: { grants: [{ allow: [publish, subscribe, receive], topics: [site/#] }] }
  watcher: { grants: [{ allow: [subscribe, receive], topics: ['$SYS/sallyport/#'] }] }
  confined: { grants: [{ allow: [subscribe], topics: notices/# }] }
assignments:
  - { roles: device, to: authenticated }
  - { roles: watcher, to: { user: ops } }
`;
const without = (program: string): string | false =>
  spawnSync(program, ['--version']).error === undefined ? false : `${program} is not installed`;

for (const workers of [1, 2]) {
  describe(`the running gateway, with ${workers === 1 ? 'one process' : `${workers} workers`}`, () => {
    let gateway: RunningGateway;
    let clients: RawClient[];
    before(async () => {
      const directory = await temporaryDirectory('live');
      writeFileSync(path.join(directory, 'policy.yaml'), POLICY);
      gateway = await startGateway({
        directory,
        listeners: [{ name: 'tcp', type: 'tcp' }],
        users: { ann: PASSWORD, ops: PASSWORD },
        config: {
          workers,
          authentication: { passwordFile: 'users' },
          authorization: { policyFile: 'policy.yaml' },
          response: { quarantine: { role: 'confined' } },
          flightRecorder: { enabled: true },
          broker: { persistence: 'memory' },
        },
      });
      clients = [];
      for (let i = 0; i < 5; i++) clients.push(await open(`d${i}`));
      await clients[0]!.subscribe('site/#');
      await clients[1]!.publish('site/a', 'hello');
      await clients[0]!.receive('site/a', 'hello');
    });
    after(async () => {
      await gateway.stop();
      await removeDirectory(gateway.directory);
    });

    const open = async (clientId: string, username = 'ann'): Promise<RawClient> => {
      const client = await RawClient.open({ transport: 'tcp', host: HOST, port: gateway.ports.get('tcp')! }, 5);
      await client.connect({ clientId, username, password: PASSWORD });
      return client;
    };
    const socket = (): string => path.join(gateway.directory, 'control.sock');
    const ask = async <Result>(request: ControlRequest): Promise<Result> => {
      const outcome = await askGateway(socket(), request, systemClock);
      assert.ok(outcome.kind === 'answered', JSON.stringify(outcome));
      return outcome.result as Result;
    };
    const list = (query: Record<string, string>): Promise<ClientPage> =>
      ask({ method: 'GET', path: '/v1/clients', query });
    const run = (...words: string[]) => sallyport([...words, '--data', gateway.directory]);
    const namesOf = (page: ClientPage): string[] => page.clients.map(({ clientId }) => clientId).sort();

    it('lists clients page by page, each once, and those that fit a filter', async () => {
      const seen: string[] = [];
      let cursor: string | null = null;
      do {
        const page: ClientPage = await list({ limit: '2', ...(cursor === null ? {} : { cursor }) });
        assert.equal(page.matched, 5);
        assert.deepEqual(page.silentWorkers, []);
        assert.ok(page.clients.length <= 2);
        seen.push(...namesOf(page));
        cursor = page.next;
      } while (cursor !== null);
      assert.deepEqual(seen.sort(), ['d0', 'd1', 'd2', 'd3', 'd4']);
      assert.deepEqual(namesOf(await list({ clientId: 'd1' })), ['d1']);
      assert.equal((await list({ username: 'a*', address: '127.0.0.0/8', listener: 'tcp' })).matched, 5);
      assert.equal((await list({ address: '192.0.2.0/24' })).matched, 0);
      assert.equal((await list({ verdict: 'quarantined' })).matched, 0);
    });

    it('tells everything of one client', async () => {
      const { clients: found } = await ask<{ clients: ClientDetails[] }>({ method: 'GET', path: '/v1/clients/d0' });
      const [d0] = found;
      assert.ok(d0 !== undefined && found.length === 1);
      assert.deepEqual([d0.username, d0.protocolVersion, d0.isSecure, d0.verdict], ['ann', 5, false, 'clear']);
      assert.deepEqual(d0.filters, ['site/#']);
      assert.deepEqual([d0.totals.messagesIn, d0.totals.messagesOut], [0, 1]);
      assert.deepEqual(d0.identity?.roles, ['device']);
      assert.ok(d0.limits.some(({ limit }) => limit === 'connects'));
      const shown = await run('clients', 'show', 'd0');
      assert.match(shown.out, /^d0\n {2}connection .*\n[\s\S]*filters +site\/#/);
    });

    it('says how it is, and its exit code whether it is well', async () => {
      const status = await run('status');
      assert.equal(status.code, 0, status.err);
      assert.match(status.out, /^Sallyport \S+ is well, up for .*\n[\s\S]*clients +5\n/);
      if (workers > 1)
        assert.match((await run('top', '--once')).out, /Most traffic\n[\s\S]*Most refused in the last minute\n/);
    });

    it('ends a client for an administrator, and tells who it was', async () => {
      const done = await run('disconnect', 'd4', '--reason', 'for a test', '--json');
      assert.equal(done.code, 0, done.err);
      await clients[4]!.expectDisconnect(0x98);
      const event = await untilEvent(gateway.program, 'connection.closed', { clientId: 'd4' });
      assert.match(String(event['by']), /^operator:/);
      assert.equal(event['says'], 'for a test');
      const again = await askGateway(socket(), { method: 'GET', path: '/v1/clients/d4' }, systemClock);
      assert.ok(again.kind === 'refused' && again.says.startsWith('No client "d4" is connected'));
    });

    it('keeps out whom it ends, if asked', async () => {
      await ask({ method: 'POST', path: '/v1/clients/d3/disconnect', body: { ban: '1h', reason: 'lost' } });
      await clients[3]!.expectDisconnect(0x98);
      await assert.rejects(open('d3'));
    });

    it('throttles, confines and releases a client', async () => {
      const limits = { 'publish.messagesPerSecond': '1 burst 1' };
      await ask({ method: 'PUT', path: '/v1/clients/d1/throttle', body: { limits, for: '1h' } });
      for (let i = 0; i < 60; i++) clients[1]!.send(publish('site/b', 'slow', { qos: 0 }));
      const waiting = async (): Promise<boolean> => {
        const { clients: found } = await ask<{ clients: ClientDetails[] }>({ method: 'GET', path: '/v1/clients/d1' });
        return found[0]?.waitsToSend?.limit === 'publish.messagesPerSecond';
      };
      await eventually('it waits for its limit', waiting);
      await ask({ method: 'PUT', path: '/v1/clients/d2/quarantine', body: {} });
      await eventually('it is confined', async () => (await clients[2]!.subscribe('site/a')) === NOT_AUTHORIZED);
      assert.deepEqual(namesOf(await list({ verdict: 'quarantined' })), ['d2']);
      assert.equal((await run('clients', 'release', 'd2')).code, 0);
      await ask({ method: 'POST', path: '/v1/clients/d1/release' });
      await eventually('its rights are back', async () => (await clients[2]!.subscribe('site/a')) === 0);
      await eventually('it waits no more', async () => !(await waiting()));
      const again = await askGateway(socket(), { method: 'POST', path: '/v1/clients/d1/release' }, systemClock);
      assert.ok(again.kind === 'refused' && again.status === 422, JSON.stringify(again));
    });

    it('streams events to whoever watches, goes on where it was left, and refuses what makes no sense', async () => {
      const records: StreamRecord[] = [];
      const watch = (query: Parameters<typeof readEvents>[1], lastId: number | undefined, into: StreamRecord[]) =>
        readEvents(socket(), query, lastId, (record) => into.push(record), systemClock);
      const first = await watch({ follow: 'false', event: 'client.connected' }, undefined, records);
      assert.equal(first.kind, 'ended');
      assert.ok(records.length >= 5 && records.every(({ event }) => event === 'client.connected'));
      const last = records.at(-1)!.id;
      const newcomer = await open('newcomer');
      await newcomer.disconnect();
      await untilEvent(gateway.program, 'connection.closed', { clientId: 'newcomer' });
      const later: StreamRecord[] = [];
      await watch({ follow: 'false', clientId: 'newcomer' }, last, later);
      assert.deepEqual(
        later.map(({ event }) => event),
        ['authentication.succeeded', 'client.connected', 'connection.closed'],
      );
      const none: StreamRecord[] = [];
      assert.equal((await watch({ event: 'no.such.event' }, undefined, none)).kind, 'refused');
      assert.deepEqual(none, []);
    });

    it('has the latest packets of a client for Wireshark', { skip: without('tshark') }, async () => {
      const out = path.join(gateway.directory, 'd0.pcapng');
      const dumped = await run('recorder', 'dump', '--client', 'd0', '--out', out);
      assert.equal(dumped.code, 0, dumped.err);
      assert.equal(statSync(out).mode & 0o777, 0o600);
      assert.ok(!readFileSync(out).includes(PASSWORD));
      const port = gateway.ports.get('tcp')!;
      const args = [
        '-n',
        '-r',
        out,
        '-d',
        `tcp.port==${port},mqtt`,
        '-T',
        'fields',
        '-e',
        'mqtt.msgtype',
        '-e',
        'mqtt.topic',
      ];
      const lines = spawnSync('tshark', args, { encoding: 'utf8' }).stdout.trim().split('\n');
      assert.deepEqual(lines.map((line) => line.trim()).slice(0, 5), ['1', '2', '8\tsite/#', '9', '3\tsite/a']);
    });

    it('writes what led to a packet that breaks the protocol', async () => {
      const garbage = await open('garbage');
      garbage.sendRaw('f5 00');
      await untilEvent(gateway.program, 'packet.faulted', { clientId: 'garbage' });
      const { path: file } = await untilEvent(gateway.program, 'recording.written', { clientId: 'garbage' });
      assert.equal(statSync(String(file)).mode & 0o777, 0o600);
      const json = JSON.parse(readFileSync(String(file).replace(/pcapng$/, 'json'), 'utf8')) as {
        packets: { bytes: string; type: string }[];
      };
      assert.equal(json.packets[0]!.type, 'CONNECT');
      assert.ok(json.packets.some(({ bytes }) => bytes.startsWith('f500')));
      assert.ok(readdirSync(path.join(gateway.directory, 'recordings')).length >= 2);
    });

    it('tells of itself in $SYS, to those who may know', async () => {
      const ops = await open('ops', 'ops');
      assert.equal(await ops.subscribe('$SYS/sallyport/clients/connected'), 0);
      const { payload } = await ops.expect(3, { topic: '$SYS/sallyport/clients/connected' });
      assert.match(Buffer.from(payload).toString(), /^\d+$/);
      assert.equal(await clients[2]!.subscribe('$SYS/sallyport/#'), NOT_AUTHORIZED);
      await ops.disconnect();
    });

    if (workers === 1) {
      it('draws in place on a terminal, ends with q, and leaves the terminal as it was', {
        skip: without('script'),
      }, async () => {
        const top = `${process.execPath} ${COMMAND} top --interval 1 --data ${gateway.directory}`;
        const child = spawn('script', ['-qfec', `stty rows 20 cols 70; ${top}; stty -a`, '/dev/null']);
        let out = '';
        child.stdout.setEncoding('utf8').on('data', (text: string) => {
          const before = out.includes('q quits');
          out += text;
          if (!before && out.includes('q quits')) child.stdin.write('q');
        });
        const code = await new Promise((resolve) => child.once('close', resolve));
        assert.equal(code, 0, out);
        const drawn = out.slice(out.indexOf('\x1b[?1049h'), out.indexOf('\x1b[?1049l'));
        assert.ok(drawn.includes('Most traffic') && drawn.split('\x1b[H')[1]!.split('\r\n').length <= 20);
        assert.match(out.slice(out.indexOf('\x1b[?1049l')), /(^|\s)icanon\b[\s\S]*(^|\s)echo\b/m);
      });

      it('shows names of clients so that no terminal acts on them', async () => {
        const evil = await open('d\u202e\u2066evil');
        const id = 'd\u202e\u2066evil';
        const shown = await Promise.all([
          run('clients', '--client', id),
          run('clients', 'show', id),
          run('events', '-i', id),
        ]);
        for (const { out, code } of shown) {
          assert.equal(code, 0);
          assert.match(out, /d\\u202e\\u2066evil/);
          assert.ok(!out.includes('\u202e'));
        }
        await evil.disconnect();
      });

      it('follows events over a restart of the gateway', async () => {
        const child = spawn(process.execPath, [
          COMMAND,
          'events',
          '-f',
          '--json',
          '-e',
          'gateway.started',
          '--since',
          '1h',
          '--data',
          gateway.directory,
        ]);
        let out = '';
        child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
        const starts = (): number => out.split('\n').filter((line) => line.includes('"gateway.started"')).length;
        await eventually('it has seen the start', async () => starts() === 1);
        await gateway.stop();
        gateway = await gateway.restart();
        await eventually('it has seen the next start', async () => starts() === 2);
        child.kill('SIGINT');
        await new Promise((resolve) => child.once('close', resolve));
      });
    }

    it('is not there when it has ended, and commands say so', async () => {
      await gateway.stop();
      const commands = [['status'], ['events'], ['disconnect', 'x']];
      const outcomes = await Promise.all(commands.slice(0, workers === 1 ? 3 : 1).map((words) => run(...words)));
      for (const { code, err } of outcomes) {
        assert.equal(code, 3, err);
        assert.match(err, /No gateway is running/);
      }
    });
  });
}
