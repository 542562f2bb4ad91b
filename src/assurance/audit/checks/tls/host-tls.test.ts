import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rootCertificates } from 'node:tls';
import { fixtureContext, layered, type MadeSystem } from '../../../../../test/kit/audited-system.ts';
import { makeCa } from '../../../../../test/kit/certificates.ts';
import { describeChecks } from '../../../../../test/kit/check-fixtures.ts';
import { DEBIAN, DPKG_STATUS, dpkgStatus, NO_BROKER_PROCESS } from '../../../../../test/kit/debian-host.ts';
import { encodeRecord, FIRST_LINK } from '../../../../app/observability/journal/record.ts';
import { collectHost, type HostFacts } from '../../host/host-facts.ts';
import { tlsHost } from './tls.ts';

const debian = (over: MadeSystem): MadeSystem => layered(DEBIAN, over);
const files = (over: NonNullable<MadeSystem['files']>): MadeSystem => debian({ files: over });

const CONF = '/etc/mosquitto/mosquitto.conf';
const KEY = '/etc/mosquitto/certs/server.key';
const TLS = `listener 8883\ncertfile /etc/mosquitto/certs/server.crt\nkeyfile ${KEY}\n`;
const MUTUAL = `${TLS}require_certificate true\ncafile /etc/mosquitto/ca.crt\n`;
const MOSQUITTO_UID = 107;
const own = (await makeCa('Plant CA')).certificatePem;

const key = (mode: number, uid = MOSQUITTO_UID): MadeSystem => files({ [CONF]: TLS, [KEY]: { text: '', mode, uid } });
const trust = (pem: string): MadeSystem => files({ [CONF]: MUTUAL, '/etc/mosquitto/ca.crt': pem });
const cnf = (...lines: string[]): MadeSystem =>
  files({
    '/etc/ssl/openssl.cnf': `openssl_conf = init\n[init]\nssl_conf = ssl\n[ssl]\nsystem_default = all\n[all]\n${lines.join('\n')}\n`,
  });
const SSL = '/usr/lib/x86_64-linux-gnu/libssl.so.3';
const CRYPTO = '/usr/lib/x86_64-linux-gnu/libcrypto.so.3';
const owned = (ssl: { exitCode: number }): MadeSystem =>
  debian({
    commands: {
      [`dpkg-query -S ${SSL}`]: ssl,
      [`dpkg-query -S ${SSL.slice(4)}`]: ssl,
      [`dpkg-query -S ${CRYPTO}`]: { exitCode: 0 },
    },
  });

type Client = readonly [clientId: string, certificate?: string];

function segment(...clients: readonly Client[]): string {
  let before = FIRST_LINK;
  const lines = clients.map(([clientId, certificate], index) => {
    const { line, h } = encodeRecord(before, index + 1, 0, 'event', {
      name: 'client.connected',
      clientId,
      certificate,
    });
    before = h;
    return line;
  });
  return lines.join('');
}

function journal(...clients: readonly Client[]): MadeSystem {
  return files({ '/var/lib/sallyport/journal/0000000001.journal': segment(...clients) });
}

describeChecks<HostFacts, MadeSystem>({
  family: tlsHost,
  collect: async (made) => collectHost(fixtureContext(made)),
  fixtures: {
    T01: {
      pass: DEBIAN,
      fail: files({ [DPKG_STATUS]: dpkgStatus({ libssl3: '3.0.17-1~deb12u2', 'libssl1.1': '1.1.1w-0+deb11u1' }) }),
      'not-applicable': files({ [DPKG_STATUS]: dpkgStatus({ bash: '5.2' }) }),
      unknown: files({ '/etc/os-release': 'ID=fedora\nVERSION_ID=43\n' }),
    },
    T02: {
      pass: cnf('MinProtocol = TLSv1.2', 'CipherString = DEFAULT@SECLEVEL=2'),
      fail: cnf('MinProtocol = TLSv1', 'CipherString = DEFAULT@SECLEVEL=2'),
      'not-applicable': DEBIAN,
      unknown: layered(cnf('Options = x'), { files: { '/etc/os-release': 'ID=arch\n' } }),
    },
    T03: {
      pass: owned({ exitCode: 0 }),
      fail: owned({ exitCode: 1 }),
      'not-applicable': files(NO_BROKER_PROCESS),
      unknown: DEBIAN,
    },
    T19: {
      pass: key(0o600),
      fail: key(0o644),
      'not-applicable': DEBIAN,
      unknown: files({ [CONF]: TLS, [KEY]: { text: '', hidden: 'permission-denied' } }),
    },
    T21: {
      pass: trust(own),
      fail: trust(rootCertificates.slice(0, 3).join('\n')),
      'not-applicable': key(0o600),
      unknown: files({ [CONF]: MUTUAL }),
    },
    T24: {
      pass: journal(['pump-1', 'aa'], ['pump-2', 'bb'], ['pump-1', 'aa']),
      fail: journal(['pump-1', 'aa'], ['pump-2', 'aa']),
      'not-applicable': journal(['pump-1']),
      unknown: files({ '/var/lib/sallyport/journal': { isFolder: true, unreadable: 'permission-denied' } }),
    },
  },
});

describeChecks<HostFacts, MadeSystem>({
  family: { ...tlsHost, checks: tlsHost.checks.filter(({ id }) => id === 'T19' || id === 'T21') },
  collect: async (made) => collectHost(fixtureContext(made)),
  fixtures: {
    // As the gateway's configuration names them, relative to it.
    T19: {
      pass: files({
        '/etc/sallyport/sallyport.yaml':
          'listeners: [{ tls: { certificates: [{ certificate: a.crt, key: a.key }] } }]\n',
        '/etc/sallyport/a.key': { text: '', mode: 0o600 },
      }),
      fail: key(0o600, 1000),
      'not-applicable': files({ '/etc/sallyport/sallyport.yaml': 'listeners: []\n' }),
      unknown: files({ '/etc/sallyport/sallyport.yaml': 'listeners: [\n' }),
    },
    T21: {
      pass: files({
        '/etc/sallyport/sallyport.yaml': 'listeners: [{ tls: { clientCa: ca.crt } }]\n',
        '/etc/sallyport/ca.crt': own,
      }),
      fail: files({
        [CONF]: `${TLS}require_certificate true\ncapath /etc/ssl/certs\n`,
        '/etc/ssl/certs/0a775a30.0': '',
      }),
      'not-applicable': DEBIAN,
      unknown: files({ [CONF]: MUTUAL, '/etc/mosquitto/ca.crt': { unreadable: 'permission-denied' } }),
    },
  },
});

test('a certificate that is shared across segments of the journal is found', async () => {
  const made = files({
    '/var/lib/sallyport/journal/0000000001.journal': segment(['pump-1', 'aa']),
    '/var/lib/sallyport/journal/0000000002.journal': segment(['pump-2', 'bb']),
    '/var/lib/sallyport/journal/0000000003.journal': segment(['pump-9', 'aa']),
  });
  const facts = await collectHost(fixtureContext(made));
  const outcomes = [tlsHost.checks.find(({ id }) => id === 'T24')!.evaluate(facts)].flat();
  assert.deepEqual(
    outcomes.map(({ status, subject }) => [status, subject]),
    [['fail', 'certificate aa']],
  );
});
