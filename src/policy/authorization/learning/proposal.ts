/** A policy that permits what was seen and no more: a role for each group of users that are alike, with the evidence beside each grant. */
import { Document, isPair, isScalar, type Scalar, visit, type YAMLMap } from 'yaml';
import { ACTIONS, type Action } from '../policy-form.ts';
import { type Group, groupsOf, type UsedFilter } from './alike.ts';
import type { UserImage } from './recording.ts';
import { isPlaceholder } from './seen-topics.ts';

export interface ProposedGrant {
  readonly actions: readonly Action[];
  readonly topic: string;
  readonly evidence: {
    readonly times: number;
    readonly users: number;
    /** Epoch, ms. */
    readonly firstMs: number;
    readonly lastMs: number;
    readonly example: string;
  };
}

/** Whoever has one of these has the role; as it stands under `to` of an assignment. */
export type ProposedHolders =
  | 'anonymous'
  | { readonly group: string }
  | { readonly role: string }
  | { readonly user: readonly string[] };

export interface ProposedRole {
  readonly name: string;
  readonly description: string;
  readonly grants: readonly ProposedGrant[];
  readonly to: ProposedHolders;
  /** Users that were seen, and are behind `to`. */
  readonly users: number;
}

export interface Proposal {
  readonly users: number;
  readonly firstMs: number | undefined;
  readonly lastMs: number | undefined;
  /** Uses that found no room in the recording and are not permitted. */
  readonly lost: number;
  readonly roles: readonly ProposedRole[];
}

/** Room is left in a role's name for what tells it from others. */
const WORD_MAX_CHARS = 60;

export function propose(users: readonly UserImage[], lost: number): Proposal {
  const names = new Set<string>();
  const roles = groupsOf(users).flatMap((group) => {
    const to = holdersOf(group.users, users);
    const name = fresh(nameOf(to, group), names);
    const main = {
      name,
      description: `What ${seenUsers(group.users)} seen doing.`,
      grants: grantsOf(group.shared),
      to,
      users: group.users.length,
    };
    const further = group.further.map(({ users: some, filters }) => ({
      name: fresh(`${name}-further`, names),
      description: `What only ${some.length} of the ${counted(group.users.length, 'user')} of ${name} ${some.length === 1 ? 'was' : 'were'} seen doing.`,
      grants: grantsOf(filters),
      to: holdersOf(some, users),
      users: some.length,
    }));
    return group.shared.length > 0 ? [main, ...further] : further;
  });
  return {
    users: users.length,
    firstMs: users.length === 0 ? undefined : Math.min(...users.map(({ firstMs }) => firstMs)),
    lastMs: users.length === 0 ? undefined : Math.max(...users.map(({ lastMs }) => lastMs)),
    lost,
    roles,
  };
}

function seenUsers([first, ...others]: readonly UserImage[]): string {
  if (others.length > 0) return `${others.length + 1} users that are alike were`;
  return first?.user === undefined ? 'anonymous clients were' : '1 user was';
}

/** After who has it, where that is one name; else after the first level of what is mostly published, or of the rest. */
function nameOf(to: ProposedHolders, { shared, further }: Group): string {
  const holder = typeof to === 'string' ? to : 'group' in to ? to.group : 'role' in to ? to.role : to.user;
  const [only = ''] = typeof holder === 'string' ? [holder] : holder.length === 1 ? holder : [];
  const filters = shared.length > 0 ? shared : further.flatMap((part) => part.filters);
  const published = filters.filter(({ action }) => action === 'publish');
  return wordOf(only) ?? commonWord(published) ?? commonWord(filters) ?? 'group';
}

function commonWord(filters: readonly UsedFilter[]): string | undefined {
  const weights = new Map<string, number>();
  for (const { filter, times } of filters) {
    const [first = ''] = filter.split('/');
    const word = isPlaceholder(first) ? undefined : wordOf(first);
    if (word !== undefined) weights.set(word, (weights.get(word) ?? 0) + times);
  }
  return [...weights].sort(([, a], [, b]) => b - a)[0]?.[0];
}

/** As a role may be called. */
function wordOf(text: string): string | undefined {
  const word = text.replaceAll(/[^A-Za-z0-9_.-]+/g, '-').replace(/^[.-]+/, '');
  return word === '' || word.length > WORD_MAX_CHARS ? undefined : word;
}

function fresh(name: string, taken: Set<string>): string {
  let own = name;
  for (let count = 2; taken.has(own); count++) own = `${name}-${count}`;
  taken.add(own);
  return own;
}

/** A group or role of the directory where it says just who they are; else their names. */
function holdersOf(users: readonly UserImage[], all: readonly UserImage[]): ProposedHolders {
  const isAnonymous = users.some(({ user }) => user === undefined);
  // INVARIANT: the anonymous are a group of their own.
  if (isAnonymous) return 'anonymous';
  const named = users.map(({ user }) => user!).sort();
  if (users.length < 2) return { user: named };
  for (const key of ['groups', 'roles'] as const) {
    const telling = users[0]![key].find((name) => {
      const having = all.filter((user) => user[key].includes(name));
      return having.length === users.length && users.every((user) => user[key].includes(name));
    });
    if (telling !== undefined) return key === 'groups' ? { group: telling } : { role: telling };
  }
  return { user: named };
}

