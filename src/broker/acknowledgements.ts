/** Acknowledgements to publishers, each sent once what it promises is as safe as the store makes it. */

import { Fifo } from '../base/fifo.ts';
import type { AckType } from '../mqtt/packet.ts';
import type { Store } from './store.ts';

/** Whom to answer. */
export interface Publisher {
  /** Sends the acknowledgement, if the connection is still there. */
  settle(type: AckType, packetId: number, reasonCode: number): void;
}

interface Waiting {
  readonly publisher: Publisher;
  readonly type: AckType;
  readonly packetId: number;
  readonly reasonCode: number;
}

/** The store calls back in order, so each call means the oldest: no closure a message. */
export class Acknowledgements {
  readonly #store: Store;
  readonly #waiting = new Fifo<Waiting>();

  constructor(store: Store) {
    this.#store = store;
  }

  push(publisher: Publisher, type: AckType, packetId: number, reasonCode: number): void {
    this.#waiting.push({ publisher, type, packetId, reasonCode });
    this.#store.whenSafe(this.#settleOldest);
  }

  readonly #settleOldest = (): void => {
    const oldest = this.#waiting.shift();
    oldest?.publisher.settle(oldest.type, oldest.packetId, oldest.reasonCode);
  };
}
