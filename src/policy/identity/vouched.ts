/** Roles, groups and attributes that somebody else vouches for: read strictly, within bounds, since they open doors. */
import { BackendFault } from './backend.ts';
import type { Identity } from './identity.ts';

/** What an answer adds to an identity. */
export type Vouched = Pick<Identity, 'roles' | 'groups' | 'attributes' | 'limits' | 'expiresAtMs'>;

const NAMES_MAX = 256;
const ATTRIBUTES_MAX = 64;
const TEXT_MAX_CHARS = 1024;
/** C0, DEL, C1. */
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/;
const ATTRIBUTE_NAME = /^[A-Za-z_][A-Za-z0-9_.-]{0,63}$/;

function readText(value: unknown, what: string): string {
  if (typeof value !== 'string') throw new BackendFault(`${what} is no text`);
  if (value === '' || value.length > TEXT_MAX_CHARS) throw new BackendFault(`${what} is empty or too long`);
  if (CONTROL.test(value)) throw new BackendFault(`${what} has a control character in it`);
  return value;
}

/** A list of names; undefined and null are none. @throws {BackendFault} for anything else. */
export function readNames(value: unknown, what: string): readonly string[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw new BackendFault(`${what} is no list`);
  if (value.length > NAMES_MAX) throw new BackendFault(`${what} has more than ${NAMES_MAX} entries`);
  return Object.freeze(value.map((name) => readText(name, `an entry of ${what}`)));
}

/** A map of texts; undefined and null are none. Numbers and booleans become texts. @throws {BackendFault} for anything else. */
export function readAttributes(value: unknown, what: string): Readonly<Record<string, string>> {
  if (value === undefined || value === null) return {};
  if (typeof value !== 'object' || Array.isArray(value)) throw new BackendFault(`${what} is no map`);
  const entries = Object.entries(value);
  if (entries.length > ATTRIBUTES_MAX) throw new BackendFault(`${what} has more than ${ATTRIBUTES_MAX} entries`);
  const attributes: Record<string, string> = Object.create(null) as Record<string, string>;
  for (const [name, inner] of entries) {
    if (!ATTRIBUTE_NAME.test(name)) throw new BackendFault(`${what} has a name that is none`);
    const isPlain = typeof inner === 'number' || typeof inner === 'boolean';
    attributes[name] = readText(isPlain ? String(inner) : inner, `an entry of ${what}`);
  }
  return Object.freeze(attributes);
}

/** Leaves out what is empty. */
export function vouchedFor(parts: {
  roles?: readonly string[];
  groups?: readonly string[];
  attributes?: Readonly<Record<string, string>>;
  limits?: Readonly<Record<string, string>>;
  expiresAtMs?: number | undefined;
}): Vouched {
  const { roles = [], groups = [], attributes = {}, limits = {}, expiresAtMs } = parts;
  return {
    ...(roles.length > 0 ? { roles } : {}),
    ...(groups.length > 0 ? { groups } : {}),
    ...(Object.keys(attributes).length > 0 ? { attributes } : {}),
    ...(Object.keys(limits).length > 0 ? { limits } : {}),
    ...(expiresAtMs === undefined ? {} : { expiresAtMs }),
  };
}
