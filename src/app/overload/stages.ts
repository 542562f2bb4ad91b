/** How much is done about overload: four stages, entered under pressure that lasts and left, later and lower, one by one. */

/** 0: nothing. 1: strangers wait. 2: everybody waits, and load is shed. 3: budgets are tightened as well. */
export type Stage = 0 | 1 | 2 | 3;

/** Pressure, as a share of what there is, at which a stage is entered, and below which it is left. */
const ENTER = [0, 0.7, 0.85, 0.95] as const;
const LEAVE = [0, 0.6, 0.75, 0.85] as const;
/** Samples in a row: a pause for garbage or a burst is no overload, and a lull is no recovery. */
const ENTER_SAMPLES = 3;
const LEAVE_SAMPLES = 6;

export class Stages {
  #stage: Stage = 0;
  #above = 0;
  #below = 0;

  get stage(): Stage {
    return this.#stage;
  }

  /** Takes the next sample: a share of 1 is all there is. Moves one stage at a time. */
  take(share: number): Stage {
    const up = (this.#stage + 1) as Stage;
    const isAbove = this.#stage < 3 && share >= ENTER[up]!;
    const isBelow = this.#stage > 0 && share < LEAVE[this.#stage]!;
    this.#above = isAbove ? this.#above + 1 : 0;
    this.#below = isBelow ? this.#below + 1 : 0;
    if (this.#above >= ENTER_SAMPLES) this.#move(up);
    else if (this.#below >= LEAVE_SAMPLES) this.#move((this.#stage - 1) as Stage);
    return this.#stage;
  }

  #move(stage: Stage): void {
    this.#stage = stage;
    this.#above = 0;
    this.#below = 0;
  }
}
