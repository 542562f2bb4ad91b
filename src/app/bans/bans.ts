/** The bans of the whole gateway: held by the process that was started, on disk, and followed by whatever acts on them. */
import type { Chance } from '../../base/chance.ts';
import type { Clock } from '../../base/clock.ts';
import type { Emit } from '../../base/events.ts';
import { BanBook, type BanFollower } from '../../policy/detection/bans/ban-book.ts';
import { BanIndex } from '../../policy/detection/bans/ban-index.ts';
import type { Config } from '../config/config.ts';
import { BanStore, bansFileOf } from './ban-store.ts';

/** What a process that serves clients knows of bans. */
export interface BansInForce {
  readonly index: BanIndex;
  follow(follower: BanFollower): void;
  /** Where they are held for others: who may ban. */
  readonly book?: BanBook;
  /** Puts everything on disk, so that whoever is answered can rely on it. False where that fails, which is an event. */
  flush?(): boolean;
}

export interface BansOptions {
  readonly config: Pick<Config, 'bans' | 'dataDirectory'>;
  readonly clock: Clock;
  readonly chance: Chance;
  readonly emit: Emit;
}

export class Bans implements BansInForce {
  readonly index = new BanIndex();
  readonly book: BanBook;
  readonly #store: BanStore;

  /** @throws {OperatorError} when what is on disk cannot be used. */
  constructor({ config, clock, chance, emit }: BansOptions) {
    const { bans, dataDirectory } = config;
    this.#store = new BanStore({ path: bansFileOf(dataDirectory), clock, emit });
    this.#store.forgetOffencesBefore(clock.nowMs() - bans.forgetAfterMs);
    this.book = new BanBook({ clock, chance, emit, index: this.index, rules: bans });
    this.follow(this.#store);
    const { stored } = this.#store;
    this.book.restore(stored.bans, stored.offences);
  }

  follow(follower: BanFollower): void {
    this.book.follow(follower);
  }

  apply({ bans }: Pick<Config, 'bans'>): void {
    this.book.apply(bans);
  }

  flush(): boolean {
    return this.#store.flush();
  }

  close(): void {
    this.book.close();
    this.#store.close();
  }
}
