/** The ports that the family S knows, and what is found listening on them. */
import type { BrokerName, BrokerProcess } from '../../host/broker-processes.ts';
import { isLoopbackAddress, type ListeningSocket } from '../../host/sockets.ts';

export const PLAIN_MQTT_PORTS: readonly number[] = [1883, 8083];
export const MQTT_PORTS: readonly number[] = [1883, 8883, 8083, 8084];
const MANAGEMENT_PORTS: readonly number[] = [18083, 8080];

/** Who owns the port 8080 may be any web server: only of a broker is it the management. */
const BROKER_PROCESSES: readonly string[] = ['beam.smp', 'java', 'mosquitto', 'node', 'MainThread'];

/** What the processes of a broker are called: but for Mosquitto as their runtime, which other programs have too. */
export const PROCESSES_OF: Readonly<Record<BrokerName, readonly string[]>> = {
  mosquitto: ['mosquitto'],
  emqx: ['beam.smp'],
  hivemq: ['java'],
  sallyport: ['node', 'MainThread'],
};

export function isExposed({ address }: ListeningSocket): boolean {
  return !isLoopbackAddress(address);
}

export function isManagement({ protocol, port, process }: ListeningSocket): boolean {
  if (protocol !== 'tcp' || !MANAGEMENT_PORTS.includes(port)) return false;
  return port === 18083 || process === undefined || BROKER_PROCESSES.includes(process);
}

export function shownSocket({ protocol, address, port, process }: ListeningSocket): string {
  const host = address.includes(':') ? `[${address}]` : address;
  return `${protocol} ${host}:${port}${process === undefined ? '' : ` (${process})`}`;
}

const EPMD_PORT = 4369;
const DISTRIBUTION_PORT = 4370;
const RPC_PORT = 5370;

/** EMQX adds the number that ends its node's name to the ports of its cluster. */
export function clusterPorts({ commandLine }: BrokerProcess): number[] {
  const at = commandLine.findIndex((word) => word === '-name' || word === '-sname');
  const offset = Number(/(\d+)(?:@|$)/.exec(commandLine[at + 1] ?? '')?.[1] ?? 0);
  return [EPMD_PORT, DISTRIBUTION_PORT + offset, RPC_PORT + offset];
}

/** Processes and ports of daemons from before encryption. */
export const LEGACY_PROCESSES: readonly string[] = [
  'in.telnetd',
  'telnetd',
  'in.rshd',
  'rshd',
  'in.rlogind',
  'rlogind',
  'in.rexecd',
  'rexecd',
  'in.tftpd',
  'tftpd',
  'atftpd',
  'inetd',
  'inetutils-inetd',
  'xinetd',
];
const LEGACY_PORTS: readonly (readonly ['tcp' | 'udp', number])[] = [
  ['tcp', 23],
  ['tcp', 512],
  ['tcp', 513],
  ['udp', 69],
];

export function isLegacy({ protocol, port }: ListeningSocket): boolean {
  return LEGACY_PORTS.some(([proto, legacy]) => proto === protocol && legacy === port);
}
