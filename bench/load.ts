/** Starts load processes, lets them begin together, and hands back what they saw. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { LoadPlan, LoadResults } from './load/plan.ts';

const SCRIPT = fileURLToPath(new URL('load/main.ts', import.meta.url));

export class Load<Plan extends LoadPlan> {
  readonly #child: ChildProcess;

  private constructor(plan: Plan) {
    this.#child = fork(SCRIPT, [JSON.stringify(plan)], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  }

  /** Resolves when all its clients are connected and subscribed. */
  static async prepare<Plan extends LoadPlan>(plan: Plan): Promise<Load<Plan>> {
    const load = new Load(plan);
    await load.#message();
    return load;
  }

  async run(): Promise<LoadResults[Plan['kind']]> {
    this.#child.send('go');
    return (await this.#message()) as LoadResults[Plan['kind']];
  }

  async end(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await exited;
  }

  #message(): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const onExit = (): void => reject(new Error('a load process ended before it had a result'));
      this.#child.once('exit', onExit);
      this.#child.once('message', (message) => {
        this.#child.off('exit', onExit);
        resolve(message);
      });
    });
  }
}

/** One process from start to end. */
export async function runLoad<Plan extends LoadPlan>(plan: Plan): Promise<LoadResults[Plan['kind']]> {
  const load = await Load.prepare(plan);
  try {
    return await load.run();
  } finally {
    await load.end();
  }
}
