/**
 * Which processors each party of the attack bench has. Elsewhere they are on machines of their own, and what a message waits for is the target; here
 * it would wait as often for the scheduler. So the target's main thread has the first processor, and nobody else is on it; its other threads have
 * the rest together with everybody else.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** How a process is begun, for `fork`. */
export interface Start {
  readonly execPath: string;
  readonly execArgv: readonly string[];
}

/** Those that this process may run on, of a list such as `0-3,8`. */
function processorsHere(): number[] {
  const list = /^Cpus_allowed_list:\s*(\S+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0';
  return list.split(',').flatMap((part) => {
    const [first = 0, last = first] = part.split('-').map(Number);
    return Array.from({ length: last - first + 1 }, (_, i) => first + i);
  });
}

function does(command: string, ...args: readonly string[]): boolean {
  return spawnSync(command, args, { stdio: 'ignore' }).status === 0;
}

export class Places {
  readonly #first: string;
  /** Undefined where nobody has a processor to itself. */
  readonly #others: string | undefined;
  readonly #last: string;
  readonly #mayBeRealTime = does('chrt', '--rr', '1', 'true');

  /** `isShared`: the scheduler decides, as on one machine for all. */
  constructor(isShared: boolean) {
    const processors = processorsHere();
    this.#first = String(processors[0]);
    this.#last = String(processors.at(-1));
    this.#others = isShared || processors.length === 1 ? undefined : processors.slice(1).join(',');
  }

  /**
   * Attackers bring processors of their own elsewhere. Here they have what nobody else wants, all threads of theirs: of a priority that a process
   * sets itself, its older threads, such as those that collect garbage, know nothing. One thread is all they have: even an idle one is owed a little
   * time, and has it in whole ticks of four milliseconds, each thread for itself; and on one processor, so that those ticks are not of whichever the
   * target is on.
   */
  get attackers(): Start {
    const idle = ['chrt', '--idle', '0', process.execPath, '--single-threaded'];
    return { execPath: 'taskset', execArgv: ['--cpu-list', this.#last, ...idle] };
  }

  /** What good clients wait for shall be the target. In real time, where we may: a process that is only less nice than another waits until that one's slice is over. */
  get goodClients(): Start {
    const at = this.#others === undefined ? [] : ['taskset', '--cpu-list', this.#others];
    const soon = this.#mayBeRealTime ? ['chrt', '--rr', '1'] : ['nice', '-n', '-15'];
    const alone = this.#mayBeRealTime ? ['--single-threaded'] : [];
    const [execPath = '', ...execArgv] = [...at, ...soon, process.execPath, ...alone];
    return { execPath, execArgv };
  }

  /** Off the target's processor, with all threads that it has by now. */
  apart(pid: number): void {
    if (this.#others !== undefined) does('taskset', '--all-tasks', '--cpu-list', '--pid', this.#others, String(pid));
  }

  /** The target's: its main thread has what it has at once, whatever else this machine runs. To be said again when it may have made more threads. */
  target(pid: number): void {
    if (this.#others === undefined) return;
    this.apart(pid);
    does('taskset', '--cpu-list', '--pid', this.#first, String(pid));
    // Threads that it makes from now on are not in real time, and come off its processor with the next call.
    if (this.#mayBeRealTime) does('chrt', '--reset-on-fork', '--rr', '--pid', '1', String(pid));
  }
}
