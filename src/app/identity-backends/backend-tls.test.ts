import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { type ConnectionOptions, connect as connectTls, createServer, type TLSSocket } from 'node:tls';
import { makeCa, makeCertificate } from '../../../test/kit/certificates.ts';
import { tlsOptionsOf } from './backend-tls.ts';

const HOST = '127.0.0.1';
const directory = mkdtempSync(path.join(tmpdir(), 'sallyport-backend-tls-'));
after(() => rmSync(directory, { recursive: true }));
const ca = await makeCa();
const caFile = path.join(directory, 'ca.crt');
writeFileSync(caFile, ca.certificatePem);

/** Connects as a backend is connected to, and tells the name it is asked for; rejects where the certificate is for another. */
async function asked(hosts: string[], reach: (port: number) => ConnectionOptions): Promise<string> {
  const { certificatePem: cert, keyPem: key } = await makeCertificate(ca, { commonName: 'x', use: 'server', hosts });
  const server = createServer({ cert, key }).listen(0, HOST);
  server.on('tlsClientError', () => undefined);
  await once(server, 'listening');
  const accepted = once(server, 'secureConnection') as Promise<[TLSSocket & { servername: string | false }]>;
  const socket = connectTls(reach((server.address() as AddressInfo).port));
  try {
    await once(socket, 'secureConnect');
    const [{ servername }] = await accepted;
    return String(servername || '');
  } finally {
    socket.destroy();
    server.close();
  }
}

test('a server that is named by its address is recognized by it, and asked for no name', async () => {
  const tls = await tlsOptionsOf({ ca: caFile }, HOST);
  assert.equal(await asked([HOST], (port) => ({ host: HOST, port, ...tls })), '');
  // As where a protocol begins in the clear and goes on in TLS.
  assert.equal(await asked([HOST], (port) => ({ socket: connect(port, HOST), ...tls })), '');
});

test('a certificate for another address, or for a name, does not do for an address', async () => {
  const tls = await tlsOptionsOf({ ca: caFile }, HOST);
  for (const hosts of [['127.0.0.2'], ['localhost']]) {
    await assert.rejects(
      asked(hosts, (port) => ({ socket: connect(port, HOST), ...tls })),
      { code: 'ERR_TLS_CERT_ALTNAME_INVALID' },
    );
  }
});

test('a name that is given beside the address is the one that counts', async () => {
  const tls = await tlsOptionsOf({ ca: caFile, serverName: 'broker.example.org' }, HOST);
  assert.equal(await asked(['broker.example.org'], (port) => ({ host: HOST, port, ...tls })), 'broker.example.org');
  await assert.rejects(
    asked([HOST], (port) => ({ host: HOST, port, ...tls })),
    { code: 'ERR_TLS_CERT_ALTNAME_INVALID' },
  );
});
