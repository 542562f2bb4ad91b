/** A drop-in that takes from a broker's unit what the broker never needs. */
import { posix } from 'node:path';
import type { MosquittoConfig } from '../brokers/mosquitto/config.ts';
import type { BrokerName } from '../host/broker-processes.ts';
import type { BrokerUnit } from '../host/units.ts';

/** Where a broker writes, beside what its configuration names. */
const WRITES: Readonly<Record<BrokerName, readonly string[]>> = {
  mosquitto: ['/var/lib/mosquitto', '/var/log/mosquitto', '/run/mosquitto'],
  emqx: ['/var/lib/emqx', '/var/log/emqx', '/opt/emqx/data', '/opt/emqx/log', '/etc/emqx'],
  hivemq: ['/opt/hivemq'],
  sallyport: ['/var/lib/sallyport', '/var/log/sallyport'],
};

/** Mosquitto starts as root, makes its folders its user's, and becomes that user. */
const CAPABILITIES: Readonly<Record<BrokerName, readonly string[]>> = {
  mosquitto: ['CAP_CHOWN', 'CAP_DAC_OVERRIDE', 'CAP_NET_BIND_SERVICE', 'CAP_SETGID', 'CAP_SETUID'],
  emqx: ['CAP_NET_BIND_SERVICE'],
  hivemq: ['CAP_NET_BIND_SERVICE'],
  sallyport: ['CAP_NET_BIND_SERVICE'],
};

/** What these make of memory is code: Erlang, Java and JavaScript compile as they run. */
const COMPILES: ReadonlySet<BrokerName> = new Set(['emqx', 'hivemq', 'sallyport']);

/** Keys that every unit gets; those of the check H09 first. */
function settingsOf(broker: BrokerName, writes: readonly string[]): readonly (readonly [key: string, value: string])[] {
  return [
    ['NoNewPrivileges', 'yes'],
    ['ProtectSystem', 'strict'],
    // A dash before a path: it need not be there.
    ['ReadWritePaths', writes.map((path) => `-${path}`).join(' ')],
    ['ProtectHome', 'yes'],
    ['PrivateTmp', 'yes'],
    ['PrivateDevices', 'yes'],
    ['CapabilityBoundingSet', CAPABILITIES[broker].join(' ')],
    ['ProtectKernelTunables', 'yes'],
    ['ProtectKernelModules', 'yes'],
    ['ProtectKernelLogs', 'yes'],
    ['ProtectControlGroups', 'yes'],
    ['ProtectClock', 'yes'],
    ['ProtectHostname', 'yes'],
    ['RestrictAddressFamilies', 'AF_INET AF_INET6 AF_UNIX AF_NETLINK'],
    ['RestrictNamespaces', 'yes'],
    ['RestrictRealtime', 'yes'],
    ['RestrictSUIDSGID', 'yes'],
    ['LockPersonality', 'yes'],
    ['SystemCallArchitectures', 'native'],
    ...(COMPILES.has(broker) ? [] : [['MemoryDenyWriteExecute', 'yes'] as const]),
  ];
}

export interface DropInWishes {
  /** Open files; undefined leaves what the unit has. */
  readonly openFiles?: number;
  /** Of Mosquitto: what it writes to. */
  readonly config?: MosquittoConfig;
  /** Without the sandbox only the limit is set. */
  readonly hasSandbox: boolean;
}

/** Folders below these are hidden by the sandbox itself. */
const HIDDEN = /^\/(?:home|root|run\/user|tmp|var\/tmp)(?:\/|$)/;

/** The drop-in's text. What the unit already sets well is set again: the drop-in shows the whole. */
export function unitDropIn({ broker, name }: BrokerUnit, { openFiles, config, hasSandbox }: DropInWishes): string {
  const writes = [...new Set([...WRITES[broker], ...writtenBy(config)])];
  const lines = [`# Hardened by sallyport: what ${name} never needs is taken from it.`, '[Service]'];
  if (hasSandbox) lines.push(...settingsOf(broker, writes).map(([key, value]) => `${key}=${value}`));
  const hidden = writes.filter((path) => HIDDEN.test(path));
  if (hasSandbox && hidden.length > 0)
    lines.push(`# Hidden by ProtectHome or PrivateTmp, move it elsewhere: ${hidden.join(' ')}`);
  if (openFiles !== undefined) lines.push(`LimitNOFILE=${openFiles}`);
  return `${lines.join('\n')}\n`;
}

function writtenBy(config: MosquittoConfig | undefined): string[] {
  return (config?.directives ?? [])
    .flatMap(({ name, value }) => {
      if (name === 'persistence_location') return [posix.normalize(value).replace(/(.)\/$/, '$1')];
      if (name === 'log_dest' && value.startsWith('file ')) return [posix.dirname(value.slice('file '.length).trim())];
      return name === 'pid_file' ? [posix.dirname(value)] : [];
    })
    .filter((path) => /^\/[\w./@+-]+$/.test(path) && path.split('/').length > 2);
}
