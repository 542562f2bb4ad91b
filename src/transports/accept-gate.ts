/** Who may connect at all, asked before a connection costs anything: bans, budgets of addresses, overload. */
import type { Rejection } from './rejections.ts';

/**
 * Asked of every connection with the address that policy judges it by: the socket's own, or the one in the PROXY header of a
 * trusted proxy. The proxy's own address is never asked about. The answer comes before TLS and costs next to nothing; it never
 * throws.
 */
export interface AcceptGate {
  /** `address` is normalised. Undefined lets it in. */
  admit(listener: string, address: string): Rejection | undefined;
  /** A connection that was let in has ended; once for each. A gate that keeps no count has none of it. */
  released?(listener: string, address: string): void;
}

/** Several gates as one: asked in their order until one says no; those before it are told that the connection has ended. */
export function acceptGates(gates: readonly AcceptGate[]): AcceptGate {
  const [only, ...others] = gates;
  if (only !== undefined && others.length === 0) return only;
  const release = (count: number, listener: string, address: string): void => {
    for (let i = count - 1; i >= 0; i--) gates[i]!.released?.(listener, address);
  };
  const gate: AcceptGate = {
    admit: (listener, address) => {
      for (let i = 0; i < gates.length; i++) {
        const rejection = gates[i]!.admit(listener, address);
        if (rejection === undefined) continue;
        release(i, listener, address);
        return rejection;
      }
      return undefined;
    },
  };
  if (gates.some((each) => each.released !== undefined)) {
    gate.released = (listener, address) => release(gates.length, listener, address);
  }
  return gate;
}
