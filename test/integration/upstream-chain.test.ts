import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import net from 'node:net';
import path from 'node:path';
import { it } from 'node:test';
import { makeCa, makeCertificate } from '../kit/certificates.ts';
import { untilEvent } from '../kit/event-log.ts';
import { startGateway } from '../kit/gateway.ts';
import { HOST, removeAtExit, temporaryDirectory } from '../kit/process.ts';
import { RawClient } from '../kit/raw-client.ts';

it('a gateway before a gateway tells it by PROXY header, before TLS, where each client comes from', async (t) => {
  const directory = await temporaryDirectory('chain');
  removeAtExit(directory);
  const at = (name: string): string => path.join(directory, name);
  const ca = await makeCa();
  const server = await makeCertificate(ca, { commonName: 'inner', use: 'server' });
  await writeFile(at('ca.pem'), ca.certificatePem);
  await writeFile(at('inner.pem'), server.certificatePem);
  await writeFile(at('inner.key'), server.keyPem, { mode: 0o600 });

  const users = { ann: 'hers' };
  const acl = ['user ann', 'topic readwrite #'];
  const inner = await startGateway({
    users,
    acl,
    listeners: [
      {
        name: 'tls',
        type: 'tls',
        tls: { certificates: [{ certificate: at('inner.pem'), key: at('inner.key') }] },
        proxyProtocol: { mode: 'v2', trusted: [`${HOST}/32`] },
      },
    ],
  });
  t.after(() => inner.stop());
  const outer = await startGateway({
    users,
    acl,
    listeners: [{ name: 'tcp', type: 'tcp' }],
    config: {
      upstream: 'inner',
      upstreams: [
        {
          name: 'inner',
          proxyProtocol: 'v2',
          targets: [{ url: `mqtts://${HOST}:${inner.ports.get('tls')}`, tls: { ca: at('ca.pem') } }],
        },
      ],
    },
  });
  t.after(() => outer.stop());

  const socket = net.connect({ host: HOST, port: outer.ports.get('tcp')!, localAddress: '127.0.0.9' });
  await once(socket, 'connect');
  const client = new RawClient(socket, 5);
  t.after(() => client.drop());
  await client.connect({ clientId: 'far', username: 'ann', password: 'hers' });
  const { localPort } = socket;
  const seen = await untilEvent(inner.program, 'client.connected', { clientId: 'far' });
  assert.deepEqual([seen['address'], seen['port']], ['127.0.0.9', localPort]);
  // The check comes from the gateway itself, which the inner one does not let in, and which is up all the same.
  await untilEvent(outer.program, 'upstream.up', { mqtt5: true });
  await client.subscribe('x', 2);
  await client.publish('x', 'through both', { qos: 2 });
  await client.receive('x', 'through both', { qos: 2 });
});
