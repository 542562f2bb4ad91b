import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { appendFile, mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import path from 'node:path';
import { after, before, describe, it, type TestContext } from 'node:test';
import { promisify } from 'node:util';
import { makeCa, makeCertificate, type TestAuthority, type TestCertificate } from '../kit/certificates.ts';
import { type GatewayFiles, sallyport, writeGatewayFiles } from '../kit/gateway.ts';
import { HOST, removeDirectory, temporaryDirectory } from '../kit/process.ts';

interface Case {
  readonly name: string;
  /** What is wrong, in a directory where everything is right. */
  readonly breakIt: (place: Place) => Promise<unknown>;
  /** The place, what is wrong, and the cure. */
  readonly told: readonly RegExp[];
}

interface Place {
  readonly t: TestContext;
  readonly directory: string;
  /** Puts parts of the configuration anew. */
  write(change: Partial<GatewayFiles>): Promise<unknown>;
}

let ca: TestAuthority;
let good: TestCertificate;
let other: TestCertificate;
let expired: TestCertificate;

const TLS = { certificates: [{ certificate: 'server.crt', key: 'server.key' }] };
const FILES: GatewayFiles = {
  listeners: [{ name: 'tls', type: 'tls', port: 0, tls: TLS }],
  users: { device1: 'a password of the tests' },
  acl: ['pattern readwrite devices/%u/#'],
};

const CASES: readonly Case[] = [
  {
    name: 'a port in use',
    breakIt: async ({ t, write }) => {
      const taken = createServer().listen(0, HOST);
      await once(taken, 'listening');
      t.after(() => taken.close());
      const { port } = taken.address() as { port: number };
      await write({ listeners: [{ name: 'taken', type: 'tcp', port }] });
    },
    told: [/listener taken: 127\.0\.0\.1:\d+ is in use by another program/, /stop that one .* or choose another port/],
  },
  {
    name: 'an address that this machine does not have',
    breakIt: ({ write }) => write({ listeners: [{ name: 'far', type: 'tcp', port: 0, address: '192.0.2.1' }] }),
    told: [/listener far: 192\.0\.2\.1 is no address of this machine; choose one/],
  },
  {
    name: 'a key that cannot be read',
    breakIt: async ({ directory }) => {
      // Root may read what is forbidden; a directory nobody can.
      await rm(path.join(directory, 'server.key'));
      await mkdir(path.join(directory, 'server.key'));
    },
    told: [/private key \S+server\.key of listener tls cannot be read \(EISDIR\); correct the path/],
  },
  {
    name: 'a key that is not there',
    breakIt: ({ directory }) => rm(path.join(directory, 'server.key')),
    told: [/private key \S+server\.key of listener tls cannot be read \(ENOENT\); correct the path/],
  },
  {
    name: 'a key that is none',
    breakIt: ({ directory }) => writeFile(path.join(directory, 'server.key'), 'nonsense'),
    told: [/listener tls: \S+server\.key holds no PEM private key; it should start with/],
  },
  {
    name: 'a certificate that has expired',
    breakIt: async ({ directory }) => {
      await writeFile(path.join(directory, 'server.crt'), expired.certificatePem);
      await writeFile(path.join(directory, 'server.key'), expired.keyPem);
    },
    told: [/listener tls: the certificate in \S+server\.crt expired on 2021-01-01; renew it/],
  },
  {
    name: 'a key that belongs to another certificate',
    breakIt: ({ directory }) => writeFile(path.join(directory, 'server.key'), other.keyPem),
    told: [/the key in \S+server\.key does not belong to the certificate in \S+server\.crt; name the key/],
  },
  {
    name: 'a password in a scheme that nobody knows',
    breakIt: ({ directory }) => appendFile(path.join(directory, 'users'), 'pump-7:$9$c2FsdA==$aGFzaA==\n'),
    told: [/users:2:8: .*(unknown|not known)/i, /sallyport passwd add/],
  },
  {
    name: 'a password in the clear',
    breakIt: ({ directory }) => appendFile(path.join(directory, 'users'), 'pump-7:hunter2\n'),
    told: [/users:2:8: .*not hashed/, /sallyport passwd add/],
  },
  {
    name: 'a broken line in the ACL',
    breakIt: ({ directory }) => appendFile(path.join(directory, 'acl'), 'topic raed a/b\n'),
    told: [/acl:2:\d+: /],
  },
  {
    name: 'no ACL at all',
    breakIt: ({ directory }) => rm(path.join(directory, 'acl')),
    told: [/ACL file \S+acl cannot be read \(ENOENT\); without one nobody may do anything/],
  },
  {
    name: 'a data directory that is a file',
    breakIt: async ({ directory, write }) => {
      await writeFile(path.join(directory, 'state'), '');
      await write({ config: { dataDirectory: 'state' } });
    },
    told: [/data directory \S+state cannot be made/],
  },
  {
    name: 'a data directory where nothing can be written',
    // Not even by root.
    breakIt: ({ write }) => write({ config: { dataDirectory: '/sys/sallyport' } }),
    told: [/data directory \/sys\/sallyport cannot be made/],
  },
  {
    name: 'a data directory where no directory can be',
    breakIt: ({ write }) => write({ config: { dataDirectory: '/proc/sallyport' } }),
    told: [/data directory \/proc\/sallyport cannot be made: \/proc takes no new ones\. Name another place/],
  },
  {
    name: 'a password file that is a pipe without a writer',
    breakIt: async ({ directory }) => {
      await rm(path.join(directory, 'users'));
      await promisify(execFile)('mkfifo', [path.join(directory, 'users')]);
    },
    told: [/password file \S+users cannot be read \(it is not a plain file\)/],
  },
  {
    name: 'a database that is none',
    breakIt: ({ directory }) =>
      writeFile(path.join(directory, 'broker.sqlite'), 'this is not a database at all\n'.repeat(100)),
    told: [/broker\.sqlite/, /(move|remove|restore|start)/],
  },
  {
    name: 'a key of the configuration that nobody knows',
    breakIt: ({ write }) => write({ config: { limits: { keepAlivMax: '5m' } } }),
    told: [/sallyport\.yaml:3:5: limits\.keepAlivMax: unknown key; did you mean `limits\.keepAliveMax`\?/],
  },
  {
    name: 'a log that leads nowhere',
    breakIt: async ({ directory, write }) => {
      await symlink('/nonexistent/log', path.join(directory, 'log'));
      await write({ config: { log: { destination: 'log' } } });
    },
    told: [/log file \S+log cannot be written: .*Check log\.destination/],
  },
];

describe('a start that cannot be', { concurrency: 3 }, () => {
  before(async () => {
    ca = await makeCa();
    good = await makeCertificate(ca, { commonName: 'localhost', use: 'server' });
    other = await makeCertificate(ca, { commonName: 'localhost', use: 'server' });
    const old = { notBefore: new Date('2020-01-01'), notAfter: new Date('2021-01-01') };
    expired = await makeCertificate(ca, { commonName: 'localhost', use: 'server', ...old });
  });
  const made: string[] = [];
  after(() => Promise.all(made.map(removeDirectory)));

  for (const { name, breakIt, told } of CASES) {
    it(`${name}: one sentence with the place and the cure, and exit code 2`, async (t) => {
      const directory = await temporaryDirectory('refused');
      made.push(directory);
      await writeFile(path.join(directory, 'server.crt'), good.certificatePem);
      await writeFile(path.join(directory, 'server.key'), good.keyPem, { mode: 0o600 });
      const write = (change: Partial<GatewayFiles>): Promise<unknown> =>
        writeGatewayFiles(directory, { ...FILES, ...change });
      await write({});
      await breakIt({ t, directory, write });
      const { code, out, err } = await sallyport(['start', '--data', directory]);
      assert.equal(code, 2, `${out}${err}`);
      for (const says of told) assert.match(err, says);
      assert.doesNotMatch(err, /\n\s+at |This is a bug|hunter2/);
      const lines = err.trim().split('\n');
      assert.equal(lines.filter((line) => !line.startsWith('risk: ')).length, 1, err);
      assert.doesNotMatch(out, /gateway\.started/);
    });
  }
});
