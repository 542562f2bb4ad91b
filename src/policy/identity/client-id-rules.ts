/**
 * Binds client identifiers to identities: in MQTT whoever brings an identifier has its session, so that what a client may call
 * itself is a right like another.
 */
import { RE2JS, RE2JSSyntaxException } from 're2js';
import type { Chance } from '../../base/chance.ts';

/**
 * `any`: whatever the client likes. `username`: the user name itself. `prefix`: begins with the template. `pattern`: matches
 * it, and what its group `username` captures is the user name. `assigned`: the client leaves it to us.
 */
export type ClientIdForm = 'any' | 'username' | 'prefix' | 'pattern' | 'assigned';

export interface ClientIdRules {
  readonly form: ClientIdForm;
  /** Of `prefix` and `assigned`, with `%u` for the user name. */
  readonly template: string;
  /** Of `pattern`. */
  readonly pattern: ClientIdPattern | undefined;
  /** What becomes of a client that brings none, where the form leaves us something to call it. */
  readonly empty: 'assign' | 'refuse';
  /** What becomes of a client whose identifier is connected already, under the same identity. Another one is always refused. */
  readonly duplicate: 'takeover' | 'refuse';
}

export type BoundClientId =
  | { readonly ok: true; readonly clientId: string }
  | { readonly ok: false; readonly says: string };

const RANDOM_BYTES = 12;
const USERNAME_GROUP = 'username';
/** Without rules, what an empty identifier becomes. */
const DEFAULT_PREFIX = 'auto-';

/** Matched against the whole identifier, in a time that grows with its length and with nothing else. */
export class ClientIdPattern {
  readonly source: string;
  readonly #compiled: RE2JS;
  readonly #bindsUsername: boolean;

  private constructor(source: string, compiled: RE2JS) {
    this.source = source;
    this.#compiled = compiled;
    this.#bindsUsername = Object.hasOwn(compiled.namedGroups(), USERNAME_GROUP);
  }

  /** What is wrong with it, as text, where it is none. */
  static parse(source: string): ClientIdPattern | string {
    try {
      return new ClientIdPattern(source, RE2JS.compile(source));
    } catch (error) {
      if (error instanceof RE2JSSyntaxException) return error.message;
      throw error;
    }
  }

  admits(clientId: string, username: string | undefined): boolean {
    const matcher = this.#compiled.matcher(clientId);
    if (!matcher.matches()) return false;
    return !this.#bindsUsername || (username !== undefined && matcher.group(USERNAME_GROUP) === username);
  }
}

/** The identifier under which a client goes on; `given` is empty where it brought none. */
export function bindClientId(
  given: string,
  username: string | undefined,
  rules: ClientIdRules,
  chance: Chance,
): BoundClientId {
  const { form } = rules;
  if (given === '' && rules.empty === 'refuse' && form !== 'assigned')
    return refuse('a client identifier is asked for');
  switch (form) {
    case 'any':
      return accept(given === '' ? DEFAULT_PREFIX + random(chance) : given);
    case 'username':
      if (username === undefined) return refuse('the client identifier has to be the user name, and there is none');
      return given === '' || given === username
        ? accept(username)
        : refuse('the client identifier is not the user name');
    case 'prefix': {
      const prefix = expand(rules.template, username);
      if (prefix === undefined)
        return refuse('the client identifier has to begin with the user name, and there is none');
      if (given === '') return accept(prefix + random(chance));
      return given.startsWith(prefix) ? accept(given) : refuse('the client identifier does not begin as it has to');
    }
    case 'pattern': {
      if (given === '') return refuse('a client identifier is asked for');
      return rules.pattern?.admits(given, username) === true
        ? accept(given)
        : refuse('the client identifier does not have the form that it has to have');
    }
    case 'assigned': {
      if (given !== '') return refuse('the client identifier is assigned here: leave it empty');
      const prefix = expand(rules.template, username);
      return prefix === undefined ? refuse('the user has no name') : accept(prefix + random(chance));
    }
  }
}

function accept(clientId: string): BoundClientId {
  return { ok: true, clientId };
}

function refuse(says: string): BoundClientId {
  return { ok: false, says };
}

/** Undefined where it wants a user name and there is none. */
function expand(template: string, username: string | undefined): string | undefined {
  if (username === undefined) return template.includes('%u') ? undefined : template;
  return template.replaceAll('%u', () => username);
}

function random(chance: Chance): string {
  return chance.bytes(RANDOM_BYTES).toString('hex');
}

/** Whatever a client likes; the specification's own rule. */
export const ANY_CLIENT_ID: ClientIdRules = Object.freeze({
  form: 'any',
  template: '',
  pattern: undefined,
  empty: 'assign',
  duplicate: 'takeover',
});
