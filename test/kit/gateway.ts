/** Starts the gateway through its own command, with a configuration, users and an ACL of the test's choice. */
import { existsSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { passwordFile } from './passwords.ts';
import { type Finished, freePort, HOST, Program, removeDirectory, runToEnd, temporaryDirectory } from './process.ts';

export const COMMAND = fileURLToPath(new URL('../../bin/sallyport.mjs', import.meta.url));

/** A terminal's colours and an operator's habits are none of a test's. */
const ENVIRONMENT = { NO_COLOR: undefined, FORCE_COLOR: undefined, SALLYPORT_DATA: undefined };

export type ListenerInit = { name: string; type: 'tcp' | 'tls' | 'ws' | 'wss' } & Record<string, unknown>;

export interface GatewayFiles {
  /** A listener each; ports are given out, and the addresses are loopback's, unless the entry says otherwise. */
  listeners: readonly ListenerInit[];
  /** Name and password. */
  users?: Readonly<Record<string, string>>;
  /** Lines of the ACL file. */
  acl?: readonly string[];
  /** Further sections of the configuration, as in the file. */
  config?: Readonly<Record<string, unknown>>;
}

export interface GatewayInit extends GatewayFiles {
  /** Where to start; without it a directory is made, and removed by `stop`. */
  directory?: string;
}

export interface RunningGateway {
  readonly directory: string;
  /** By listener's name. */
  readonly ports: ReadonlyMap<string, number>;
  readonly program: Program;
  /** As they were written last. */
  readonly files: GatewayFiles;
  /** Writes the files anew, with the given parts changed; listeners keep their ports. */
  rewrite(change: Partial<GatewayFiles>): Promise<void>;
  /** `sallyport reload`. */
  reload(...args: string[]): Promise<Finished>;
  /** Ends it; another signal than SIGTERM for tests of sudden death. */
  stop(signal?: NodeJS.Signals): Promise<void>;
  /** Starts it again in the same directory on the same ports, after its end. */
  restart(): Promise<RunningGateway>;
}

/** Runs one of the program's commands to its end. */
export function sallyport(args: readonly string[], options: { cwd?: string; input?: string } = {}): Promise<Finished> {
  return runToEnd(process.execPath, [COMMAND, ...args], { ...options, env: ENVIRONMENT });
}

/** Machines that run tests stand still now and then, and what a gateway does of that is for the tests of overload alone. */
const UNHURRIED = { eventLoopDelayMax: '10s' };

/** Puts the files where `sallyport start --data` looks for them. */
export async function writeGatewayFiles(directory: string, files: GatewayFiles): Promise<Map<string, number>> {
  const ports = new Map<string, number>();
  const listeners: Record<string, unknown>[] = [];
  for (const listener of files.listeners) {
    const port = typeof listener['port'] === 'number' ? listener['port'] : await freePort();
    ports.set(listener.name, port);
    listeners.push({ address: HOST, ...listener, port });
  }
  const { overload, ...config } = files.config ?? {};
  const unhurried = { ...UNHURRIED, ...(overload as object | undefined) };
  const texts: [name: string, text: string][] = [
    ['users', passwordFile(files.users ?? {})],
    ['acl', (files.acl ?? []).map((line) => `${line}\n`).join('')],
    // JSON is YAML.
    ['sallyport.yaml', JSON.stringify({ ...config, listeners, overload: unhurried }, undefined, 2)],
  ];
  for (const [name, text] of texts) await writeFile(path.join(directory, name), text, { mode: 0o600 });
  return ports;
}

export async function startGateway(init: GatewayInit): Promise<RunningGateway> {
  const directory = init.directory ?? (await temporaryDirectory('gateway'));
  let files: GatewayFiles = init;
  const write = async (): Promise<Map<string, number>> => {
    const ports = await writeGatewayFiles(directory, files);
    const listeners = files.listeners.map((listener) => ({ ...listener, port: ports.get(listener.name)! }));
    files = { ...files, listeners };
    return ports;
  };
  const ports = await write();
  const start = async (isOurs: boolean): Promise<RunningGateway> => {
    const args = [COMMAND, 'start', '--data', directory];
    const socket = path.join(directory, 'control.sock');
    // One that was killed has left it behind.
    await rm(socket, { force: true });
    const open = files.listeners.map(({ name }) => ports.get(name)!);
    const program = await Program.start(process.execPath, args, open, { env: ENVIRONMENT });
    // It is made last; from then on a reload is heard.
    while (!program.hasEnded && !existsSync(socket)) await sleep(5);
    return {
      directory,
      ports,
      program,
      get files() {
        return files;
      },
      rewrite: async (change) => {
        files = { ...files, ...change };
        for (const [name, port] of await write()) ports.set(name, port);
      },
      reload: (...further) => sallyport(['reload', '--data', directory, ...further]),
      stop: async (signal) => {
        await program.end(signal);
        if (isOurs) await removeDirectory(directory);
      },
      restart: () => start(isOurs),
    };
  };
  return start(init.directory === undefined);
}
