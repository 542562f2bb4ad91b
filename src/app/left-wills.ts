/** Judges the Wills that the embedded broker is about to publish for clients that have gone, and tells of those that it may not. */
import type { Clock } from '../base/clock.ts';
import type { Emit } from '../base/events.ts';
import type { MayPublishWill } from '../broker/context.ts';
import { Reason } from '../mqtt/reason.ts';
import { type LeftWillPolicy, refusalOfLeftWill } from '../pipeline/checks/left-will.ts';
import { refuse } from '../pipeline/verdict.ts';
import { readWillAuthor } from '../pipeline/will-author.ts';

const NO_POLICY = refuse(Reason.NotAuthorized, 'authorization:none', 'there is no policy to judge the Will by');

export class LeftWills {
  readonly #clock: Pick<Clock, 'epochMs'>;
  readonly #emit: Emit;
  /** By which Wills are judged that are due from now on; before there is one, none is published. */
  policy: LeftWillPolicy | undefined;

  constructor(
    { clock, emit }: { readonly clock: Pick<Clock, 'epochMs'>; readonly emit: Emit },
    policy?: LeftWillPolicy,
  ) {
    this.#clock = clock;
    this.#emit = emit;
    this.policy = policy;
  }

  readonly mayPublish: MayPublishWill = (will, clientId) => {
    const author = readWillAuthor(will.author);
    const refusal =
      this.policy === undefined ? NO_POLICY : refusalOfLeftWill(will, author, this.policy, this.#clock.epochMs());
    if (refusal === undefined) return true;
    const { username, listener, address } = author?.subject ?? {};
    const { reason, by, says } = refusal;
    this.#emit({
      name: 'will.withheld',
      topic: will.topic,
      clientId,
      ...(username === undefined ? {} : { username }),
      ...(listener === undefined ? {} : { listener }),
      ...(address === undefined ? {} : { address }),
      reason,
      by,
      says,
    });
    return false;
  };
}
