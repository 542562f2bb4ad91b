/** Bans of addresses and networks, as a gate of listeners. */
import { Reason } from '../../mqtt/reason.ts';
import { wordsOf } from '../../pipeline/checks/banned.ts';
import type { BanIndex } from '../../policy/detection/bans/ban-index.ts';
import type { AcceptGate } from '../../transports/accept-gate.ts';

export function banGate(index: BanIndex): AcceptGate {
  return {
    admit(_listener, address) {
      const ban = index.ofAddress(address);
      if (ban === undefined) return undefined;
      const { by, says } = wordsOf(ban);
      return { by: by as `ban:${string}`, reason: Reason.Banned, says };
    },
  };
}
