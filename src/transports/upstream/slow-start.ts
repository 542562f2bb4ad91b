/** A broker that came back is given its clients little by little: all at once they could fell it again. */

const SHARE_MIN = 0.1;

/** The part of its weight, 0.1 to 1, that a target has `sinceMs` after its return. */
export function slowStartShare(sinceMs: number, slowStartMs: number): number {
  return sinceMs >= slowStartMs ? 1 : Math.max(SHARE_MIN, sinceMs / slowStartMs);
}
