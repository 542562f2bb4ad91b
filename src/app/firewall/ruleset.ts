/** The ruleset for nftables: one table of our own, so that nobody else's rules are touched and ours are gone with it. */
import type { Config, ListenerConfig } from '../config/config.ts';
import { OperatorError } from '../config/problem.ts';
import { disjointNetworks } from './disjoint-networks.ts';

export const TABLE = 'sallyport';

/** Where bans are put: single addresses in hash sets, networks in sets of intervals. */
export const BAN_SETS = {
  v4: 'banned4',
  v6: 'banned6',
  networks4: 'banned_networks4',
  networks6: 'banned_networks6',
} as const;

/** Sources whose rate is known at once; the kernel forgets one that was silent for a minute. */
const RATE_ENTRIES_MAX = 65_535;
/** A whole /64 belongs to one subscriber. */
const V6_SUBSCRIBER = 'ip6 saddr & ffff:ffff:ffff:ffff::';

export type FirewallConfig = Pick<Config, 'bans' | 'firewall' | 'listeners'>;

function set(name: string, lines: readonly string[]): string[] {
  return [`set ${name} {`, ...lines.map((line) => `\t${line}`), '}', ''];
}

function chain(name: string, lines: readonly string[]): string[] {
  return [`chain ${name} {`, ...lines.map((line) => `\t${line}`), '}'];
}

function anyOf(values: readonly (string | number)[]): string {
  return `{ ${values.join(', ')} }`;
}

function portsOf(listeners: readonly ListenerConfig[]): number[] {
  return [...new Set(listeners.map(({ port }) => port))].sort((a, b) => a - b);
}

function sourceRules(sources: readonly string[]): string[] {
  if (sources.length === 0) return [];
  const { v4, v6 } = disjointNetworks(sources);
  const outside = (family: string, match: string, networks: string[]): string =>
    networks.length === 0
      ? `iif != "lo" meta nfproto ${family} counter drop`
      : `iif != "lo" ${match} saddr != ${anyOf(networks)} counter drop`;
  return [outside('ipv4', 'ip', v4), outside('ipv6', 'ip6', v6)];
}

function rateRules({ connectionsPerSecond: rate, connectionsBurst: burst }: Config['firewall']): string[] {
  if (rate === 0) return [];
  const opening = 'tcp flags & (fin | syn | rst | ack) == syn';
  const limit = `limit rate over ${rate}/second burst ${burst} packets`;
  return [
    `${opening} update @rate4 { ip saddr ${limit} } counter drop`,
    `${opening} update @rate6 { ${V6_SUBSCRIBER} ${limit} } counter drop`,
  ];
}

/** Who may speak to a port where clients connect themselves. */
function directRules({ bans, firewall }: FirewallConfig): string[] {
  const allowed = disjointNetworks(bans.allow);
  return [
    ...sourceRules(firewall.sources),
    ...(allowed.v4.length > 0 ? [`ip saddr ${anyOf(allowed.v4)} accept`] : []),
    ...(allowed.v6.length > 0 ? [`ip6 saddr ${anyOf(allowed.v6)} accept`] : []),
    `ip saddr @${BAN_SETS.v4} counter drop`,
    `ip saddr @${BAN_SETS.networks4} counter drop`,
    `ip6 saddr @${BAN_SETS.v6} counter drop`,
    `ip6 saddr @${BAN_SETS.networks6} counter drop`,
    ...rateRules(firewall),
    'accept',
  ];
}

/** Behind a proxy every packet is the proxy's: bans and rates are for the gateway, which reads the client's address. */
function proxiedRules(listeners: readonly ListenerConfig[]): string[] {
  return listeners.flatMap(({ port, proxyProtocol }) => {
    const { v4, v6 } = disjointNetworks(proxyProtocol.trusted);
    return [
      ...(v4.length > 0 ? [`tcp dport ${port} ip saddr ${anyOf(v4)} accept`] : []),
      ...(v6.length > 0 ? [`tcp dport ${port} ip6 saddr ${anyOf(v6)} accept`] : []),
      `tcp dport ${port} counter drop`,
    ];
  });
}

/** What a machine needs that drops the rest: answers to what it asked, neighbours, addresses, path MTU, and a way to log in. */
function keptRules(openPorts: readonly number[]): string[] {
  return [
    'ct state established,related accept',
    'iif "lo" accept',
    'icmp type { destination-unreachable, echo-request, time-exceeded, parameter-problem } accept',
    'icmpv6 type { destination-unreachable, packet-too-big, time-exceeded, parameter-problem, echo-request, mld-listener-query, nd-router-advert, nd-neighbor-solicit, nd-neighbor-advert } accept',
    'udp dport { 68, 546 } accept',
    ...(openPorts.length > 0 ? [`tcp dport ${anyOf(openPorts)} accept`] : []),
  ];
}

/**
 * The table as text for `nft -f`.
 * @throws {OperatorError} where a listener has no port that could stand in it.
 */
export function rulesetOf(config: FirewallConfig, table = TABLE): string {
  const { firewall, listeners } = config;
  const floating = listeners.find(({ port }) => port === 0);
  if (floating !== undefined) {
    throw new OperatorError(
      `${floating.place}: the listener ${floating.name} takes any free port (port: 0), which cannot stand in a firewall: give it a fixed one.`,
    );
  }
  const proxied = listeners.filter(({ proxyProtocol }) => proxyProtocol.mode !== 'off');
  const direct = portsOf(listeners.filter((listener) => !proxied.includes(listener)));
  const size = `size ${firewall.entriesMax}`;
  const addresses = (type: string) => [`type ${type}`, size, 'flags timeout'];
  const networks = (type: string) => [`type ${type}`, size, 'flags interval,timeout'];
  const rate = (type: string) => [`type ${type}`, `size ${RATE_ENTRIES_MAX}`, 'flags dynamic,timeout', 'timeout 1m'];
  const body = [
    ...set(BAN_SETS.v4, addresses('ipv4_addr')),
    ...set(BAN_SETS.v6, addresses('ipv6_addr')),
    ...set(BAN_SETS.networks4, networks('ipv4_addr')),
    ...set(BAN_SETS.networks6, networks('ipv6_addr')),
    ...(firewall.connectionsPerSecond === 0
      ? []
      : [...set('rate4', rate('ipv4_addr')), ...set('rate6', rate('ipv6_addr'))]),
    ...(direct.length > 0 ? [...chain('mqtt', directRules(config)), ''] : []),
    ...chain('input', [
      `type filter hook input priority filter; policy ${firewall.defaultDrop ? 'drop' : 'accept'};`,
      ...proxiedRules(proxied),
      ...(direct.length > 0 ? [`tcp dport ${anyOf(direct)} jump mqtt`] : []),
      ...(firewall.defaultDrop ? keptRules(firewall.openPorts) : []),
    ]),
  ];
  return [`table inet ${table} {`, ...body.map((line) => (line === '' ? '' : `\t${line}`)), '}', ''].join('\n');
}

/** Makes way for a table in the transaction that loads it, whether or not there is one. */
export function withoutTable(table: string): string {
  return `add table inet ${table}\ndelete table inet ${table}\n`;
}
