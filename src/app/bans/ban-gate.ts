/** Bans of addresses and networks, as a gate of listeners. */
import { Reason } from '../../mqtt/reason.ts';
import { wordsOf } from '../../pipeline/checks/banned.ts';
import type { Ban } from '../../policy/detection/bans/ban.ts';
import type { BanIndex } from '../../policy/detection/bans/ban-index.ts';
import type { AcceptGate } from '../../transports/accept-gate.ts';
import type { Rejection } from '../../transports/rejections.ts';

export function banGate(index: BanIndex): AcceptGate {
  // Whoever is banned and floods comes thousands of times a second.
  const rejections = new WeakMap<Ban, Rejection>();
  return {
    admit(_listener, address) {
      const ban = index.ofAddress(address);
      if (ban === undefined) return undefined;
      let rejection = rejections.get(ban);
      if (rejection === undefined) {
        const { by, says } = wordsOf(ban);
        rejection = { by: by as `ban:${string}`, reason: Reason.Banned, says };
        rejections.set(ban, rejection);
      }
      return rejection;
    },
  };
}
