/** The bans as a worker has them: read from the disk when it starts, told of changes from then on. */
import type { Clock } from '../../base/clock.ts';
import type { Ban, BanSubject } from '../../policy/detection/bans/ban.ts';
import type { BanFollower } from '../../policy/detection/bans/ban-book.ts';
import { BanIndex } from '../../policy/detection/bans/ban-index.ts';
import { readBans } from './ban-store.ts';
import type { BansInForce } from './bans.ts';

export class WorkerBans implements BansInForce {
  readonly index = new BanIndex();
  readonly #followers: BanFollower[] = [];

  /**
   * INVARIANT: the supervising process has written everything before it starts a worker, and tells it of all that comes later.
   * @throws {OperatorError} when the file cannot be read.
   */
  load(path: string, clock: Clock): void {
    for (const ban of readBans(path, clock).bans) this.index.put(ban);
  }

  follow(follower: BanFollower): void {
    this.#followers.push(follower);
  }

  put(ban: Ban): void {
    this.index.put(ban);
    for (const follower of this.#followers) follower.banned(ban);
  }

  lift(subject: BanSubject): void {
    this.index.delete(subject);
  }
}
