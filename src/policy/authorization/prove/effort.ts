/** How much work one question may take: proofs of this kind can be made arbitrarily hard. */
import { StepsLeft } from '../algebra/term.ts';

/** Situations tried, beside the first of each grant. */
const TRIES_MAX = 50_000;
/** Steps in equations between levels, for each situation. */
const STEPS_MAX = 20_000;

/** The answer is neither yes nor no, and must be taken for the worse of the two. */
export class Undecided extends Error {
  readonly why: string;

  constructor(why: string) {
    super(`It could not be decided, because ${why}.`);
    this.name = 'Undecided';
    this.why = why;
  }
}

export class Effort {
  #tries = TRIES_MAX;
  #steps = new StepsLeft(STEPS_MAX);

  get steps(): StepsLeft {
    return this.#steps;
  }

  /** One grant more is looked at: that by itself is no hardship, however many there are. */
  give(): void {
    this.#tries++;
  }

  /** @throws {Undecided} when there have been too many. */
  take(): void {
    this.checkSteps();
    this.#steps = new StepsLeft(STEPS_MAX);
    if (--this.#tries < 0) throw new Undecided('too many grants and assignments bear on it');
  }

  /** What was not found while steps ran out may be there all the same. */
  checkSteps(): void {
    if (this.#steps.isOver) throw new Undecided('levels with placeholders meet in ways too many to follow');
  }
}
