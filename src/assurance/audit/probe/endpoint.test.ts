import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { OperatorError } from '../../../app/config/problem.ts';
import { endpointOf, probeTarget } from './endpoint.ts';

const URL = 'mqtt://127.0.0.1:1883';

function refusalOf(url: string, options: Record<string, unknown> = {}): string {
  try {
    probeTarget(url, options);
  } catch (error) {
    assert.ok(error instanceof OperatorError, String(error));
    return error.message;
  }
  return assert.fail('it is taken');
}

describe('a target of probes', () => {
  it('that is none is refused before anything is probed, and a password in it is not repeated', () => {
    assert.match(refusalOf('http://broker.example'), /^http:\/\/broker\.example is no endpoint .*give mqtt:/);
    const says = refusalOf('mqtt://ann:hunter2@broker.example');
    assert.match(says, /without credentials/);
    assert.doesNotMatch(says, /hunter2/);
  });

  it('has no options but those there are, and none without its counterpart', () => {
    assert.match(refusalOf(URL, { actve: true }), /no option "actve", only active,/);
    assert.match(refusalOf(URL, { active: 'yes' }), /is a boolean/);
    assert.match(refusalOf(URL, { passwordFile: '/x' }), /has passwordFile and no user/);
    assert.match(refusalOf(URL, { user2: 'bob' }), /has user2 and no user:/);
    assert.match(refusalOf(URL, { key: '/x' }), /has key and no certificate/);
    assert.equal(probeTarget(URL, { active: false, user: 'ann' }).id, `mqtt:${URL}`);
  });

  it('reads no more of a file than a password or certificates have', async (t) => {
    const directory = mkdtempSync(join(tmpdir(), 'sallyport-endpoint-'));
    t.after(() => rmSync(directory, { recursive: true }));
    writeFileSync(join(directory, 'secret'), 'hunter2\r\nmore\n');
    const { logins } = await endpointOf(URL, { user: 'ann', passwordFile: join(directory, 'secret') });
    assert.deepEqual(logins, [{ username: 'ann', password: 'hunter2' }]);
    for (const [passwordFile, says] of [
      ['/dev/zero', /more than 1048576 bytes/],
      [join(directory, 'absent'), /cannot be read \(ENOENT\)/],
      [directory, /cannot be read \(EISDIR\)/],
    ] as const) {
      await assert.rejects(endpointOf(URL, { user: 'ann', passwordFile }), says);
    }
  });
});
