/** HAProxy with one thread: bytes in, bytes out, nothing looked at; it ends TLS where clients speak it. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { freePort } from '../../test/kit/process.ts';
import type { Peer, PeerPlace } from './peer.ts';
import { startProgram } from './program.ts';

export async function startHaproxy({ directory, certificate, behind }: PeerPlace): Promise<Peer> {
  const [port, tlsPort] = [await freePort(), await freePort()];
  const at = (name: string): string => join(directory, name);
  await writeFile(at('server.pem'), `${certificate.certificatePem}\n${certificate.keyPem}\n`, { mode: 0o600 });
  const lines = [
    'global',
    '  nbthread 1',
    '  maxconn 9000',
    'defaults',
    '  mode tcp',
    '  timeout connect 5s',
    '  timeout client 1h',
    '  timeout server 1h',
    '  default_backend broker',
    'frontend plain',
    `  bind 127.0.0.1:${port}`,
    'frontend tls',
    `  bind 127.0.0.1:${tlsPort} ssl crt ${at('server.pem')} ssl-min-ver TLSv1.2`,
    // No connection to the broker before the client says something: a gateway makes none either.
    '  tcp-request inspect-delay 10s',
    '  tcp-request content accept if { req.len gt 0 }',
    'backend broker',
    `  server broker 127.0.0.1:${behind}`,
    '',
  ];
  await writeFile(at('haproxy.cfg'), lines.join('\n'));
  const program = await startProgram('haproxy', 'haproxy', ['-db', '-f', at('haproxy.cfg')], [port, tlsPort]);
  return { port, tlsPort, ...program };
}
