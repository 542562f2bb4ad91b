/** nginx's stream module with one worker: bytes in, bytes out. */
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { freePort } from '../../test/kit/process.ts';
import { NotHere, type Peer, type PeerPlace } from './peer.ts';
import { startProgram } from './program.ts';

/** Debian builds the module apart; elsewhere it may be built in. */
const MODULE = '/usr/lib/nginx/modules/ngx_stream_module.so';

export async function startNginx({ directory, certificate, behind }: PeerPlace): Promise<Peer> {
  if (existsSync('/usr/sbin/nginx') && !existsSync(MODULE)) {
    throw new NotHere('nginx has no stream module (Debian: libnginx-mod-stream)');
  }
  const [port, tlsPort] = [await freePort(), await freePort()];
  const at = (name: string): string => join(directory, name);
  await writeFile(at('server.crt'), certificate.certificatePem);
  await writeFile(at('server.key'), certificate.keyPem, { mode: 0o600 });
  const lines = [
    `load_module ${MODULE};`,
    'daemon off;',
    'user root;',
    'worker_processes 1;',
    `pid ${at('pid')};`,
    'error_log stderr crit;',
    'events { worker_connections 20000; }',
    'stream {',
    '  access_log off;',
    '  proxy_timeout 1h;',
    '  tcp_nodelay on;',
    `  server { listen 127.0.0.1:${port}; proxy_pass 127.0.0.1:${behind}; }`,
    `  server { listen 127.0.0.1:${tlsPort} ssl; proxy_pass 127.0.0.1:${behind};`,
    `    ssl_certificate ${at('server.crt')}; ssl_certificate_key ${at('server.key')};`,
    '    ssl_protocols TLSv1.2 TLSv1.3; }',
    '}',
    '',
  ];
  await writeFile(at('nginx.conf'), lines.join('\n'));
  const args = ['-p', directory, '-e', 'stderr', '-c', at('nginx.conf')];
  const program = await startProgram('nginx', 'nginx-light and libnginx-mod-stream', args, [port, tlsPort]);
  return { port, tlsPort, ...program };
}
