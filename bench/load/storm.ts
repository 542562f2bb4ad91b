/** A reconnect storm: clients that were connected come back all at once, as after a power cut. */
import { setTimeout as sleep } from 'node:timers/promises';
import { inBatches, join } from './client.ts';
import type { StormPlan, StormResult } from './plan.ts';

const SETTLE_MS = 500;

export class Storm {
  readonly #plan: StormPlan;

  constructor(plan: StormPlan) {
    this.#plan = plan;
  }

  async prepare(): Promise<void> {
    const { connections, prefix } = this.#plan;
    const sockets = await inBatches(connections, (index) => join(this.#plan, `${prefix}-${index}`));
    for (const socket of sockets) socket.destroy();
    await sleep(SETTLE_MS);
  }

  async run(): Promise<StormResult> {
    const { connections, prefix, deadlineMs } = this.#plan;
    const startMs = performance.now();
    let returned = 0;
    let refused = 0;
    const attempts = Array.from({ length: connections }, (_, index) =>
      join(this.#plan, `${prefix}-${index}`).then(
        () => void returned++,
        () => void refused++,
      ),
    );
    await Promise.race([Promise.all(attempts), sleep(deadlineMs)]);
    return { returned, refused, elapsedMs: performance.now() - startMs };
  }
}
