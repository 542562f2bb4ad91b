/**
 * What goes on in all workers together. What one has counted outlives it, as it told it last; one that does not answer is taken as
 * it was when it did, with nothing going through it.
 */
import type { TrafficRates } from '../../pipeline/traffic.ts';
import { FiguresSum, type GatewayFigures } from '../clients/gateway-figures.ts';

const NO_RATES: TrafficRates = {
  messagesInPerSecond: 0,
  messagesOutPerSecond: 0,
  bytesInPerSecond: 0,
  bytesOutPerSecond: 0,
};

export class FleetFigures<Worker extends object> {
  readonly #last = new Map<Worker, GatewayFigures>();
  readonly #ended = new FiguresSum();

  heard(worker: Worker, figures: GatewayFigures): void {
    this.#last.set(worker, figures);
  }

  exited(worker: Worker): void {
    const last = this.#last.get(worker);
    if (last === undefined) return;
    this.#ended.addCounted(last);
    this.#last.delete(worker);
  }

  /** `silent` have not answered. */
  total(silent: readonly Worker[]): GatewayFigures {
    const sum = new FiguresSum();
    sum.add(this.#ended.total());
    for (const [worker, figures] of this.#last) {
      sum.add(silent.includes(worker) ? { ...figures, ...NO_RATES } : figures);
    }
    return sum.total();
  }
}
