/** Pre-shared keys through the whole program, with mosquitto's client and openssl's. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { untilEvent } from '../kit/event-log.ts';
import { type RunningGateway, startGateway } from '../kit/gateway.ts';
import { mosquittoPub, withoutMosquittoClients } from '../kit/mosquitto-clients.ts';
import { withoutOpenssl } from '../kit/openssl.ts';
import { HOST, Program, removeDirectory, temporaryDirectory } from '../kit/process.ts';

const KEY = '00112233445566778899aabbccddeeff';
const OTHER_KEY = 'ab'.repeat(32);

describe('pre-shared keys', () => {
  let directory: string;
  let gateway: RunningGateway;

  const writeKeys = (...lines: string[]): Promise<void> =>
    writeFile(path.join(directory, 'keys.psk'), `${lines.join('\n')}\n`, { mode: 0o600 });

  before(async () => {
    directory = await temporaryDirectory('psk');
    await writeKeys(`pump-7:${KEY}`, `pump-8:${OTHER_KEY}`);
    gateway = await startGateway({
      directory,
      acl: ['pattern readwrite devices/%u/#'],
      listeners: [{ name: 'psk', type: 'tls', tls: { pskFile: 'keys.psk', pskIdentityHint: 'plant' } }],
    });
  });

  after(async () => {
    await gateway?.stop();
    await removeDirectory(directory);
  });

  const publish = (identity: string, key: string, topic: string, ...args: string[]) =>
    mosquittoPub({ port: gateway.ports.get('psk')!, version: 'mqttv5' }, topic, [
      ...['--psk-identity', identity, '--psk', key, '-q', '1', '-m', 'x'],
      ...args,
    ]);

  /** What openssl's client says of the handshake. */
  async function handshake(identity: string | undefined, key: string, ...args: string[]): Promise<string> {
    const psk = identity === undefined ? [] : ['-psk_identity', identity, '-psk', key];
    const port = gateway.ports.get('psk')!;
    const child = spawn('openssl', ['s_client', '-connect', `${HOST}:${port}`, ...psk, ...args]);
    let out = '';
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (out += text));
    child.stdin.on('error', () => undefined);
    child.stdin.end();
    await once(child, 'close');
    return out;
  }

  describe('with mosquitto_pub', { skip: withoutMosquittoClients }, () => {
    it('make the identity the user name', async () => {
      const { code, err } = await publish('pump-7', KEY, 'devices/pump-7/x');
      assert.equal(code, 0, err);
      await untilEvent(gateway.program, 'client.connected', { username: 'pump-7', listener: 'psk' });
      assert.equal((await publish('pump-7', KEY, 'devices/pump-7/x', '-u', 'pump-7', '-P', 'any')).code, 0);
    });

    it('permit what that user may do, under no other name', async () => {
      await publish('pump-7', KEY, 'devices/pump-8/x');
      await untilEvent(gateway.program, 'publish.refused', { username: 'pump-7', topic: 'devices/pump-8/x' });
      assert.notEqual((await publish('pump-7', KEY, 'devices/pump-8/x', '-u', 'pump-8')).code, 0);
      await untilEvent(gateway.program, 'authentication.failed', { method: 'psk', username: 'pump-8' });
    });

    it('are refused when wrong or unknown, in the same words', async () => {
      for (const [identity, key] of [
        ['pump-8', KEY],
        ['nobody', KEY],
      ] as const) {
        assert.notEqual((await publish(identity, key, 'devices/x')).code, 0);
        const says = `the pre-shared key of "${identity}" is wrong, or there is no such identity`;
        await untilEvent(gateway.program, 'connection.rejected', { by: 'tls', says });
      }
    });

    it('that a reload removes or changes end their sessions', async () => {
      const port = String(gateway.ports.get('psk')!);
      const args = ['-h', HOST, '-p', port, '-V', 'mqttv5', '-t', 'devices/pump-8/#', '-d'];
      const sub = await Program.start(
        'stdbuf',
        ['-oL', 'mosquitto_sub', ...args, '--psk-identity', 'pump-8', '--psk', OTHER_KEY],
        [],
      );
      try {
        await sub.until('be subscribed', () => (/received SUBACK/.test(sub.stdout) ? true : undefined));
        await writeKeys(`pump-7:${KEY}`, `pump-8:${KEY}`);
        const { code, err } = await gateway.reload();
        assert.equal(code, 0, err);
        const closed = { username: 'pump-8', by: 'policy:identity' };
        await untilEvent(gateway.program, 'connection.closed', closed);
        assert.equal((await publish('pump-8', KEY, 'devices/pump-8/x')).code, 0);
      } finally {
        await sub.end();
      }
    });
  });

  describe('with openssl', { skip: withoutOpenssl }, () => {
    it('have forward secrecy in TLS 1.2 and 1.3', async () => {
      for (const [args, cipher] of [
        [['-tls1_3'], 'TLS_AES_128_GCM_SHA256'],
        [['-tls1_2'], 'ECDHE-PSK-CHACHA20-POLY1305'],
        [['-tls1_2', '-cipher', 'DHE-PSK-AES256-GCM-SHA384'], 'DHE-PSK-AES256-GCM-SHA384'],
      ] as const) {
        assert.match(await handshake('pump-7', KEY, ...args), new RegExp(`Cipher is ${cipher}`));
      }
      for (const cipher of ['PSK-AES128-GCM-SHA256', 'RSA-PSK-AES256-GCM-SHA384', 'ECDHE-PSK-AES128-CBC-SHA256']) {
        assert.match(await handshake('pump-7', KEY, '-tls1_2', '-cipher', cipher), /handshake failure/, cipher);
      }
    });

    it('fail in the same way for a wrong key and for an unknown identity', async () => {
      for (const version of ['-tls1_2', '-tls1_3']) {
        const alert = (out: string): string | undefined => /SSL alert number (\d+)/.exec(out)?.[1];
        const wrong = alert(await handshake('pump-7', OTHER_KEY, version));
        const unknown = alert(await handshake('nobody', OTHER_KEY, version));
        assert.ok(wrong !== undefined, version);
        assert.equal(unknown, wrong, version);
      }
    });

    it('cannot be gone without, nor sidestepped by a suite that does not go with them', async () => {
      assert.match(await handshake(undefined, '', '-tls1_3'), /handshake failure/);
      const says = /^the client offers no pre-shared key, which this listener requires/;
      await untilEvent(gateway.program, 'connection.rejected', { says });
      const args = ['-tls1_3', '-ciphersuites', 'TLS_AES_256_GCM_SHA384'];
      assert.match(await handshake('pump-7', KEY, ...args), /handshake failure/);
    });

    it('give out no tickets that would stand for them', async () => {
      assert.doesNotMatch(await handshake('pump-7', KEY, '-tls1_2'), /TLS session ticket:/);
    });
  });

  it('take another hint, and change places with certificates, only by a restart', async () => {
    const port = gateway.ports.get('psk')!;
    await gateway.rewrite({ listeners: [{ name: 'psk', type: 'tls', port, tls: { pskFile: 'keys.psk' } }] });
    const { code, err } = await gateway.reload();
    assert.equal(code, 2);
    assert.match(err, /whether clients have pre-shared keys, and the hint to them, change only with a restart/);
  });
});
