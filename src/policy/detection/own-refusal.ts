/** Whose fault it is that somebody is refused: a site that comes back by the thousand and has to wait attacks nobody. */
import { Reason } from '../../mqtt/reason.ts';

/** The gateway or what stands behind it was too busy, or not there. */
export function isOurs(reason: number): boolean {
  return reason === Reason.ServerBusy || reason === Reason.ServerUnavailable;
}
