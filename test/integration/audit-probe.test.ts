import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import path from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { NOTHING_DECLARED } from '../../src/assurance/audit/audit-file/schema.ts';
import type { Outcome } from '../../src/assurance/audit/model/outcome.ts';
import { subjectOf } from '../../src/assurance/audit/registry.ts';
import { systemClock } from '../../src/base/clock.ts';
import { FixtureSystem } from '../kit/audited-system.ts';
import { eventsLike } from '../kit/event-log.ts';
import { startGateway } from '../kit/gateway.ts';
import { startMosquitto } from '../kit/mosquitto.ts';
import { withoutMosquittoClients } from '../kit/mosquitto-clients.ts';
import { HOST, removeDirectory, temporaryDirectory } from '../kit/process.ts';

/** Well before the patience with silence is over: what takes longer is told as unknown. */
const DEADLINE_MS = 14_000;

async function probe(
  url: string,
  options: Record<string, unknown> = {},
  deadlineMs = DEADLINE_MS,
): Promise<Map<string, Outcome>> {
  const ending = new AbortController();
  const timer = systemClock.after(deadlineMs, () => ending.abort());
  const context = {
    system: new FixtureSystem({}),
    clock: systemClock,
    declared: NOTHING_DECLARED,
    signal: ending.signal,
  };
  const subject = subjectOf('mqtt');
  const results = await subject.assess(subject.targetAt!(url, options), context);
  timer.cancel();
  return new Map(results.map(({ check, outcome }) => [check.id, outcome]));
}

async function passwordFiles(t: TestContext, ...passwords: string[]): Promise<string[]> {
  const directory = await temporaryDirectory('probe');
  t.after(() => removeDirectory(directory));
  return Promise.all(
    passwords.map(async (password, i) => {
      const file = path.join(directory, `password${i}`);
      await writeFile(file, `${password}\n`, { mode: 0o600 });
      return file;
    }),
  );
}

function statuses(results: Map<string, Outcome>, ...checks: string[]): string[] {
  return checks.map((check) => results.get(check)!.status);
}

// Each waits for seconds and uses little else.
describe('probes of endpoints', { concurrency: 4 }, () => {
  it('an open Mosquitto fails what it is known for, and nothing of the probe is left behind', {
    skip: withoutMosquittoClients,
  }, async (t) => {
    const mosquitto = await startMosquitto();
    t.after(() => mosquitto.stop());
    const results = await probe(`mqtt://${HOST}:${mosquitto.port}`, { active: true });
    for (const check of ['P01', 'P02', 'P04', 'P05', 'P06', 'P07', 'P08', 'P09', 'P14', 'P15']) {
      assert.equal(results.get(check)!.status, 'fail', check);
    }
    assert.deepEqual(statuses(results, 'P18', 'P20'), ['pass', 'pass']);
    const again = await probe(`mqtt://${HOST}:${mosquitto.port}`, {}, 4000);
    assert.equal(again.get('P04')!.status, 'unknown', 'without --active nothing is published');
  });

  it('a Mosquitto with users is found to let one user put out and inherit from another', {
    skip: withoutMosquittoClients,
  }, async (t) => {
    const mosquitto = await startMosquitto({ users: { ann: 'a', bob: 'b' } });
    t.after(() => mosquitto.stop());
    const [passwordFile, passwordFile2] = await passwordFiles(t, 'a', 'b');
    const options = { active: true, user: 'ann', user2: 'bob', passwordFile, passwordFile2 };
    const results = await probe(`mqtt://${HOST}:${mosquitto.port}`, options);
    assert.deepEqual(statuses(results, 'P01', 'P02', 'P03'), ['pass', 'pass', 'pass']);
    assert.deepEqual(statuses(results, 'P10', 'P11', 'P12'), ['fail', 'fail', 'fail']);
  });

  const behind = {
    'with its embedded broker': async () => undefined,
    'before a Mosquitto that is open to everybody': async (t: TestContext) => {
      const mosquitto = await startMosquitto();
      t.after(() => mosquitto.stop());
      return `mqtt://${HOST}:${mosquitto.port}`;
    },
  };

  for (const [says, start] of Object.entries(behind)) {
    it(`the gateway ${says} passes all of it`, {
      skip: says.includes('Mosquitto') && withoutMosquittoClients,
    }, async (t) => {
      const upstream = await start(t);
      const gateway = await startGateway({
        listeners: [{ name: 'tcp', type: 'tcp' }],
        users: { ann: 'a', bob: 'b' },
        acl: ['pattern readwrite devices/%u/#'],
        ...(upstream === undefined ? {} : { config: { upstream } }),
      });
      t.after(() => gateway.stop());
      const [passwordFile, passwordFile2] = await passwordFiles(t, 'a', 'b');
      const options = { active: true, user: 'ann', user2: 'bob', passwordFile, passwordFile2 };
      const results = await probe(`mqtt://${HOST}:${gateway.ports.get('tcp')}`, options);
      const failed = [...results].filter(([, { status }]) => status === 'fail' || status === 'error');
      assert.deepEqual(failed, []);
      for (const check of ['P01', 'P02', 'P03', 'P06', 'P07', 'P08', 'P09', 'P10', 'P14', 'P15', 'P17', 'P18', 'P20']) {
        assert.equal(results.get(check)!.status, 'pass', `${check}: ${JSON.stringify(results.get(check))}`);
      }
      assert.ok(eventsLike(gateway.program, 'publish.refused').length > 0, 'the gateway has seen it try');
    });
  }

  /** What a broker that means harm does with everybody who comes. */
  const LIARS: Readonly<Record<string, (socket: Socket) => void>> = {
    'says nothing': () => undefined,
    'closes at once': (socket) => void socket.destroy(),
    'floods garbage': (socket) => void socket.write(Buffer.alloc(1 << 20, 0xff)),
    'grants everything and delivers nothing': (socket) => {
      socket.on('data', (chunk: Buffer) => {
        const type = chunk[0]! >> 4;
        if (type === 1) socket.write(Buffer.from([0x20, 0x03, 0, 0, 0]));
        if (type === 8) socket.write(Buffer.from([0x90, 0x04, 0, 1, 0, 0]));
      });
    },
    'announces a packet that never ends': (socket) => void socket.write(Buffer.from([0x30, 0xff, 0xff, 0xff, 0x7f, 0])),
  };

  for (const [says, behave] of Object.entries(LIARS)) {
    it(`of a broker that ${says} nothing is claimed that was not seen`, async (t) => {
      const sockets = new Set<Socket>();
      const server = createServer((socket) => {
        sockets.add(socket);
        socket.on('error', () => undefined);
        behave(socket);
      });
      server.listen(0, HOST);
      await once(server, 'listening');
      t.after(() => {
        for (const socket of sockets) socket.destroy();
        server.close();
      });
      const { port } = server.address() as AddressInfo;
      const results = await probe(`mqtt://${HOST}:${port}`, { active: true }, 5000);
      assert.equal(results.size, 20);
      for (const [check, { status }] of results) {
        assert.notEqual(status, 'error', check);
        if (['P04', 'P06', 'P08', 'P10', 'P11'].includes(check)) assert.notEqual(status, 'fail', check);
      }
      assert.ok(sockets.size <= 150, 'the number of connections is bounded');
    });
  }
});
