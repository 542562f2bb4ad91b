/** User name and password against a directory: the user is searched for, and then the directory is asked to let it bind. */
import type { Chance } from '../../base/chance.ts';
import type { Clock } from '../../base/clock.ts';
import { type BackendAnswer, BackendFault, denyTrouble } from './backend.ts';
import type { AuthenticationResult, Credentials, IdentityMethod } from './identity.ts';
import { expandFilter } from './ldap-filter.ts';
import { groupNameUnder } from './ldap-name.ts';
import { type Author, denyLogin, type Login, readLogin, showsNoLogin, type UnknownUser } from './password-login.ts';
import { accept } from './results.ts';
import { readAttributes, readNames, vouchedFor } from './vouched.ts';

export interface LdapEntry {
  readonly dn: string;
  /** Names as they were asked for; an attribute that the entry has not is absent. */
  readonly values: Readonly<Record<string, readonly string[]>>;
}

/** One conversation with the directory. What it throws is a failure of the directory. */
export interface LdapSession {
  /** Binds as the service account. */
  bindService(): Promise<void>;
  /** False when the directory refuses name or password. Never called with an empty password. */
  bind(dn: string, password: Uint8Array): Promise<boolean>;
  search(
    base: string,
    filter: string,
    attributes: readonly string[],
    entriesMax: number,
  ): Promise<readonly LdapEntry[]>;
}

export type InDirectory = <Value>(work: (session: LdapSession) => Promise<Value>) => Promise<BackendAnswer<Value>>;

/** Where groups come from: an attribute of the user, or a search for those that name it. */
export type LdapGroups =
  | { readonly from: 'attribute'; readonly attribute: string; readonly base: string }
  | { readonly from: 'search'; readonly base: string; readonly filter: string; readonly nameAttribute: string };

export interface LdapMethodOptions {
  /** What the configuration calls it; `ldap`. */
  readonly name?: string;
  readonly inDirectory: InDirectory;
  readonly userBase: string;
  /** With `%u` for the user name and `%c` for the client identifier. */
  readonly userFilter: string;
  /**
   * Attribute that has to hold the user name exactly as the client spells it. Directories compare without regard to case, and
   * a user with many spellings would have as many identities.
   */
  readonly usernameAttribute: string;
  readonly groups: LdapGroups | undefined;
  /** Attributes of the user's that the identity keeps, by their first value. */
  readonly attributes: readonly string[];
  /** `deny`. */
  readonly unknownUser?: UnknownUser;
  readonly validForMs: number | undefined;
  readonly clock: Clock;
  readonly chance: Chance;
}

/** What a conversation came to: nobody of that name, a wrong password, or who it is. */
type Found =
  | 'unknown'
  | 'wrong'
  | { readonly groups: readonly string[]; readonly attributes: Readonly<Record<string, string>> };

const GROUPS_MAX = 256;
const DECOY_BYTES = 12;

export class LdapMethod implements IdentityMethod {
  readonly name: string;
  readonly #options: LdapMethodOptions;
  readonly #author: Author;
  /** A user that is not there: an unknown one costs a search and a bind, as a known one does. */
  readonly #decoyDn: string;

  constructor(options: LdapMethodOptions) {
    const { name = 'ldap', userBase, chance } = options;
    this.name = name;
    this.#options = options;
    this.#author = { method: name, by: name };
    this.#decoyDn = `cn=${chance.bytes(DECOY_BYTES).toString('hex')},${userBase}`;
  }

  authenticate(credentials: Credentials): Promise<AuthenticationResult | undefined> | undefined {
    return showsNoLogin(credentials) ? undefined : this.#judge(credentials);
  }

  async #judge(credentials: Credentials): Promise<AuthenticationResult | undefined> {
    const { unknownUser, validForMs, clock, inDirectory } = this.#options;
    const login = readLogin(credentials, this.#author);
    if ('ok' in login) return login;
    const asked = await inDirectory((session) => this.#converse(session, login, credentials.clientId));
    if (!asked.ok) return denyTrouble(this.#author, asked.trouble);
    if (asked.value === 'unknown' && unknownUser === 'next') return undefined;
    if (asked.value === 'unknown' || asked.value === 'wrong') return denyLogin(this.#author);
    const expiresAtMs = validForMs === undefined ? undefined : clock.epochMs() + validForMs;
    return accept(credentials, login.username, this.name, this.name, vouchedFor({ ...asked.value, expiresAtMs }));
  }

  async #converse(session: LdapSession, { username, password }: Login, clientId: string): Promise<Found> {
    const { userBase, userFilter, usernameAttribute, groups, attributes, unknownUser } = this.#options;
    const wanted = [usernameAttribute, ...attributes, ...(groups?.from === 'attribute' ? [groups.attribute] : [])];
    await session.bindService();
    // One more than may be, to see that there are two.
    const entries = await session.search(userBase, expandFilter(userFilter, { username, clientId }), wanted, 2);
    if (entries.length > 1) throw new BackendFault(`the filter finds more than one entry for the user "${username}"`);
    const user = entries.find(({ values }) => values[usernameAttribute]?.includes(username));
    if (user === undefined) {
      // Where the next method is asked, it does the work that covers who exists.
      if (unknownUser !== 'next') await session.bind(this.#decoyDn, password);
      return 'unknown';
    }
    if (user.dn === '') throw new BackendFault('the user has no distinguished name: a bind would be anonymous');
    if (!(await session.bind(user.dn, password))) return 'wrong';
    const names = groups === undefined ? [] : await this.#groupsOf(session, groups, user, { username, clientId });
    const kept = attributes.flatMap((name): [string, string][] => {
      const value = user.values[name]?.[0];
      return value === undefined ? [] : [[name, value]];
    });
    return { groups: readNames(names, 'groups'), attributes: readAttributes(Object.fromEntries(kept), 'attributes') };
  }

  async #groupsOf(
    session: LdapSession,
    groups: LdapGroups,
    user: LdapEntry,
    who: { username: string; clientId: string },
  ): Promise<string[]> {
    if (groups.from === 'attribute') {
      const values = user.values[groups.attribute] ?? [];
      return values.flatMap((dn) => groupNameUnder(dn, groups.base) ?? []);
    }
    // The user itself may well not be allowed to see them.
    await session.bindService();
    const filter = expandFilter(groups.filter, { ...who, dn: user.dn });
    const found = await session.search(groups.base, filter, [groups.nameAttribute], GROUPS_MAX);
    return found.flatMap(({ values }) => values[groups.nameAttribute]?.[0] ?? []);
  }

  /** It cannot be asked without the secret; how long it is believed is in the configuration. */
  stillValid(): boolean {
    return true;
  }
}
