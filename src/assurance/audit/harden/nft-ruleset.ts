/** A ruleset that drops what nothing on the host listens for, made of what listens now. */
import { MQTT_PORTS, PLAIN_MQTT_PORTS } from '../checks/services/ports.ts';
import { collectSockets, isLoopbackAddress, type ListeningSocket } from '../host/sockets.ts';
import { type Fact, mapFact } from '../model/fact.ts';
import type { AuditContext } from '../model/subject.ts';

/** Of family inet. */
export const HOST_TABLE = 'sallyport_host';
const SSH_PORT = 22;
/** Dashboards and clusters' ports: never for everybody. */
const INTERNAL_PORTS: readonly number[] = [4369, 4370, 5369, 5370, 8080, 18083, 18084];
const CONNECTIONS_PER_ADDRESS = 100;
/** Answers to what the host itself asks for. */
const CLIENT_PORTS: readonly number[] = [68, 546];

export interface RulesetWishes {
  /** Networks that administrators come from, as nft takes them, of one family; everybody where there are none. */
  readonly admins: readonly string[];
}

export async function hardenedNftables({ system }: AuditContext, wishes: RulesetWishes): Promise<Fact<string>> {
  return mapFact(await collectSockets(system), (sockets) => rulesetFor(sockets, wishes));
}

export function rulesetFor(sockets: readonly ListeningSocket[], { admins }: RulesetWishes): string {
  const open = new Map<string, ListeningSocket>();
  for (const socket of sockets) {
    if (!isLoopbackAddress(socket.address)) open.set(`${socket.protocol} ${socket.port}`, socket);
  }
  const ports = [...open.values()].sort((a, b) => a.protocol.localeCompare(b.protocol) || a.port - b.port);
  const rules = ports.flatMap((socket) => rulesOf(socket, admins).map((rule) => `    ${rule}`));
  return `#!/usr/sbin/nft -f
# Hardened by sallyport, for /etc/nftables.conf: what is not named here is dropped. Made of what listened when it was written.
# Try it with a way back: nft -c -f FILE && { (sleep 60; nft delete table inet ${HOST_TABLE}) & nft -f FILE; }
table inet ${HOST_TABLE}
delete table inet ${HOST_TABLE}
table inet ${HOST_TABLE} {
  set mqtt_v4 { type ipv4_addr; flags dynamic; size 65535; }
  set mqtt_v6 { type ipv6_addr; flags dynamic; size 65535; }
  chain input {
    type filter hook input priority filter; policy drop;
    iif lo accept
    ct state established,related accept
    ct state invalid drop
    icmp type { echo-request, destination-unreachable, time-exceeded, parameter-problem } accept
    icmpv6 type { echo-request, destination-unreachable, packet-too-big, time-exceeded, parameter-problem, nd-router-advert, nd-neighbor-solicit, nd-neighbor-advert, mld-listener-query } accept
    udp sport 67 udp dport 68 accept
    ip6 saddr fe80::/10 udp dport 546 accept
${rules.join('\n')}
  }
}
`;
}

function rulesOf({ protocol, port, process }: ListeningSocket, admins: readonly string[]): string[] {
  if (protocol === 'udp' && CLIENT_PORTS.includes(port)) return [];
  // The name is the process's own choice: only what can do no harm in a comment is shown.
  const name = process === undefined ? '' : ` # ${process.replace(/[^\w.-]/g, '_').slice(0, 32)}`;
  const isInternal = protocol === 'tcp' && (INTERNAL_PORTS.includes(port) || PLAIN_MQTT_PORTS.includes(port));
  const limits = protocol === 'tcp' && MQTT_PORTS.includes(port) ? limitsOf(port) : [];
  if (protocol === 'tcp' && (port === SSH_PORT || isInternal)) {
    const rules = admins.map((network) => `${familyOf(network)} saddr ${network} tcp dport ${port} accept${name}`);
    if (rules.length > 0) return [...limits, ...rules];
    return [
      isInternal
        ? `# tcp dport ${port} is for administrators: name their networks with --admin${name}`
        : `tcp dport ${port} accept${name}`,
    ];
  }
  if (protocol === 'udp') return [`# udp dport ${port} accept${name}`];
  return [...limits, `tcp dport ${port} accept${name}`];
}

function limitsOf(port: number): string[] {
  return [
    `tcp dport ${port} ct state new add @mqtt_v4 { ip saddr ct count over ${CONNECTIONS_PER_ADDRESS} } drop`,
    `tcp dport ${port} ct state new add @mqtt_v6 { ip6 saddr ct count over ${CONNECTIONS_PER_ADDRESS} } drop`,
  ];
}

function familyOf(network: string): 'ip' | 'ip6' {
  return network.includes(':') ? 'ip6' : 'ip';
}
