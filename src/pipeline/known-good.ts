/**
 * Which clients are known to be good: kept to the last when the gateway sheds load, let in first when it recovers, and counted
 * when a response to an attack is judged by whom it hits. This is the only definition.
 */
import type { Client } from './client.ts';

export interface KnownGoodRules {
  /** Connected for at least this long. */
  readonly connectedMinMs: number;
  /** Sends no more packets a second than this, over ten seconds. */
  readonly packetsPerSecondMax: number;
}

/** For as long after a refusal, a client is not known to be good. */
const REFUSAL_MEMORY_MS = 60_000;

/**
 * A client that has proven who it is, has been connected for long, does something and sends little, and has lately asked for
 * nothing that it may not have. `nowMs` is of the clock that the connection runs on.
 */
export function isKnownGood(
  { identity, conduct, subscriptions }: Client,
  rules: KnownGoodRules,
  nowMs: number,
): boolean {
  return (
    identity?.username !== undefined &&
    conduct.connectedAtMs !== undefined &&
    nowMs - conduct.connectedAtMs >= rules.connectedMinMs &&
    // A place that is held with pings alone (SlowITe, SlowTT) earns nothing with time.
    (subscriptions.size > 0 || conduct.mayListen || conduct.lastTrafficMs > conduct.connectedAtMs) &&
    nowMs - conduct.refusedAtMs >= REFUSAL_MEMORY_MS &&
    conduct.packetsPerSecond(nowMs) <= rules.packetsPerSecondMax
  );
}
