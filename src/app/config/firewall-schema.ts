/** What the machine's packet filter does for the gateway: `sallyport firewall` prints and loads it, the gateway keeps its bans in step. */
import { networkField } from './bans-schema.ts';
import { flag, list, section, wholeNumber } from './fields.ts';

const SOURCES_MAX = 1000;
const PORTS_MAX = 64;

function about(description: string): { description: string } {
  return { description };
}

export const firewallSchema = section({
  enabled: flag()
    .prefault(false)
    .meta(about('Whether the gateway keeps its bans of addresses and networks in the sets of the loaded ruleset.')),
  sources: list(networkField(), { min: 0, max: SOURCES_MAX, what: 'networks' })
    .prefault([])
    .meta(about('Addresses and networks that reach the MQTT ports; everybody where none is named.')),
  connectionsPerSecond: wholeNumber({ min: 0, max: 1_000_000 })
    .prefault(100)
    .meta(about('New connections a second of one IPv4 address or IPv6 /64; more are dropped. 0 sets no limit.')),
  connectionsBurst: wholeNumber({ min: 1, max: 1_000_000 })
    .prefault(1000)
    .meta(about('New connections at once before that rate counts.')),
  defaultDrop: flag()
    .prefault(false)
    .meta(
      about('Whether everything else that comes in is dropped: all but answers, loopback, ICMP, DHCP and openPorts.'),
    ),
  openPorts: list(wholeNumber({ min: 1, max: 65_535 }), { min: 0, max: PORTS_MAX, what: 'ports' })
    .prefault([22])
    .meta(about('TCP ports that stay open with defaultDrop: where you log in to this machine.')),
  entriesMax: wholeNumber({ min: 1, max: 1_000_000 })
    .prefault(100_000)
    .meta(about('Bans that a set of the firewall holds; more are in force in the gateway alone.')),
});

/** A port that the system chooses cannot stand in a ruleset. */
export function firewallProblems(given: {
  readonly firewall?: { readonly enabled?: boolean };
  readonly listeners?: readonly ({ readonly port?: number } | undefined)[];
}): { path: (string | number)[]; message: string }[] {
  if (given.firewall?.enabled !== true || !Array.isArray(given.listeners)) return [];
  return given.listeners.flatMap((listener, index) =>
    listener?.port === 0
      ? [
          {
            path: ['listeners', index, 'port'],
            message: 'is chosen by the system, and firewall.enabled needs a fixed one',
          },
        ]
      : [],
  );
}
