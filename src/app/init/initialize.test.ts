import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, describe, it } from 'node:test';
import { type Chance, systemChance } from '../../base/chance.ts';
import { systemClock } from '../../base/clock.ts';
import { ManualClock } from '../../base/manual-clock.ts';
import { parseAclFile } from '../../policy/authorization/acl-file.ts';
import { parsePasswordFile } from '../../policy/identity/password-file.ts';
import { loadConfig } from '../config/load.ts';
import { OperatorError } from '../config/problem.ts';
import { Accounts } from '../operators/accounts.ts';
import { ClaimCodes } from '../operators/claim-codes.ts';
import { Ledger } from '../operators/ledger.ts';
import { openOperatorsFile } from '../operators/operators-file.ts';
import { DAY_MS, wasIssuedBy } from './authority.ts';
import { type InitOutcome, initialize } from './initialize.ts';
import { renewServerCertificate } from './renewal.ts';

const root = mkdtempSync(join(tmpdir(), 'sallyport-init-'));
after(() => rmSync(root, { recursive: true }));
let made = 0;

function fresh(): string {
  return join(root, `data${made++}`);
}

function init(directory: string, names: string[] = [], chance: Chance = systemChance): Promise<InitOutcome> {
  return initialize({ directory, names, clock: systemClock, chance });
}

