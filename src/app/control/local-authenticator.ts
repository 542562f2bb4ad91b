/** Who asks over the control socket: whoever can open it, which its mode decides, is the operator of this machine. */
import type { Authenticator, Principal } from './principal.ts';

/** Carries the name that our own commands give. The socket's mode decides who may; this is for the record alone. */
export const USER_HEADER = 'sallyport-user';
const USER = /^[\w.@()-]{1,64}$/;

export const localAuthenticator: Authenticator = {
  authenticate({ headers }) {
    const given = headers[USER_HEADER];
    const user = typeof given === 'string' && USER.test(given) ? given : 'unknown';
    const principal = Object.freeze<Principal>({
      name: `local:${user}`,
      from: 'control socket',
      role: 'admin',
      scopes: 'all',
      isLocal: true,
    });
    return { kind: 'known', principal };
  },
};
