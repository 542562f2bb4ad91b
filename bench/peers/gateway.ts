/**
 * The gateway with authentication, ACL and events on, before a broker or with its own. Queues and windows are as wide as the peers'
 * are, who have no limits there, so that all are asked to deliver the same.
 */

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { passwordFile } from '../../test/kit/passwords.ts';
import { freePort, Program } from '../../test/kit/process.ts';
import type { Peer, PeerPlace } from './peer.ts';

const COMMAND = fileURLToPath(new URL('../../bin/sallyport.mjs', import.meta.url));
const USERNAME = 'bench';
const PASSWORD = 'a password for the bench';
/** Grants around those that matter, as a real file has them. */
const ACL = ['user bench', 'topic readwrite bench/#', 'topic read weather/#', 'pattern readwrite devices/%u/#'];

export interface GatewayInit extends PeerPlace {
  readonly acl?: readonly string[];
  /** Of the embedded broker. Default: memory, as the peers have it. */
  readonly persistence?: 'memory' | 'relaxed' | 'durable';
  /** For Node itself, such as --cpu-prof. */
  readonly nodeArgs?: readonly string[];
}

export async function startGateway(init: GatewayInit): Promise<Peer> {
  const { directory, certificate, behind } = init;
  const [port, tlsPort] = [await freePort(), await freePort()];
  const at = (name: string): string => join(directory, name);
  await writeFile(at('server.crt'), certificate.certificatePem);
  await writeFile(at('server.key'), certificate.keyPem, { mode: 0o600 });
  await writeFile(at('users'), passwordFile({ [USERNAME]: PASSWORD }), { mode: 0o600 });
  await writeFile(at('acl'), [...(init.acl ?? ACL), ''].join('\n'));
  const listener = { address: '127.0.0.1', connectionsMax: 20_000 };
  const tls = { certificates: [{ certificate: 'server.crt', key: 'server.key' }] };
  const config = {
    dataDirectory: '.',
    listeners: [
      { ...listener, name: 'plain', type: 'tcp', port },
      { ...listener, name: 'tls', type: 'tls', port: tlsPort, tls },
    ],
    authentication: { hashQueueMax: 100_000 },
    // All clients of the bench come from one address.
    overload: { idlePerAddressMax: 100 },
    limits: { inflightMax: 65_535, outputBufferMax: '64MiB' },
    broker: {
      persistence: init.persistence ?? 'memory',
      inflightMax: 65_535,
      queuedMessagesMax: 10_000_000,
      queuedBytesMax: '1GiB',
      qos0QueueMax: 1_000_000,
    },
    log: { destination: 'events.log' },
    ...(behind === undefined ? {} : { upstream: `mqtt://127.0.0.1:${behind}` }),
  };
  // JSON is YAML.
  await writeFile(at('sallyport.yaml'), JSON.stringify(config, undefined, 2));
  const args = [...(init.nodeArgs ?? []), COMMAND, 'start', '--data', directory];
  const program = await Program.start(process.execPath, args, [port, tlsPort]);
  const stop = (): Promise<void> => program.end();
  return { port, tlsPort, username: USERNAME, password: PASSWORD, pid: program.child.pid!, stop };
}
