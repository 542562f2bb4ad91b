/** A broker that swallows all it gets, so that a proxy before it is what limits. */
import { fileURLToPath } from 'node:url';
import { freePort, Program } from '../../test/kit/process.ts';
import type { Peer } from './peer.ts';

const SCRIPT = fileURLToPath(new URL('sink-server.ts', import.meta.url));

export async function startSink(): Promise<Peer> {
  const port = await freePort();
  const program = await Program.start(process.execPath, [SCRIPT, String(port)], [port]);
  return { port, pid: program.child.pid!, stop: () => program.end() };
}