/** What is granted on one filter is one grant. */
function grantsOf(filters: readonly UsedFilter[]): ProposedGrant[] {
  const byFilter = Map.groupBy(filters, ({ filter }) => filter);
  return [...byFilter]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([topic, used]) => ({
      actions: ACTIONS.filter((action) => used.some((one) => one.action === action)),
      topic,
      evidence: {
        times: used.reduce((sum, { times }) => sum + times, 0),
        users: new Set(used.flatMap(({ users }) => users)).size,
        firstMs: Math.min(...used.map(({ firstMs }) => firstMs)),
        lastMs: Math.max(...used.map(({ lastMs }) => lastMs)),
        example: used[0]!.example,
      },
    }));
}

// --- as a file ---

/** Names of users on one line, so that a fleet does not make a line each. */
const NAMES_A_LINE = 12;

export function proposalAsYaml(proposal: Proposal): string {
  const roles = Object.fromEntries(
    proposal.roles.map(({ name, description, grants }) => [
      name,
      {
        description,
        grants: grants.map(({ actions, topic }) => ({
          allow: actions.length === 1 ? actions[0] : actions,
          topics: topic,
        })),
      },
    ]),
  );
  const assignments = proposal.roles.map(({ name, to }) => ({ roles: name, to: heldBy(to) }));
  const document = new Document({ roles, assignments }, { aliasDuplicateObjects: false });
  comment(document, proposal);
  document.commentBefore = opening(proposal)
    .map((line) => ` ${line}`)
    .join('\n');
  return document.toString({ lineWidth: 0, flowCollectionPadding: false });
}

function heldBy(to: ProposedHolders): unknown {
  if (typeof to === 'string' || !('user' in to)) return to;
  return { user: to.user.length === 1 ? to.user[0] : to.user };
}

function comment(document: Document, { roles }: Proposal): void {
  visit(document, {
    Pair: (key, { key: name }, ancestors) => {
      const isPart = ancestors.length <= 2 || (ancestors.length === 4 && isRoles(ancestors[2]));
      if (isPart && key !== 0) (name as Scalar).spaceBefore = true;
    },
  });
  for (const { name, grants } of roles) {
    for (const [index, { evidence }] of grants.entries()) {
      const grant = document.getIn(['roles', name, 'grants', index]) as YAMLMap;
      const { times, users, firstMs, lastMs, example } = evidence;
      const seen = `${counted(times, 'time')} by ${counted(users, 'user')}, ${minute(firstMs)} to ${minute(lastMs)}`;
      grant.commentBefore = ` ${seen}, such as ${printable(example)}`;
      const actions = grant.get('allow', true) as unknown;
      if (!isScalar(actions)) (actions as YAMLMap).flow = true;
    }
  }
  for (const [index, { to }] of roles.entries()) {
    const users = typeof to === 'object' && 'user' in to ? to.user : [];
    const selector = document.getIn(['assignments', index, 'to'], true) as YAMLMap | Scalar;
    if (!isScalar(selector)) selector.flow = users.length <= NAMES_A_LINE;
  }
}

function isRoles(node: unknown): boolean {
  return isPair(node) && (node.key as Scalar).value === 'roles';
}

function opening({ users, firstMs, lastMs, lost, roles }: Proposal): string[] {
  if (firstMs === undefined || lastMs === undefined) {
    return ['Nothing was recorded, so this permits nothing.'];
  }
  return [
    `Proposed from what ${counted(users, 'user')} did between ${minute(firstMs)} and ${minute(lastMs)}: ${counted(roles.length, 'role')}.`,
    'It permits what was seen and no more: what is rare, such as an update or an alarm, may not have happened yet.',
    'Read each grant before it is put in force; whoever misbehaved while it was recorded is in here too.',
    'Then let it run beside the policy in force first: authorization.shadowFile.',
    ...(lost === 0 ? [] : [`${counted(lost, 'use')} found no room in the recording and may be missing here.`]),
  ];
}

function counted(amount: number, noun: string): string {
  return `${amount} ${noun}${amount === 1 ? '' : 's'}`;
}

function minute(epochMs: number): string {
  return `${new Date(epochMs).toISOString().slice(0, 16)}Z`;
}

/** A comment ends with its line, and a topic may hold whatever a client thinks of. */
function printable(text: string): string {
  return text.replaceAll(/[^\u0020-\u007e\u00a0-\ud7ff\ue000-\ufffd]|[\u2028\u2029\ufeff]/gu, (char) => {
    return `\\u{${char.codePointAt(0)!.toString(16)}}`;
  });
}
