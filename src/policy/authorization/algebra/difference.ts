/** What is left of a set of topics without another, as filters with exceptions. */
import { FilterIndex } from './filter-index.ts';
import { intersection, minimal, witness } from './filter-sets.ts';

/** A set of topics: those of a filter that none of the exceptions has. */
export interface Remainder {
  readonly filter: string;
  readonly except: readonly string[];
}

/** Beyond it, filters are listed as they stand, and not the fewest of them. */
const MINIMAL_MAX = 500;

/** Disjoint from `taken`, and together with it all there was. */
export function difference(filters: readonly string[], taken: readonly string[]): Remainder[] {
  const index = new FilterIndex<string>();
  for (const filter of taken) index.add(filter, filter);
  const left = [...new Set(filters)].filter((filter) => witness(filter, index.overlapping(filter)) !== undefined);
  return fewest(left).map((filter) => {
    const except = index.overlapping(filter).flatMap((other) => intersection(filter, other) ?? []);
    return { filter, except: fewest(except) };
  });
}

function fewest(filters: readonly string[]): readonly string[] {
  return filters.length > MINIMAL_MAX ? [...new Set(filters)] : minimal(filters);
}
