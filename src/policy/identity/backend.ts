/** What a method learns from a server of somebody else's, or that it learns nothing. */
import { Reason } from '../../mqtt/reason.ts';
import type { Author } from './password-login.ts';
import { type Denial, deny } from './results.ts';

/** `busy`: too many questions wait already. `unavailable`: it is down, too slow, or answers nonsense; an event has said which. */
export type BackendTrouble = 'busy' | 'unavailable';

/** A question to a backend never rejects. */
export type BackendAnswer<Value> =
  | { readonly ok: true; readonly value: Value }
  | { readonly ok: false; readonly trouble: BackendTrouble };

/** Thrown within a question when the answer is none: it counts as a failure of the backend. */
export class BackendFault extends Error {
  override readonly name = 'BackendFault';
}

/** What the backend said of itself is not repeated: the sentence may reach the client. */
export function denyTrouble({ method, by }: Author, trouble: BackendTrouble): Denial {
  if (trouble === 'busy') return deny(Reason.ServerBusy, `limit:${method}`, 'Too many logins wait already.', method);
  return deny(Reason.ServerUnavailable, by, 'Whoever knows the users could not be asked.', method);
}
