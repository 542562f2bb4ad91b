/**
 * Which processors each party of the attack bench has. Elsewhere they are on machines of their own, and what a message waits for is the target; here
 * it would wait as often for the scheduler. So the target's main thread has the first processor, and everybody else the others; its own other
 * threads may run while it rests.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** How a process is begun, for `fork`. */
export interface Start {
  readonly execPath: string;
  readonly execArgv: string[];
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
  readonly #all: string;
  readonly #first: string;
  /** Undefined where nobody has a processor to itself. */
  readonly #others: string | undefined;
  readonly #last: string;
  readonly #mayBeRealTime = does('chrt', '--rr', '1', 'true');

  /** `isShared`: the scheduler decides, as on one machine for all. */
  constructor(isShared: boolean) {
    const processors = processorsHere();
    this.#all = processors.join(',');
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
    if (this.#others !== undefined) this.#put(pid, this.#others, '--all-tasks');
  }

  /**
   * The target's: its main thread has its processor at once, whatever else this machine runs, and others of its threads have it while that one
   * rests; where nothing may be in real time, they are kept off it. To be said again when it may have made more threads, which begin beside the main one.
   */
  target(pid: number): void {
    if (this.#others === undefined) return;
    this.#put(pid, this.#mayBeRealTime ? this.#all : this.#others, '--all-tasks');
    this.#put(pid, this.#first);
    if (this.#mayBeRealTime) does('chrt', '--reset-on-fork', '--rr', '--pid', '1', String(pid));
  }

  #put(pid: number, processors: string, ...options: readonly string[]): void {
    does('taskset', ...options, '--cpu-list', '--pid', processors, String(pid));
  }
}
