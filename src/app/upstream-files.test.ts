import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { makeCa, makeCertificate } from '../../test/kit/certificates.ts';
import { FileFaultError } from '../base/file-fault.ts';
import type { UpstreamConfig } from './config/config.ts';
import { plainUpstream } from './config/upstream-schema.ts';
import { parseUpstreamUrl } from './config/upstream-url.ts';
import { parseAccounts, upstreamOptions } from './upstream-files.ts';

const directory = mkdtempSync(join(tmpdir(), 'sallyport-upstream-'));
const at = (name: string): string => join(directory, name);

before(async () => {
  const ca = await makeCa();
  const [one, other] = await Promise.all(
    ['one', 'other'].map((commonName) => makeCertificate(ca, { commonName, use: 'client' })),
  );
  writeFileSync(at('ca.pem'), ca.certificatePem);
  writeFileSync(at('one.pem'), one!.certificatePem);
  writeFileSync(at('one.key'), one!.keyPem);
  writeFileSync(at('other.key'), other!.keyPem);
  writeFileSync(at('secret'), 'a password\n');
  writeFileSync(at('empty.pem'), 'nothing');
});
after(() => rmSync(directory, { recursive: true }));

type Tls = NonNullable<UpstreamConfig['targets'][number]['tls']>;

function withTls(tls: Partial<Tls>): UpstreamConfig {
  const plain = plainUpstream('mqtts://broker.example.org');
  return { ...plain, targets: [{ ...plain.targets[0]!, tls: { pinSha256: [], ...tls } }] };
}

describe('an upstream in files', () => {
  it('has its certificates, keys and secrets read', async () => {
    const files = { ca: at('ca.pem'), certificate: at('one.pem'), key: at('one.key') };
    const password = { file: at('secret') };
    const options = await upstreamOptions({ ...withTls(files), credentials: { username: 'gateway', password } });
    assert.match(options.targets[0]!.tls!.caPem!, /BEGIN CERTIFICATE/);
    assert.deepEqual(options.credentials, { kind: 'account', username: 'gateway', password: 'a password' });
    assert.deepEqual(
      [options.targets[0]!.host, options.targets[0]!.port, options.connectTimeoutMs],
      ['broker.example.org', 8883, 3000],
    );
  });

  it('is refused with place and cure where a file is missing or two do not belong together', async () => {
    await assert.rejects(
      upstreamOptions(withTls({ ca: at('absent.pem') })),
      /The CA .*absent\.pem of upstream default cannot be read \(ENOENT\); correct the path\./,
    );
    await assert.rejects(
      upstreamOptions(withTls({ certificate: at('one.pem'), key: at('other.key') })),
      /target mqtts:\/\/broker\.example\.org of upstream default cannot be used/,
    );
    await assert.rejects(
      upstreamOptions(withTls({ certificate: at('empty.pem'), key: at('one.key') })),
      /cannot be used/,
    );
  });
});

describe('a file of accounts', () => {
  it('has a line for each user, and one for all others', () => {
    const credentials = parseAccounts('# who: goes as\nann:a:pass:word\r\n\nbob:b:\n*:guest:guest\n', 'accounts');
    assert.deepEqual(credentials, {
      kind: 'map',
      accounts: new Map([
        ['ann', { username: 'a', password: 'pass:word' }],
        ['bob', { username: 'b', password: '' }],
      ]),
      fallback: { username: 'guest', password: 'guest' },
    });
  });

  it('is refused with all that is wrong, and without a password in the message', () => {
    const text = 'ann:a:secret\nsecret\nann:b:secret\n*:x:secret\n*:y:secret\n:u:secret\nbob::secret\n';
    assert.throws(
      () => parseAccounts(text, 'accounts'),
      (error: FileFaultError) => {
        assert.ok(error instanceof FileFaultError);
        assert.deepEqual(
          error.faults.map(({ line }) => line),
          [2, 3, 5, 6, 7],
        );
        assert.doesNotMatch(error.message, /secret/);
        return true;
      },
    );
  });
});

describe('the URL of a broker', () => {
  it('is scheme, host, port and path, with the port that is usual', () => {
    const of = (url: string): unknown[] | undefined => {
      const parsed = parseUpstreamUrl(url);
      return parsed === undefined ? undefined : [parsed.scheme, parsed.host, parsed.port, parsed.path];
    };
    assert.deepEqual(of('mqtt://a.example.org'), ['mqtt', 'a.example.org', 1883, '']);
    assert.deepEqual(of('mqtts://[::1]:1/'), ['mqtts', '::1', 1, '']);
    assert.deepEqual(of('wss://a.example.org'), ['wss', 'a.example.org', 443, '/mqtt']);
    assert.deepEqual(of('ws://a:8080/x/y'), ['ws', 'a', 8080, '/x/y']);
    for (const bad of [
      'a:1883',
      'http://a',
      'mqtt://',
      'mqtt://a:0',
      'mqtt://a:70000',
      'mqtt://u:p@a',
      'mqtt://a/x',
      'mqtt://a?x',
      'mqtt://a b',
    ]) {
      assert.equal(of(bad), undefined, bad);
    }
  });
});
