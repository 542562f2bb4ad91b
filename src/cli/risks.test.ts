import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { loadConfig } from '../app/config/load.ts';
import { ownerRisks, risksOf } from './risks.ts';

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

  it('are a data directory that others may write to', async () => {
    for (const [mode, isRisk] of [
      [0o700, false],
      [0o755, false],
      [0o770, true],
      [0o777, true],
    ] as const) {
      chmodSync(directory, mode);
      const told = (await risks('type: tcp, address: 127.0.0.1')).join();
      assert.equal(told.includes(`chmod go-w ${directory}`), isRisk, mode.toString(8));
    }
    chmodSync(directory, 0o700);
  });

  it('are a data directory of another user than the one that the gateway runs as', async () => {
    const uid = process.getuid?.() ?? 0;
    assert.deepEqual(await ownerRisks(directory, uid), []);
    assert.match(
      (await ownerRisks(directory, uid + 1)).join(),
      /belongs to user \d+, and the gateway runs as user \d+: that one may change/,
    );
    assert.deepEqual(await ownerRisks(join(directory, 'nowhere'), uid + 1), []);
  });

  it('are keys and secrets of the control API that everybody can read', async () => {
    const [key, secret] = [join(directory, 'control.key'), join(directory, 'oidc')];
    for (const file of [key, secret]) {
      writeFileSync(file, 'x');
      chmodSync(file, 0o644);
    }
    const file = join(directory, 'control.yaml');
    const sso = `{ issuer: 'https://id.example.org', clientId: c, clientSecret: { file: oidc }, roles: [{ group: g, role: viewer }] }`;
    const control = `{ port: 0, key: control.key, operators: { publicUrl: 'https://g.example.org', sso: ${sso} } }`;
    writeFileSync(file, `listeners: [{ name: mqtt, type: tcp, port: 0 }]\ncontrol: ${control}\n`);
    const told = (await risksOf((await loadConfig(file)).config)).join();
    for (const open of [key, secret]) assert.ok(told.includes(`access to ${open}: chmod`), told);
  });

  it('are passphrases and secrets of alerts that everybody can read, wherever they stand', async () => {
    const names = ['passphrase', 'slack', 'totp'];
    for (const name of names) {
      writeFileSync(join(directory, name), 'x');
      chmodSync(join(directory, name), 0o644);
    }
    const file = join(directory, 'secrets.yaml');
    const certificate = '{ certificate: a.crt, key: a.key, passphrase: { file: passphrase } }';
    writeFileSync(
      file,
      `listeners: [{ name: mqtt, type: tls, port: 0, tls: { certificates: [${certificate}] } }]
authentication: { totpFile: totp }
alerts: { receivers: [{ name: chat, type: slack, url: { file: slack } }] }
`,
    );
    const told = (await risksOf((await loadConfig(file)).config)).join();
    for (const name of names) assert.ok(told.includes(`access to ${join(directory, name)}: chmod`), told);
  });
});
