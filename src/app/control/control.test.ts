import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, beforeEach, describe, it } from 'node:test';
import { systemClock } from '../../base/clock.ts';
import { ManualClock } from '../../base/manual-clock.ts';
import { OperatorError } from '../config/problem.ts';
import { askGateway } from './client.ts';
import { lockDirectory } from './directory-lock.ts';
import { REQUEST_LENGTH_MAX_BYTES } from './protocol.ts';
import { type ControlServer, openControlServer } from './server.ts';

const directory = mkdtempSync(join(tmpdir(), 'sallyport-control-'));
after(() => rmSync(directory, { recursive: true }));
const path = join(directory, 'control.sock');

/** Sends bytes as they are and gathers the answer. */
async function converse(...pieces: (string | Uint8Array)[]): Promise<string> {
  const socket = connect(path);
  socket.on('error', () => undefined);
  let heard = '';
  socket.on('data', (chunk) => {
    heard += chunk;
  });
  for (const piece of pieces) socket.write(piece);
  await once(socket, 'close');
  return heard;
}

describe('the control socket', () => {
  let server: ControlServer;
  let clock: ManualClock;
  let asked: string[];

  beforeEach(async () => {
    asked = [];
    clock = new ManualClock();
    server = await openControlServer({
      path,
      clock,
      handle: async ({ request }) => {
        asked.push(request);
        if (request === 'status') throw new Error('no status today');
        return { generation: 2 };
      },
    });
  });
  afterEach(() => server.close());

  it('answers a request, and is for its owner alone', async () => {
    assert.equal(statSync(path).mode & 0o777, 0o600);
    assert.deepEqual(await askGateway(path, 'reload', systemClock), { kind: 'answered', result: { generation: 2 } });
  });

  it('answers a failure with its sentence', async () => {
    assert.deepEqual(await askGateway(path, 'status', systemClock), { kind: 'refused', says: 'no status today' });
  });

  it('hands over the words of a request', async () => {
    const words: (readonly string[])[] = [];
    const server = await openControlServer({
      path: join(directory, 'words.sock'),
      clock: systemClock,
      handle: async (asked) => void words.push(asked.words),
    });
    await askGateway(join(directory, 'words.sock'), 'upstream-drain', systemClock, ['site', 'mqtt://a b']);
    await askGateway(join(directory, 'words.sock'), 'status', systemClock);
    await server.close();
    assert.deepEqual(words, [['site', 'mqtt://a b'], []]);
  });

  it('answers garbage with what is wrong, and does nothing', async () => {
    const cases: [string | Uint8Array, RegExp][] = [
      ['\n', /not a JSON object/],
      ['null\n', /not a JSON object/],
      ['[1]\n', /not a JSON object/],
      ['{"v":1}\n', /the request is unknown; known are: reload, .*status/],
      ['{"v":1,"do":"upstream-drain","words":[1]}\n', /the words of the request are not a list of texts/],
      ['{"v":1,"do":"constructor"}\n', /the request is unknown/],
      ['{"v":1,"do":{"toString":1}}\n', /the request is unknown/],
      ['{"v":2,"do":"reload"}\n', /only version 1/],
      ['{"v":"1","do":"reload"}\n', /only version 1/],
      [new Uint8Array([0xff, 0x00, 0xc3, 0x28, 0x0a]), /not a JSON object/],
      [`${'x'.repeat(REQUEST_LENGTH_MAX_BYTES + 1)}`, /at most 4096 bytes/],
      [`{"v":1,"do":"reload","pad":"${'x'.repeat(REQUEST_LENGTH_MAX_BYTES)}"}\n`, /at most 4096 bytes/],
    ];
    for (const [sent, says] of cases) {
      const answer = JSON.parse(await converse(sent)) as { ok: boolean; says: string };
      assert.equal(answer.ok, false);
      assert.match(answer.says, says);
    }
    assert.deepEqual(asked, []);
  });

  it('takes one request a connection, however it is cut', async () => {
    const heard = await converse('{"v":1,', '"do":"reload"}\n{"v":1,"do":"reload"}\n', '{"v":1,"do":"reload"}\n');
    assert.equal(heard.trimEnd().split('\n').length, 1);
    assert.deepEqual(asked, ['reload']);
  });

  it('ends a connection that asks nothing in time', async () => {
    const socket = connect(path);
    await once(socket, 'connect');
    // The deadline stands once the server has seen the connection; asking on another one proves that it has.
    await askGateway(path, 'reload', systemClock);
    clock.advance(5000);
    await once(socket.resume(), 'close');
    assert.equal(clock.pendingCount, 0);
  });

  it('drops connections beyond its ceiling and serves the next when they are gone', async () => {
    const sockets: Socket[] = Array.from({ length: 16 }, () => connect(path));
    await Promise.all(sockets.map((socket) => once(socket, 'connect')));
    assert.equal((await askGateway(path, 'reload', systemClock)).kind, 'failed');
    for (const socket of sockets) socket.destroy();
    for (;;) if ((await askGateway(path, 'reload', systemClock)).kind === 'answered') break;
  });

  it("takes the place of a dead gateway's socket, and is gone after its own end", async () => {
    await server.close();
    assert.ok(!existsSync(path));
    writeFileSync(path, '');
    server = await openControlServer({ path, clock, handle: async () => 'new' });
    assert.deepEqual(await askGateway(path, 'reload', systemClock), { kind: 'answered', result: 'new' });
  });

  it('says so where its path is longer than the system takes', async () => {
    const long = join(directory, 'x'.repeat(120));
    await assert.rejects(openControlServer({ path: long, clock, handle: async () => null }), (error: Error) => {
      return error instanceof OperatorError && /choose a shorter dataDirectory/.test(error.message);
    });
  });
});

