import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { loadConfig } from '../app/config/load.ts';
import { risksOf } from './risks.ts';

const directory = mkdtempSync(join(tmpdir(), 'sallyport-risks-'));
after(() => rmSync(directory, { recursive: true }));

async function risks(listener: string): Promise<string[]> {
  const file = join(directory, 'sallyport.yaml');
  writeFileSync(file, `listeners:\n  - { name: a, port: 1, ${listener} }\n`);
  return risksOf((await loadConfig(file)).config);
}

describe('risks', () => {
  it('are plaintext on the network and access without a name', async () => {
    assert.match((await risks('type: tcp')).join(), /^Listener a is not encrypted/);
    assert.match((await risks('type: ws, address: 192.0.2.1')).join(), /^Listener a is not encrypted/);
    assert.match((await risks('type: tcp, address: 127.0.0.1, anonymous: true')).join(), /^Listener a lets clients in/);
  });

  it('are not plaintext on this machine alone, or behind a load balancer that is known', async () => {
    assert.deepEqual(await risks('type: tcp, address: 127.0.0.1'), []);
    assert.deepEqual(await risks('type: ws, address: "::1"'), []);
    assert.deepEqual(await risks('type: tcp, proxyProtocol: { mode: v2, trusted: [10.0.0.1] }'), []);
  });

  it('are secrets that every user of the machine can read', async () => {
    const users = join(directory, 'users');
    writeFileSync(users, '', { mode: 0o600 });
    assert.deepEqual(await risks('type: tcp, address: 127.0.0.1'), []);
    chmodSync(users, 0o644);
    assert.deepEqual(await risks('type: tcp, address: 127.0.0.1'), [
      `Every user of this machine has access to ${users}: chmod o= ${users}`,
    ]);
  });
});
