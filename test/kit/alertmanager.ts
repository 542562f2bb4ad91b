/** Starts a real Alertmanager, where the machine has it, with nobody to notify, and asks it what it knows. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { freePort, HOST, Program, removeDirectory, temporaryDirectory } from './process.ts';

/** For tests that need it: why they are skipped, or false. */
export const withoutAlertmanager: string | false =
  spawnSync('prometheus-alertmanager', ['--version']).error === undefined
    ? false
    : 'prometheus-alertmanager is not installed';

/** As its API has them. */
export interface KnownAlert {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly startsAt: string;
  readonly endsAt: string;
  readonly status: { readonly state: string };
}

export interface RunningAlertmanager {
  readonly url: string;
  readonly program: Program;
  /** Those that it takes to fire. */
  alerts(): Promise<KnownAlert[]>;
  stop(): Promise<void>;
  /** Starts it again on the same port, after the end of its program. */
  restart(): Promise<void>;
}

const CONFIG = 'route:\n  receiver: nobody\nreceivers:\n  - name: nobody\n';

export async function startAlertmanager(): Promise<RunningAlertmanager> {
  const directory = await temporaryDirectory('alertmanager');
  const port = await freePort();
  const config = path.join(directory, 'alertmanager.yml');
  await writeFile(config, CONFIG);
  const args = [
    `--config.file=${config}`,
    `--storage.path=${path.join(directory, 'data')}`,
    `--web.listen-address=${HOST}:${port}`,
    '--cluster.listen-address=',
  ];
  const start = (): Promise<Program> => Program.start('prometheus-alertmanager', args, [port]);
  let program = await start();
  const url = `http://${HOST}:${port}`;
  return {
    url,
    get program() {
      return program;
    },
    async alerts() {
      const answer = await fetch(`${url}/api/v2/alerts`);
      assert.equal(answer.status, 200);
      return (await answer.json()) as KnownAlert[];
    },
    async stop() {
      await program.end();
      await removeDirectory(directory);
    },
    async restart() {
      program = await start();
    },
  };
}
