/**
 * Puts users together that use the same topics, and says what all of a group need and what only some of it do: so that a group is one
 * role that can be read, and nobody gets what only a neighbour of his was seen with.
 */
import { filterContains, levelCount } from '../../../mqtt/topic.ts';
import { ACTIONS, type Action } from '../policy-form.ts';
import type { UserImage } from './recording.ts';
import type { SeenFilter } from './seen-topics.ts';

/** One filter for one action, with all that speaks for it. */
export interface UsedFilter {
  readonly action: Action;
  readonly filter: string;
  readonly times: number;
  readonly firstMs: number;
  readonly lastMs: number;
  readonly example: string;
  /** Users that were seen with it. */
  readonly users: readonly UserImage[];
}

export interface Group {
  readonly users: readonly UserImage[];
  /** What most of its users need. */
  readonly shared: readonly UsedFilter[];
  /** What only some need, by who they are. */
  readonly further: readonly { readonly users: readonly UserImage[]; readonly filters: readonly UsedFilter[] }[];
}

/** Users are alike when at least this part of what the two need together is the same. */
const ALIKE_MIN = 0.5;

interface Profile {
  readonly user: UserImage;
  /** By action and filter. */
  readonly used: ReadonlyMap<string, { readonly action: Action; readonly seen: SeenFilter }>;
}

interface Cluster {
  /** What the first of it needs: the others are compared with that. */
  readonly seed: ReadonlySet<string>;
  readonly profiles: Profile[];
}

/** The largest group first; the anonymous, who have nothing in common but that, are one of their own. */
export function groupsOf(users: readonly UserImage[]): Group[] {
  const profiles = users.map(profileOf).filter(({ used }) => used.size > 0);
  const named = profiles.filter(({ user }) => user.user !== undefined);
  const anonymous = profiles.filter(({ user }) => user.user === undefined);
  const clusters = clustersOf(named);
  if (anonymous.length > 0) clusters.push({ seed: new Set(), profiles: anonymous });
  return clusters.map(({ profiles }) => groupOf(profiles)).sort((a, b) => b.users.length - a.users.length);
}

function profileOf(user: UserImage): Profile {
  const used = new Map<string, { action: Action; seen: SeenFilter }>();
  for (const action of ACTIONS) {
    const seenFilters = action === 'receive' ? asSubscribed(user.receive, user.subscribe) : user[action];
    for (const seen of withoutContained(seenFilters)) used.set(`${action} ${seen[0]}`, { action, seen });
  }
  return { user, used };
}

/**
 * Where a client subscribed with `+` it asked for any value, so that whatever it received there is no list of names. What came
 * through `#` stays as it was: nobody asks for all of that.
 */
function asSubscribed(received: readonly SeenFilter[], subscribed: readonly SeenFilter[]): SeenFilter[] {
  const deepestFirst = subscribed
    .map(([filter]) => filter)
    .sort((a, b) => levelCount(b) - levelCount(a) || widthOf(b) - widthOf(a));
  return received.map((seen) => {
    const [filter, ...evidence] = seen;
    const through = deepestFirst.find((asked) => filterContains(asked, filter));
    if (through === undefined) return seen;
    const asked = through.split('/');
    const levels = filter.split('/').map((level, index) => (asked[index] === '+' && level !== '#' ? '+' : level));
    return [levels.join('/'), ...evidence];
  });
}

/** What another filter covers needs no grant of its own; its evidence goes to the one that stays. */
export function withoutContained(filters: readonly SeenFilter[]): SeenFilter[] {
  const kept: SeenFilter[] = [];
  // The widest first, so that what is contained meets what contains it.
  for (const seen of filters.toSorted((a, b) => widthOf(b[0]) - widthOf(a[0]))) {
    const at = kept.findIndex(([filter]) => filterContains(filter, seen[0]));
    if (at < 0) kept.push(seen);
    else kept[at] = joined(kept[at]!, seen);
  }
  return kept;
}

function widthOf(filter: string): number {
  let plus = 0;
  for (const level of filter.split('/')) if (level === '+') plus++;
  return (filter.endsWith('#') ? 1000 : 0) + plus;
}

function joined([filter, times, firstMs, lastMs, example]: SeenFilter, more: SeenFilter): SeenFilter {
  return [filter, times + more[1], Math.min(firstMs, more[2]), Math.max(lastMs, more[3]), example];
}

/** Users with exactly the same needs come together first, so that what is left to compare is few. */
function clustersOf(profiles: readonly Profile[]): Cluster[] {
  const same = Map.groupBy(profiles, ({ used }) => [...used.keys()].sort().join('\n'));
  const clusters: Cluster[] = [];
  /** Clusters whose seed has it. */
  const having = new Map<string, Cluster[]>();
  for (const members of [...same.values()].sort((a, b) => b.length - a.length)) {
    const needs = new Set(members[0]!.used.keys());
    const nearest = nearestOf(needs, having);
    if (nearest !== undefined) {
      nearest.profiles.push(...members);
      continue;
    }
    const cluster: Cluster = { seed: needs, profiles: [...members] };
    clusters.push(cluster);
    for (const need of needs) {
      const others = having.get(need);
      if (others === undefined) having.set(need, [cluster]);
      else others.push(cluster);
    }
  }
  return clusters;
}

function nearestOf(needs: ReadonlySet<string>, having: ReadonlyMap<string, readonly Cluster[]>): Cluster | undefined {
  const common = new Map<Cluster, number>();
  for (const need of needs) {
    for (const cluster of having.get(need) ?? []) common.set(cluster, (common.get(cluster) ?? 0) + 1);
  }
  let best: Cluster | undefined;
  let bestAlike = 0;
  for (const [cluster, count] of common) {
    const alike = count / (cluster.seed.size + needs.size - count);
    if (alike >= ALIKE_MIN && alike > bestAlike) [best, bestAlike] = [cluster, alike];
  }
  return best;
}

function groupOf(profiles: readonly Profile[]): Group {
  const byNeed = new Map<string, { action: Action; seen: SeenFilter; users: UserImage[] }>();
  for (const { user, used } of profiles) {
    for (const [need, { action, seen }] of used) {
      const known = byNeed.get(need);
      if (known === undefined) byNeed.set(need, { action, seen, users: [user] });
      else {
        known.seen = joined(known.seen, seen);
        known.users.push(user);
      }
    }
  }
  const all = [...byNeed.values()].map(usedFilter);
  const isShared = ({ users }: UsedFilter): boolean => users.length * 2 > profiles.length;
  const rest = Map.groupBy(
    all.filter((used) => !isShared(used)),
    ({ users }) => users.map(({ user }) => user).join('\n'),
  );
  return {
    users: profiles.map(({ user }) => user),
    shared: all.filter(isShared),
    further: [...rest.values()].map((filters) => ({ users: filters[0]!.users, filters })),
  };
}

function usedFilter({ action, seen, users }: { action: Action; seen: SeenFilter; users: UserImage[] }): UsedFilter {
  const [filter, times, firstMs, lastMs, example] = seen;
  return { action, filter, times, firstMs, lastMs, example, users };
}
