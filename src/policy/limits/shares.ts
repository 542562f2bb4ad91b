/**
 * How much of each shared budget each of several processes may use: at first an even part; once some ask for more than that, what
 * they ask for in proportion. The parts of all never are more than the whole.
 */

/** What even a process that asks for nothing keeps, as a part of an even share: the first packet there need not wait. */
const KEPT = 0.1;
/** Without a demand for this many rounds, a budget is shared out evenly again. */
const FORGOTTEN_AFTER = 10;

interface Entry {
  /** By process. */
  demands: Map<number, number>;
  idleRounds: number;
}

export class Shares {
  readonly #entries = new Map<string, Entry>();

  /** What one process was asked for since the last round, by scope. */
  report(process: number, demands: Iterable<readonly [at: string, demand: number]>): void {
    for (const [at, demand] of demands) {
      const entry = this.#entries.get(at) ?? { demands: new Map<number, number>(), idleRounds: 0 };
      this.#entries.set(at, entry);
      entry.demands.set(process, demand);
    }
  }

  /** Ends a round: the shares of each process, by scope. Scopes that are not in it are shared evenly. */
  next(processes: readonly number[]): Map<number, Map<string, number>> {
    const shares = new Map(processes.map((process) => [process, new Map<string, number>()]));
    for (const [at, entry] of this.#entries) {
      const total = processes.reduce((sum, process) => sum + (entry.demands.get(process) ?? 0), 0);
      entry.idleRounds = total > 0 ? 0 : entry.idleRounds + 1;
      if (entry.idleRounds >= FORGOTTEN_AFTER) {
        this.#entries.delete(at);
        continue;
      }
      const kept = KEPT / processes.length;
      for (const process of processes) {
        const part = total > 0 ? (entry.demands.get(process) ?? 0) / total : 1 / processes.length;
        shares.get(process)?.set(at, kept + (1 - KEPT) * part);
      }
      entry.demands.clear();
    }
    return shares;
  }
}
