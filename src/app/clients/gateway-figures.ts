/** What goes on in the gateway as a whole: sums of what its connections count, over all processes. */
import type { Client } from '../../pipeline/client.ts';
import type { TrafficRates } from '../../pipeline/traffic.ts';

/** What only grows: PUBLISH packets that were forwarded, and their bytes. */
export interface Counted {
  readonly messagesIn: number;
  readonly messagesOut: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
}

/** Counted since the gateway started, those of workers that have ended included. */
export interface GatewayFigures extends TrafficRates, Counted {
  /** Clients that are connected. */
  readonly clients: number;
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

  /** Of connections or processes that are gone: nothing goes through them now. */
  addCounted({ messagesIn, messagesOut, bytesIn, bytesOut }: Counted): void {
    const sum = this.#sum;
    sum.messagesIn += messagesIn;
    sum.messagesOut += messagesOut;
    sum.bytesIn += bytesIn;
    sum.bytesOut += bytesOut;
  }

  addClient({ traffic }: Client, rates: TrafficRates): void {
    this.addCounted(traffic);
    const sum = this.#sum;
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