describe('asking', () => {
  it('tells a gateway that is not there from one that answers strangely', async () => {
    assert.deepEqual(await askGateway(join(directory, 'absent.sock'), 'reload', systemClock), { kind: 'not running' });
    const strange = join(directory, 'strange.sock');
    const answers = ['HTTP/1.1 400 Bad Request\r\n', '{"v":1,"ok":"yes"}\n', ''];
    const server = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.end(answers.shift() ?? '');
    });
    await new Promise<void>((resolve) => server.listen(strange, resolve));
    for (const says of [/does not know/, /does not know/, /without an answer/]) {
      const outcome = await askGateway(strange, 'reload', systemClock);
      assert.ok(outcome.kind === 'failed');
      assert.match(outcome.says, says);
    }
    server.close();
  });

  it('gives up on a gateway that is stuck', async () => {
    const stuck = join(directory, 'stuck.sock');
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(stuck, resolve));
    const clock = new ManualClock();
    const asking = askGateway(stuck, 'reload', clock);
    clock.advance(60_000);
    assert.deepEqual(await asking, { kind: 'failed', says: 'the gateway does not answer' });
    assert.equal(clock.pendingCount, 0);
    server.close();
  });
});

describe('the lock of a data directory', () => {
  it('is held by one gateway, named in the refusal, and free again after its release', () => {
    const lock = lockDirectory(directory);
    const busy = new RegExp(`already \\(process ${process.pid}\\)`);
    assert.throws(
      () => lockDirectory(directory),
      (error: Error) => error instanceof OperatorError && busy.test(error.message),
    );
    assert.equal(statSync(join(directory, 'lock')).mode & 0o777, 0o600);
    lock.release();
    assert.ok(!existsSync(join(directory, 'pid')));
    lockDirectory(directory).release();
  });

  it('does not survive a holder that was killed', async () => {
    const module = new URL('directory-lock.ts', import.meta.url).href;
    const hold = `import { lockDirectory } from ${JSON.stringify(module)}; lockDirectory(process.argv[1]); console.log('held'); setInterval(() => {}, 1e6);`;
    const holder = spawn(process.execPath, ['--input-type=module', '--eval', hold, directory], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    try {
      await once(holder.stdout, 'data');
      assert.throws(() => lockDirectory(directory), new RegExp(`process ${holder.pid}`));
    } finally {
      holder.kill('SIGKILL');
    }
    await once(holder, 'exit');
    lockDirectory(directory).release();
  });

  it('is refused in one sentence where there is no directory', () => {
    assert.throws(
      () => lockDirectory(join(directory, 'absent')),
      (error: Error) => {
        return error instanceof OperatorError && /cannot be written/.test(error.message);
      },
    );
  });
});
