import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { systemClock } from '../../base/clock.ts';
import { ManualClock } from '../../base/manual-clock.ts';
import { askGateway, type ControlRequest } from './client.ts';

const directory = mkdtempSync(join(tmpdir(), 'sallyport-client-'));
after(() => rmSync(directory, { recursive: true }));

const STATUS: ControlRequest = { method: 'GET', path: '/v1/status' };

/** Says what it is told to, to each connection the next, and hangs up. */
async function strange(name: string, answers: readonly string[]) {
  const path = join(directory, name);
  const left = [...answers];
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => socket.end(left.shift() ?? ''));
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return { path, close: () => server.close() };
}

function http(status: number, type: string, body: string): string {
  return `HTTP/1.1 ${status} x\r\ncontent-type: ${type}\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
}

describe('asking', () => {
  it('tells a gateway that is not there', async () => {
    assert.deepEqual(await askGateway(join(directory, 'absent.sock'), STATUS, systemClock), { kind: 'not running' });
  });

  it('does not take for an answer what is none', async () => {
    const answers = [
      '{"v":1,"ok":true}\n',
      http(200, 'text/html', '<p>'),
      http(200, 'application/json', '{'),
      http(500, 'application/problem+json', '{}'),
      http(302, 'application/json', '{}'),
    ];
    const server = await strange('strange.sock', [...answers, '']);
    for (const _ of answers) {
      const outcome = await askGateway(server.path, STATUS, systemClock);
      assert.ok(outcome.kind === 'failed');
      assert.match(outcome.says, /in a way this version does not know/);
    }
    assert.deepEqual(await askGateway(server.path, STATUS, systemClock), {
      kind: 'failed',
      says: 'the gateway hung up without an answer',
    });
    server.close();
  });

  it('takes an answer without content, and a refusal with all that is wrong', async () => {
    const problem = {
      type: 'urn:sallyport:problem:invalid-request',
      title: 't',
      status: 400,
      detail: 'a in the body: is missing.',
      instance: 'urn:sallyport:request:x',
      errors: [
        { in: 'body', at: 'a', says: 'is missing' },
        { in: 'query', at: 'b', says: 'is unknown' },
      ],
    };
    const refusal = http(400, 'application/problem+json', JSON.stringify(problem));
    const server = await strange('plain.sock', ['HTTP/1.1 204 x\r\n\r\n', refusal]);
    assert.deepEqual(await askGateway(server.path, STATUS, systemClock), { kind: 'answered', result: null });
    assert.deepEqual(await askGateway(server.path, STATUS, systemClock), {
      kind: 'refused',
      status: 400,
      says: 'a in the body: is missing.\nbody a: is missing\nquery b: is unknown',
    });
    server.close();
  });

  it('gives up on a gateway that is stuck', async () => {
    const stuck = join(directory, 'stuck.sock');
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(stuck, resolve));
    const clock = new ManualClock();
    const asking = askGateway(stuck, STATUS, clock);
    // A look ends sooner than what changes something.
    let changed = false;
    const changing = askGateway(stuck, { method: 'POST', path: '/v1/reload' }, clock).finally(() => {
      changed = true;
    });
    clock.advance(15_000);
    assert.deepEqual(await asking, {
      kind: 'failed',
      says: 'the gateway does not answer: see its log, and restart it if it stays so',
    });
    assert.equal(changed, false);
    clock.advance(45_000);
    assert.equal((await changing).kind, 'failed');
    assert.equal(clock.pendingCount, 0);
    server.close();
  });
});
