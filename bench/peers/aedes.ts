/** Aedes, the other broker for Node, on the Node that runs the gateway, with its settings as they come. */
import { fileURLToPath } from 'node:url';
import { freePort, Program } from '../../test/kit/process.ts';
import type { Peer } from './peer.ts';

const SCRIPT = fileURLToPath(new URL('aedes-server.ts', import.meta.url));

export async function startAedes(): Promise<Peer> {
  const port = await freePort();
  const program = await Program.start(process.execPath, [SCRIPT, String(port)], [port]);
  return { port, pid: program.child.pid!, stop: () => program.end() };
}
