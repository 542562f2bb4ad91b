/** Debian's Mosquitto: everybody may do everything, and nothing is limited. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { freePort } from '../../test/kit/process.ts';
import type { Peer, PeerPlace } from './peer.ts';
import { startProgram } from './program.ts';

export async function startMosquitto({ directory, certificate }: PeerPlace): Promise<Peer> {
  const [port, tlsPort] = [await freePort(), await freePort()];
  const at = (name: string): string => join(directory, name);
  await writeFile(at('server.crt'), certificate.certificatePem);
  await writeFile(at('server.key'), certificate.keyPem, { mode: 0o600 });
  const lines = [
    'user root',
    'allow_anonymous true',
    'set_tcp_nodelay true',
    'persistence false',
    'sys_interval 0',
    'log_dest none',
    'max_inflight_messages 0',
    'max_queued_messages 0',
    `listener ${port} 127.0.0.1`,
    `listener ${tlsPort} 127.0.0.1`,
    `certfile ${at('server.crt')}`,
    `keyfile ${at('server.key')}`,
    '',
  ];
  await writeFile(at('mosquitto.conf'), lines.join('\n'));
  const program = await startProgram('mosquitto', 'mosquitto', ['-c', at('mosquitto.conf')], [port, tlsPort]);
  return { port, tlsPort, ...program };
}
