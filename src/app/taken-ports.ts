/** Ports that a reload would have two listeners hold: new ones are opened before old ones go, so that a reload that fails closes nothing. */
import { addressesCollide } from '../base/ip-address.ts';
import type { Listener } from '../transports/listener.ts';
import type { ListenerOptions } from '../transports/listener-options.ts';

/** @throws an error that names both, where one of `fresh` wants a port that one of `leaving` holds until it is gone. */
export function refuseTakenPorts(fresh: readonly ListenerOptions[], leaving: readonly Listener[]): void {
  for (const { name, host, port, place } of fresh) {
    const holder = leaving.find((other) => other.port === port && addressesCollide(other.options.host, host));
    if (holder === undefined) continue;
    throw new Error(
      `${place}: listener ${name}: port ${port} is held by ${holder.name}, which is no longer in the configuration, until that is gone; remove it in a reload of its own, choose another port, or restart.`,
    );
  }
}
