/** How what an operator sets is signed: by the name alone, as commands on the machine have always signed it. */
import type { Principal } from './principal.ts';

const LOCAL = 'local:';

export function authorOf({ name, isLocal }: Principal): string {
  return isLocal && name.startsWith(LOCAL) ? name.slice(LOCAL.length) : name;
}
