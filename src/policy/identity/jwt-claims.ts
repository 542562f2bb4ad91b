/** What a verified token's claims make of its bearer: user name, roles, groups and attributes, each within bounds. */

export interface ClaimRules {
  /** The claim with the user name, such as `sub`. */
  readonly usernameClaim: string;
  readonly rolesClaim: string | undefined;
  readonly groupsClaim: string | undefined;
  /** Claims that become attributes; undefined: all that hold a single value. */
  readonly attributeClaims: readonly string[] | undefined;
  /** The claim with limits, as a map by their names. */
  readonly limitsClaim?: string | undefined;
}

export interface ClaimedFacts {
  readonly username: string;
  readonly roles?: readonly string[];
  readonly groups?: readonly string[];
  readonly attributes: Readonly<Record<string, string>>;
  readonly limits?: Readonly<Record<string, string>>;
}

const ATTRIBUTES_MAX = 64;
const VALUE_MAX_CHARACTERS = 1024;
const NAMES_MAX = 128;
const NAME_MAX_CHARACTERS = 128;

type Claims = Readonly<Record<string, unknown>>;

/** The facts, or the sentence that refuses the token: what does not fit is not cut to fit, since a rule might hang on it. */
export function factsFromClaims(claims: Claims, rules: ClaimRules): ClaimedFacts | string {
  const username = claimAt(claims, rules.usernameClaim);
  if (typeof username !== 'string' || username === '') {
    return `The token's claim "${rules.usernameClaim}" holds no user name.`;
  }
  const roles = namesAt(claims, rules.rolesClaim);
  if (typeof roles === 'string') return roles;
  const groups = namesAt(claims, rules.groupsClaim);
  if (typeof groups === 'string') return groups;
  const attributes = attributesFrom(claims, rules.attributeClaims);
  if (typeof attributes === 'string') return attributes;
  const limits = limitsAt(claims, rules.limitsClaim);
  if (typeof limits === 'string') return limits;
  return {
    username,
    attributes,
    ...(roles === undefined ? {} : { roles }),
    ...(groups === undefined ? {} : { groups }),
    ...(limits === undefined ? {} : { limits }),
  };
}

/** The claim of that whole name, or else, step by step, what lies inside others, as in `realm_access.roles`. */
export function claimAt(claims: Claims, path: string): unknown {
  if (Object.hasOwn(claims, path)) return claims[path];
  let value: unknown = claims;
  for (const step of path.split('.')) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) return undefined;
    value = (value as Claims)[step];
  }
  return value;
}

/** A list of names, or one text with blanks between them, as OAuth writes scopes. */
function namesAt(claims: Claims, path: string | undefined): readonly string[] | undefined | string {
  const value = path === undefined ? undefined : claimAt(claims, path);
  if (value === undefined || value === null) return undefined;
  const names: unknown[] = typeof value === 'string' ? value.split(' ').filter((name) => name !== '') : [value].flat();
  const isName = (name: unknown): name is string =>
    typeof name === 'string' && name !== '' && name.length <= NAME_MAX_CHARACTERS;
  if (names.length <= NAMES_MAX && names.every(isName)) return Object.freeze(names);
  return `The token's claim "${path}" is no list of at most ${NAMES_MAX} names of at most ${NAME_MAX_CHARACTERS} characters.`;
}

/** What they mean is judged where they are put into force. */
function limitsAt(claims: Claims, path: string | undefined): Readonly<Record<string, string>> | undefined | string {
  const value = path === undefined ? undefined : claimAt(claims, path);
  if (value === undefined || value === null) return undefined;
  const entries = typeof value === 'object' && !Array.isArray(value) ? Object.entries(value) : [];
  const isLimit = ([name, given]: [string, unknown]): boolean =>
    name.length <= NAME_MAX_CHARACTERS &&
    (typeof given === 'number' || (typeof given === 'string' && given.length <= VALUE_MAX_CHARACTERS));
  if (entries.length === 0 || entries.length > ATTRIBUTES_MAX || !entries.every(isLimit)) {
    return `The token's claim "${path}" is no map of limits.`;
  }
  return Object.freeze(Object.fromEntries(entries.map(([name, given]) => [name, String(given)])));
}

function attributesFrom(claims: Claims, wanted: readonly string[] | undefined): Record<string, string> | string {
  const attributes: [name: string, value: string][] = [];
  for (const name of wanted ?? Object.keys(claims)) {
    const value = claimAt(claims, name);
    if (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'boolean') continue;
    const text = String(value);
    if (text.length > VALUE_MAX_CHARACTERS || name.length > NAME_MAX_CHARACTERS) {
      return `The token's claim "${name.slice(0, NAME_MAX_CHARACTERS)}" is too long for an attribute; \`attributeClaims\` names those that are needed.`;
    }
    if (attributes.length >= ATTRIBUTES_MAX) {
      return `The token has more than ${ATTRIBUTES_MAX} claims that would be attributes; \`attributeClaims\` names those that are needed.`;
    }
    attributes.push([`claim.${name}`, text]);
  }
  return Object.freeze(Object.fromEntries(attributes));
}
