/** How the gateway is, for people and for whatever watches over it: what serves, how much goes on, and what is broken. */
import { z } from 'zod';
import type { Clock } from '../../base/clock.ts';
import type { BanDesk } from '../bans/ban-desk.ts';
import type { Gateway } from '../gateway.ts';
import type { RefusalTally } from '../observability/refusal-tally.ts';
import type { Troubles } from '../observability/troubles.ts';
import { silentWorkersSchema } from '../silent-workers.ts';
import { VERSION } from '../version.ts';

const count = z.int().min(0);

export const statusSchema = z.strictObject({
  version: z.string(),
  pid: count,
  startedAt: z.string().meta({ description: 'ISO 8601, UTC.' }),
  uptimeMs: count,
  isHealthy: z.boolean().meta({
    description: 'Nothing is broken, every worker answers, no broker behind is down, and there is no overload.',
  }),
  listeners: z.array(z.strictObject({ name: z.string(), type: z.string(), address: z.string(), port: count })),
  clients: count,
  messagesIn: count.meta({ description: 'PUBLISH packets of clients that were forwarded, since the start.' }),
  messagesOut: count,
  bytesIn: count,
  bytesOut: count,
  messagesInPerSecond: z.number(),
  messagesOutPerSecond: z.number(),
  bytesInPerSecond: z.number(),
  bytesOutPerSecond: z.number(),
  refusals: count.meta({ description: 'Whatever was refused since the start.' }),
  overloadStage: z.int().min(0).max(3),
  bans: count,
  attacks: count.meta({ description: 'Attacks that go on.' }),
  upstreams: z.array(
    z.strictObject({
      upstream: z.string(),
      target: z.string(),
      state: z.string(),
      connections: count,
      says: z.string(),
    }),
  ),
  journal: z.enum(['on', 'off', 'failing']),
  silentWorkers: silentWorkersSchema(
    'They are counted as they told it last, and their part of `upstreams` is missing.',
  ),
  troubles: z
    .array(z.strictObject({ what: z.string(), since: z.string(), says: z.string() }))
    .meta({ description: 'What is broken now, the oldest first.' }),
});
export type GatewayStatus = z.infer<typeof statusSchema>;

export interface StatusOptions {
  readonly clock: Clock;
  readonly gateway: Gateway;
  readonly banDesk: BanDesk;
  readonly refusals: RefusalTally;
  readonly troubles: Troubles;
  /** Undefined where there is no journal. */
  readonly journalDirectory: string | undefined;
}

export class StatusDesk {
  readonly #options: StatusOptions;
  readonly #startedMs: number;
  readonly #startedAt: string;

  constructor(options: StatusOptions) {
    this.#options = options;
    this.#startedMs = options.clock.nowMs();
    this.#startedAt = new Date(options.clock.epochMs()).toISOString();
  }

  async now(): Promise<GatewayStatus> {
    const { clock, gateway, banDesk, refusals, troubles, journalDirectory } = this.#options;
    const [{ figures, silent }, { targets }] = await Promise.all([
      gateway.clients.figures(),
      gateway.upstreams.status(),
    ]);
    const upstreams = targets.map(({ upstream, target, state, connections, says }) => {
      return { upstream, target, state, connections, says };
    });
    const broken = troubles.list();
    const isJournalFailing = broken.some(({ what }) => what === `storage ${journalDirectory}`);
    return {
      version: VERSION,
      pid: process.pid,
      startedAt: this.#startedAt,
      uptimeMs: Math.round(clock.nowMs() - this.#startedMs),
      isHealthy:
        broken.length === 0 &&
        silent.length === 0 &&
        figures.overloadStage === 0 &&
        upstreams.every(({ state }) => state !== 'down'),
      listeners: [...gateway.listeners],
      ...figures,
      refusals: refusals.count,
      bans: banDesk.count,
      attacks: gateway.clients.attacks,
      upstreams,
      journal: journalDirectory === undefined ? 'off' : isJournalFailing ? 'failing' : 'on',
      silentWorkers: [...silent],
      troubles: [...broken],
    };
  }
}