function contents(directory: string): Map<string, string> {
  const files = readdirSync(directory, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return new Map(
    files.map((file) => [join(file.parentPath, file.name), readFileSync(join(file.parentPath, file.name), 'latin1')]),
  );
}

const modeOf = (path: string): number => statSync(path).mode & 0o777;

describe('a first start', () => {
  it('leaves a data directory that only its owner can read, and no half-written file', async () => {
    const directory = fresh();
    const before = process.umask(0);
    const { layout } = await init(directory).finally(() => process.umask(before));
    for (const folder of [directory, dirname(layout.caKey), dirname(layout.serverKey)])
      assert.equal(modeOf(folder), 0o700);
    for (const secret of [layout.caKey, layout.serverKey, layout.users, layout.acl, layout.config]) {
      assert.equal(modeOf(secret), 0o600, secret);
    }
    assert.deepEqual(
      [...contents(directory).keys()].filter((file) => file.endsWith('.new')),
      [],
    );
  });

  it('makes a certificate that clients of this machine accept, from a CA that can sign no further CA', async () => {
    const { layout } = await init(fresh(), ['mqtt.example.org', '192.0.2.5']);
    const authority = new X509Certificate(readFileSync(layout.caCertificate));
    const server = new X509Certificate(readFileSync(layout.serverCertificate));
    assert.ok(wasIssuedBy(server, authority));
    assert.ok(server.checkPrivateKey(createPrivateKey(readFileSync(layout.serverKey))));
    for (const name of ['localhost', 'mqtt.example.org']) assert.equal(server.checkHost(name), name);
    for (const address of ['127.0.0.1', '::1', '192.0.2.5']) assert.ok(server.checkIP(address), address);
    assert.equal(server.checkHost('example.org'), undefined);
    assert.equal(server.ca, false);
    assert.deepEqual(server.keyUsage, ['1.3.6.1.5.5.7.3.1']);
    assert.ok(server.validToDate.getTime() - server.validFromDate.getTime() <= 397 * DAY_MS);
    assert.equal(authority.ca, true);
  });

  it('makes a chain that OpenSSL verifies to the letter', {
    skip: !existsSync('/usr/bin/openssl') && 'no openssl',
  }, async () => {
    const { layout } = await init(fresh());
    const verify = ['verify', '-x509_strict', '-purpose', 'sslserver', '-verify_hostname', 'localhost', '-CAfile'];
    assert.match(String(execFileSync('openssl', [...verify, layout.caCertificate, layout.serverCertificate])), /: OK/);
    const text = String(execFileSync('openssl', ['x509', '-in', layout.caCertificate, '-noout', '-text']));
    assert.match(text, /CA:TRUE, pathlen:0/);
    assert.match(text, /Key Usage: critical\s+Certificate Sign, CRL Sign/);
  });

  it('stores the password of its one user only as a hash that verifies', async () => {
    const directory = fresh();
    const { layout, user } = await init(directory);
    assert.ok(user);
    assert.ok(user.password.length >= 20);
    for (const [file, text] of contents(directory)) assert.ok(!text.includes(user.password), file);
    const { users } = parsePasswordFile(readFileSync(layout.users, 'utf8'), layout.users);
    assert.deepEqual([...users.keys()], [user.username]);
    assert.ok(await users.get(user.username)!.hash.verify(Buffer.from(user.password)));
  });

  it('shows a code that makes the first operator, once, and keeps only its hash', async () => {
    const directory = fresh();
    const { layout, operatorCode } = await init(directory);
    assert.ok(operatorCode);
    assert.equal(modeOf(layout.operators), 0o600);
    for (const [file, text] of contents(directory)) assert.ok(!text.includes(operatorCode.code), file);
    const database = openOperatorsFile(layout.operators);
    const ledger = new Ledger(database, systemClock, systemChance);
    const codes = new ClaimCodes(ledger, new Accounts(ledger));
    const claim = () => codes.claim(operatorCode.code, { name: 'ada', hash: 'h' }, { by: 'test', from: 'test' });
    assert.deepEqual([claim(), claim()], ['claimed', 'wrong code']);
    database.close();
  });

  it('confines every user to a namespace of its own', async () => {
    const { layout } = await init(fresh());
    const { rules } = parseAclFile(readFileSync(layout.acl, 'utf8'), layout.acl);
    assert.deepEqual(
      rules.map(({ kind, access, filter }) => [kind, access, filter]),
      [['pattern', 'readwrite', 'devices/%u/#']],
    );
  });

  it('opens TLS listeners alone, with no anonymous access', async () => {
    const { config } = await loadConfig((await init(fresh())).layout.config);
    assert.deepEqual(
      config.listeners.map(({ type, port, anonymous }) => [type, port, anonymous]),
      [
        ['tls', 8883, false],
        ['wss', 8084, false],
      ],
    );
  });

  it('writes a configuration whose comments are the defaults: with every one of them live nothing changes', async () => {
    const { layout } = await init(fresh());
    // Where a value stands is told beside it: that differs, and nothing else may.
    const load = async () => {
      const { config } = await loadConfig(layout.config);
      return { ...config, limits: { ...config.limits, places: {} } };
    };
    const config = await load();
    const text = readFileSync(layout.config, 'utf8');
    assert.match(text, /^# yaml-language-server: \$schema=.*sallyport\.schema\.json\n/);
    writeFileSync(layout.config, text.replaceAll('#: ', ''));
    assert.deepEqual(await load(), config);
  });
});

describe('a second start', () => {
  it('changes nothing', async () => {
    const directory = fresh();
    const first = await init(directory);
    const before = contents(directory);
    const second = await init(directory);
    assert.deepEqual(second.created, []);
    assert.deepEqual(second.kept, first.created);
    assert.deepEqual([second.user, second.operatorCode], [undefined, undefined]);
    assert.deepEqual(contents(directory), before);
  });

  it('completes what a crash left, whichever file came last', async () => {
    const whole = fresh();
    const { created } = await init(whole);
    for (let count = 0; count < created.length; count++) {
      const directory = fresh();
      mkdirSync(directory);
      for (const file of created.slice(0, count)) {
        const copy = file.replace(whole, directory);
        mkdirSync(dirname(copy), { recursive: true });
        writeFileSync(copy, readFileSync(file));
      }
      const before = contents(directory);
      const { layout, created: completed } = await init(directory);
      assert.equal(completed.length, created.length - count);
      for (const [file, text] of before) assert.equal(readFileSync(file, 'latin1'), text);
      const server = new X509Certificate(readFileSync(layout.serverCertificate));
      assert.ok(wasIssuedBy(server, new X509Certificate(readFileSync(layout.caCertificate))));
      assert.ok(server.checkPrivateKey(createPrivateKey(readFileSync(layout.serverKey))));
      await loadConfig(layout.config);
    }
  });

  it('accepts that the key of the CA has been taken offline', async () => {
    const directory = fresh();
    const { layout } = await init(directory);
    rmSync(layout.caKey);
    assert.deepEqual((await init(directory)).created, []);
    assert.ok(!existsSync(layout.caKey));
  });

  it('refuses a certificate whose key is gone, and names both', async () => {
    const directory = fresh();
    const { layout } = await init(directory);
    rmSync(layout.serverKey);
    await assert.rejects(init(directory), (error: Error) => {
      assert.ok(error instanceof OperatorError);
      return error.message.includes(layout.serverCertificate) && error.message.includes(layout.serverKey);
    });
    assert.ok(!existsSync(layout.serverKey));
  });

  it("refuses to sign with a CA key that is not the certificate's", async () => {
    const directory = fresh();
    const { layout } = await init(directory);
    writeFileSync(layout.caKey, readFileSync(layout.serverKey));
    rmSync(layout.serverCertificate);
    await assert.rejects(init(directory), /key of the private CA does not belong/);
  });
});

describe('what cannot be made', () => {
  it('is said where a file stands in the way', async () => {
    const directory = fresh();
    writeFileSync(directory, '');
    await assert.rejects(
      init(directory),
      (error: Error) => error instanceof OperatorError && /cannot be made/.test(error.message),
    );
  });

  it('is a name that no certificate can hold', async () => {
    for (const name of ['no spaces', 'under_score', '', '-x.example', 'a,DNS:evil.example']) {
      await assert.rejects(init(fresh(), [name]), /neither a host name/, name);
    }
  });
});

describe('renewal', () => {
  const clock = new ManualClock(Date.now());
  const renew = (directory: string): Promise<Date | undefined> =>
    renewServerCertificate(directory, clock, systemChance);

  it('waits until less than thirty days are left, then keeps key, names and CA', async () => {
    const directory = fresh();
    const { layout } = await initialize({ directory, names: ['mqtt.example.org'], clock, chance: systemChance });
    const before = new X509Certificate(readFileSync(layout.serverCertificate));
    assert.equal(await renew(directory), undefined);
    clock.advance(366 * DAY_MS);
    assert.equal(await renew(directory), undefined);
    clock.advance(2 * DAY_MS);
    const until = await renew(directory);
    const renewed = new X509Certificate(readFileSync(layout.serverCertificate));
    assert.equal(until?.getTime(), renewed.validToDate.getTime());
    assert.ok(renewed.validToDate.getTime() - clock.epochMs() > 390 * DAY_MS);
    assert.ok(wasIssuedBy(renewed, new X509Certificate(readFileSync(layout.caCertificate))));
    assert.ok(renewed.checkPrivateKey(createPrivateKey(readFileSync(layout.serverKey))));
    assert.equal(renewed.subjectAltName, before.subjectAltName);
    assert.notEqual(renewed.serialNumber, before.serialNumber);
    assert.equal(modeOf(layout.serverCertificate), 0o644);
    assert.equal(await renew(directory), undefined);
  });

  it('leaves a certificate alone that came from elsewhere', async () => {
    const [ours, theirs] = [fresh(), fresh()];
    const { layout } = await initialize({ directory: ours, names: [], clock, chance: systemChance });
    const other = await initialize({ directory: theirs, names: [], clock, chance: systemChance });
    writeFileSync(layout.serverCertificate, readFileSync(other.layout.serverCertificate));
    writeFileSync(layout.serverKey, readFileSync(other.layout.serverKey));
    clock.advance(380 * DAY_MS);
    assert.equal(await renew(ours), undefined);
    assert.ok(await renew(theirs));
  });

  it('leaves what it cannot read to the listener, which says what is wrong', async () => {
    const { layout } = await init(fresh());
    writeFileSync(layout.serverCertificate, 'no certificate');
    assert.equal(await renew(layout.directory), undefined);
    assert.equal(readFileSync(layout.serverCertificate, 'utf8'), 'no certificate');
  });
});
