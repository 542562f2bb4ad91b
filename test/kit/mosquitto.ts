/** Starts Mosquitto, where the machine has it, as the reference to compare with. */
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { passwordFile } from './passwords.ts';
import { freePort, HOST, Program, removeDirectory, temporaryDirectory } from './process.ts';

export interface MosquittoInit {
  /** Name and password; without users everyone may connect. */
  users?: Readonly<Record<string, string>>;
  /** Lines of the ACL file. */
  acl?: readonly string[];
  /** Further lines of the configuration, before the listeners. */
  config?: readonly string[];
  /** Keeps its state in its directory, for `restart`. */
  persistence?: boolean;
}

export interface RunningMosquitto {
  readonly port: number;
  /** Of the WebSocket listener. */
  readonly wsPort: number;
  readonly program: Program;
  stop(signal?: NodeJS.Signals): Promise<void>;
  /** Starts it again on the same ports, after the end of its program. */
  restart(): Promise<void>;
}

export async function startMosquitto(init: MosquittoInit = {}): Promise<RunningMosquitto> {
  const directory = await temporaryDirectory('mosquitto');
  const [port, wsPort] = [await freePort(), await freePort()];
  const at = (name: string) => path.join(directory, name);
  const lines = ['user root', 'set_tcp_nodelay true', `allow_anonymous ${init.users === undefined}`];
  if (init.persistence === true) lines.push('persistence true', `persistence_location ${directory}/`);
  if (init.users !== undefined) {
    await writeFile(at('passwords'), passwordFile(init.users));
    lines.push(`password_file ${at('passwords')}`);
  }
  if (init.acl !== undefined) {
    await writeFile(at('acl'), init.acl.map((line) => `${line}\n`).join(''));
    lines.push(`acl_file ${at('acl')}`);
  }
  lines.push(
    ...(init.config ?? []),
    `listener ${port} ${HOST}`,
    `listener ${wsPort} ${HOST}`,
    'protocol websockets',
    '',
  );
  await writeFile(at('mosquitto.conf'), lines.join('\n'));
  const start = (): Promise<Program> => Program.start('mosquitto', ['-c', at('mosquitto.conf')], [port, wsPort]);
  let program = await start();
  return {
    port,
    wsPort,
    get program() {
      return program;
    },
    restart: async () => {
      program = await start();
    },
    stop: async (signal) => {
      await program.end(signal);
      await removeDirectory(directory);
    },
  };
}
