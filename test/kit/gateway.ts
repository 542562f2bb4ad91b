/** Starts the gateway through its own command, with a configuration, users and an ACL of the test's choice. */
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { passwordFile } from './passwords.ts';
import { freePort, HOST, Program, removeDirectory, temporaryDirectory } from './process.ts';

const COMMAND = fileURLToPath(new URL('../../bin/sallyport.mjs', import.meta.url));

export interface GatewayInit {
  /** A listener each; ports are given out, and the addresses are loopback's, unless the entry says otherwise. */
  listeners: readonly ({ name: string; type: 'tcp' | 'tls' | 'ws' | 'wss' } & Record<string, unknown>)[];
  /** Name and password. */
  users?: Readonly<Record<string, string>>;
  /** Lines of the ACL file. */
  acl?: readonly string[];
  /** Further sections of the configuration, as in the file. */
  config?: Readonly<Record<string, unknown>>;
  /** Where to start; without it a directory is made, and removed by `stop`. */
  directory?: string;
}

export interface RunningGateway {
  readonly directory: string;
  /** By listener's name. */
  readonly ports: ReadonlyMap<string, number>;
  readonly program: Program;
  /** Ends it; another signal than SIGTERM for tests of sudden death. */
  stop(signal?: NodeJS.Signals): Promise<void>;
}

export async function startGateway(init: GatewayInit): Promise<RunningGateway> {
  const directory = init.directory ?? (await temporaryDirectory('gateway'));
  const ports = new Map<string, number>();
  const listeners: Record<string, unknown>[] = [];
  for (const listener of init.listeners) {
    const port = typeof listener['port'] === 'number' ? listener['port'] : await freePort();
    ports.set(listener.name, port);
    listeners.push({ address: HOST, ...listener, port });
  }
  const files: [name: string, text: string][] = [
    ['users', passwordFile(init.users ?? {})],
    ['acl', (init.acl ?? []).map((line) => `${line}\n`).join('')],
    // JSON is YAML.
    ['sallyport.yaml', JSON.stringify({ ...init.config, listeners }, undefined, 2)],
  ];
  for (const [name, text] of files) await writeFile(path.join(directory, name), text, { mode: 0o600 });
  const program = await Program.start(process.execPath, [COMMAND, 'start', '--data', directory], [...ports.values()]);
  return {
    directory,
    ports,
    program,
    stop: async (signal) => {
      await program.end(signal);
      if (init.directory === undefined) await removeDirectory(directory);
    },
  };
}
