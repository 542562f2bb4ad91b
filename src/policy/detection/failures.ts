/** Which refusals say something about the client: a backend that is down fails everybody. */
import type { Decision } from '../../base/events.ts';
import { Reason } from '../../mqtt/reason.ts';

/** The client was heard, and what it showed was wrong. */
export function isFailedLogin({ reason, method }: Pick<Decision, 'reason'> & { method: string }): boolean {
  // A revoked certificate is no guess.
  if (method === 'certificate') return false;
  return reason === Reason.BadUserNameOrPassword || reason === Reason.NotAuthorized;
}

/** It asked for what nothing grants; ceilings have reasons of their own. */
export function isUnauthorized({ reason }: Pick<Decision, 'reason'>): boolean {
  return reason === Reason.NotAuthorized;
}
