/**
 * Looks for a situation in which some literals hold and none of some obstacles applies. Where an obstacle applies to the situation
 * found, one of the things that make it apply has to be otherwise: each is tried. What is tried is disjoint, and it ends.
 */
import { isMet, type Literal, not, type Situation } from './atom.ts';
import type { Effort } from './effort.ts';
import type { Holding, ModelGrant } from './model.ts';
import { type Pattern, startsWithWildcard } from './pattern.ts';
import { solve } from './solve.ts';
import type { Vocabulary } from './vocabulary.ts';

export interface Obstacle {
  /** What could be so instead; undefined where it does not apply. Complete: without any of them it applies. */
  waysOut(situation: Situation): Literal[] | undefined;
}

/** A situation, and everything that was asked of it on the way there: the rest of it could be otherwise. */
export interface Sought {
  readonly situation: Situation;
  readonly literals: readonly Literal[];
}

export class Search {
  readonly #vocabulary: Vocabulary;
  readonly #effort: Effort;

  constructor(vocabulary: Vocabulary, effort: Effort) {
    this.#vocabulary = vocabulary;
    this.#effort = effort;
  }

  /** As `find`, for one grant among others. */
  findFor(literals: readonly Literal[], obstacles: readonly Obstacle[]): Sought | undefined {
    this.#effort.give();
    return this.find(literals, obstacles);
  }

  find(literals: readonly Literal[], obstacles: readonly Obstacle[]): Sought | undefined {
    const situation = solve(literals, this.#vocabulary, this.#effort);
    if (situation === undefined) return undefined;
    const ways = fewestWays(situation, obstacles);
    if (ways === undefined) return { situation, literals };
    const narrowed = [...literals];
    for (const way of ways) {
      const found = this.find([...narrowed, way], obstacles);
      if (found !== undefined) return found;
      narrowed.push(not(way));
    }
    return undefined;
  }
}

/** Of the obstacles that apply, the one that leaves the least to try. */
function fewestWays(situation: Situation, obstacles: readonly Obstacle[]): Literal[] | undefined {
  let fewest: Literal[] | undefined;
  for (const obstacle of obstacles) {
    const ways = obstacle.waysOut(situation);
    if (ways === undefined || (fewest !== undefined && ways.length >= fewest.length)) continue;
    fewest = ways;
    if (fewest.length === 0) break;
  }
  return fewest;
}

/** Undefined where none of them is held; otherwise the literals of one that is. */
function heldThrough(holdings: readonly Holding[], situation: Situation): readonly Literal[] | undefined {
  return holdings.find(({ literals }) => literals.every((literal) => isMet(literal, situation)))?.literals;
}

const areMet = (literals: readonly Literal[], situation: Situation): boolean =>
  literals.every((literal) => isMet(literal, situation));

/** Whether a topic is one of a filter's, once the placeholders are filled in. */
export function isMatched(pattern: Pattern, situation: Situation): boolean {
  return matchesFirst(pattern, situation) && areMet(pattern.matches, situation);
}

function matchesFirst(pattern: Pattern, { levels }: Situation): boolean {
  return !(startsWithWildcard(pattern) && levels[0]!.startsWith('$'));
}

/** A role that must not be held. */
export function roleHeld(holdings: readonly Holding[]): Obstacle {
  return { waysOut: (situation) => heldThrough(holdings, situation)?.map(not) };
}

/** A grant that must not apply to the topic that is asked about. */
export function grantApplies({ holdings, ofClient, ofMessage, pattern, grant }: ModelGrant): Obstacle {
  const conditions = [...ofClient, ...ofMessage];
  // A deny that cannot be filled in does not let go: that is `cannotBeFilledIn`.
  const fits = grant.effect === 'allow' ? pattern.fits : [];
  return {
    waysOut(situation) {
      if (!isMatched(pattern, situation)) return undefined;
      if (!areMet(pattern.fits, situation) || !areMet(conditions, situation)) return undefined;
      const held = heldThrough(holdings, situation);
      return held && [...held, ...conditions, ...fits, ...pattern.matches].map(not);
    },
  };
}

/** As `grantApplies`, of an allow, where the whole of a filter has to be granted. */
export function grantContains(model: ModelGrant, asked: Pattern): Obstacle {
  const inner = grantApplies(model);
  const { isOpen, levels } = model.pattern;
  // A `#` is only held by a `#` that stands no deeper.
  const isOut = asked.isOpen && (!isOpen || levels.length > asked.levels.length);
  return isOut ? { waysOut: () => undefined } : inner;
}

/** A deny whose placeholders cannot be filled in keeps the client from everything, whatever the message. */
export function cannotBeFilledIn({ holdings, ofClient, pattern }: ModelGrant): Obstacle {
  return {
    waysOut(situation) {
      const lacking = pattern.fits.find((literal) => !isMet(literal, situation));
      if (lacking === undefined || !areMet(ofClient, situation)) return undefined;
      const held = heldThrough(holdings, situation);
      return held && [lacking, ...[...held, ...ofClient].map(not)];
    },
  };
}
