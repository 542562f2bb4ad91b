/** Logins that are tried, and those that failed: judged before a password is hashed or anybody is asked. */
import type { ConnectPacket } from '../../mqtt/packet.ts';
import { Reason } from '../../mqtt/reason.ts';
import type { Applicant } from '../../policy/limits/limits-in-force.ts';
import type { Client } from '../client.ts';
import { type Denial, exceeds, PASS, type Verdict } from '../verdict.ts';

export function authenticationRate(client: Client, packet: ConnectPacket): Verdict {
  const excess = client.inForce.admitAuthentication(applicantOf(client, packet.clientId));
  return excess === undefined ? PASS : exceeds('refuse', Reason.ConnectionRateExceeded, excess);
}

/** Of a login that had to wait for its turn: so many may have failed meanwhile that it is not looked at either. */
export function stillAdmitted(client: Client, clientId: string): Denial | undefined {
  const excess = client.inForce.failedTooOften(applicantOf(client, clientId));
  return excess === undefined ? undefined : exceeds('refuse', Reason.ConnectionRateExceeded, excess);
}

export function applicantOf({ downstream, shownUsername: username }: Client, clientId: string): Applicant {
  const { listener, address } = downstream;
  return { listener, address, username, clientId };
}

/** Whether a refusal says that what was shown is wrong, and not that nobody could tell. */
export function isWrongCredential(reason: number): boolean {
  return reason === Reason.BadUserNameOrPassword || reason === Reason.NotAuthorized;
}
