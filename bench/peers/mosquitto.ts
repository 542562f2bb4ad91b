/** Debian's Mosquitto: everybody may do everything, unless it is given an ACL, and nothing is limited. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { passwordFile } from '../../test/kit/passwords.ts';
import { freePort } from '../../test/kit/process.ts';
import type { Peer, PeerPlace } from './peer.ts';
import { startProgram } from './program.ts';

const LOGIN = { username: 'bench', password: 'a password for the bench' };

export interface MosquittoInit extends PeerPlace {
  /** Lines of its ACL file; with them clients log in. */
  readonly acl?: readonly string[];
}

export async function startMosquitto({ directory, certificate, acl }: MosquittoInit): Promise<Peer> {
  const [port, tlsPort] = [await freePort(), await freePort()];
  const at = (name: string): string => join(directory, name);
  await writeFile(at('server.crt'), certificate.certificatePem);
  await writeFile(at('server.key'), certificate.keyPem, { mode: 0o600 });
  if (acl !== undefined) {
    await writeFile(at('passwords'), passwordFile({ [LOGIN.username]: LOGIN.password }), { mode: 0o600 });
    await writeFile(at('acl'), [...acl, ''].join('\n'), { mode: 0o600 });
  }
  const lines = [
    'user root',
    `allow_anonymous ${acl === undefined}`,
    'set_tcp_nodelay true',
    'persistence false',
    'sys_interval 0',
    'log_dest none',
    'max_inflight_messages 0',
    'max_queued_messages 0',
    ...(acl === undefined ? [] : [`password_file ${at('passwords')}`, `acl_file ${at('acl')}`]),
    `listener ${port} 127.0.0.1`,
    `listener ${tlsPort} 127.0.0.1`,
    `certfile ${at('server.crt')}`,
    `keyfile ${at('server.key')}`,
    '',
  ];
  await writeFile(at('mosquitto.conf'), lines.join('\n'));
  const program = await startProgram('mosquitto', 'mosquitto', ['-c', at('mosquitto.conf')], [port, tlsPort]);
  return { port, tlsPort, ...program, ...(acl === undefined ? {} : LOGIN) };
}
