/** Clients that connect and then say nothing. */
import { inBatches, join } from './client.ts';
import type { IdlePlan, IdleResult } from './plan.ts';

export class Idle {
  readonly #plan: IdlePlan;

  constructor(plan: IdlePlan) {
    this.#plan = plan;
  }

  async prepare(): Promise<void> {
    const { connections, prefix } = this.#plan;
    await inBatches(connections, (index) => join(this.#plan, `${prefix}-${index}`));
  }

  async run(): Promise<IdleResult> {
    return { connected: this.#plan.connections };
  }
}
