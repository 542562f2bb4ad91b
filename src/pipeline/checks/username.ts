/** How long a user name may be that a CONNECT shows. Its characters are the identity layer's concern; a token has a ceiling of its own. */
import type { ConnectPacket } from '../../mqtt/packet.ts';
import { Reason } from '../../mqtt/reason.ts';
import type { Client } from '../client.ts';
import { PASS, refuse, type Verdict } from '../verdict.ts';

const TOO_LONG = refuse(
  Reason.BadUserNameOrPassword,
  'limit:usernameLengthMax',
  'the user name is longer than this listener accepts',
);

/** Asked before anything is remembered by the name. */
export function usernameLength({ shownUsername = '', limits }: Client, _packet: ConnectPacket): Verdict {
  return Buffer.byteLength(shownUsername) > limits.usernameLengthMaxBytes ? TOO_LONG : PASS;
}
