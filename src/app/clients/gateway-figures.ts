/** What goes on in the gateway as a whole: sums of what its connections count, over all processes. */
import type { Client } from '../../pipeline/client.ts';
import type { TrafficRates } from '../../pipeline/traffic.ts';

export interface GatewayFigures extends TrafficRates {
  /** Clients that are connected. */
  readonly clients: number;
  /** Since its processes started: PUBLISH packets that were forwarded, and their bytes. */
  readonly messagesIn: number;
  readonly messagesOut: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** 0 to 3, as the process that is worst off has it. */
  readonly overloadStage: number;
}

const FIELDS = [
  'clients',
  'messagesIn',
  'messagesOut',
  'bytesIn',
  'bytesOut',
  'messagesInPerSecond',
  'messagesOutPerSecond',
  'bytesInPerSecond',
  'bytesOutPerSecond',
] as const satisfies readonly (keyof GatewayFigures)[];

type Figures = Record<(typeof FIELDS)[number], number>;

export class FiguresSum {
  #overloadStage = 0;
  readonly #sum = Object.fromEntries(FIELDS.map((field) => [field, 0])) as Figures;

  /** `rates` is absent for a client that is gone: what went through it counts, and nothing goes through it now. */
  addClient({ traffic }: Client, rates?: TrafficRates): void {
    const sum = this.#sum;
    sum.messagesIn += traffic.messagesIn;
    sum.messagesOut += traffic.messagesOut;
    sum.bytesIn += traffic.bytesIn;
    sum.bytesOut += traffic.bytesOut;
    if (rates === undefined) return;
    sum.clients++;
    sum.messagesInPerSecond += rates.messagesInPerSecond;
    sum.messagesOutPerSecond += rates.messagesOutPerSecond;
    sum.bytesInPerSecond += rates.bytesInPerSecond;
    sum.bytesOutPerSecond += rates.bytesOutPerSecond;
  }

  add(other: GatewayFigures): void {
    for (const field of FIELDS) this.#sum[field] += other[field];
    this.raiseOverloadStage(other.overloadStage);
  }

  raiseOverloadStage(stage: number): void {
    this.#overloadStage = Math.max(this.#overloadStage, stage);
  }

  /** A copy, with rates to a tenth. */
  total(): GatewayFigures {
    const rounded = FIELDS.map((field) => [field, Math.round(this.#sum[field] * 10) / 10]);
    return { ...(Object.fromEntries(rounded) as Figures), overloadStage: this.#overloadStage };
  }
}
