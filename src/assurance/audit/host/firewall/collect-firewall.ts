/** The packet filter in force, from nft and iptables, and what of it the next boot brings back. */
import { absent, type Fact, known, type Unknown, unknown } from '../../model/fact.ts';
import type { AuditedSystem } from '../../system/audited-system.ts';
import type { Firewall, InputChain, IpVersion } from './firewall.ts';
import { parseIptables } from './iptables.ts';
import { parseNftables } from './nftables.ts';

/** Chains, or nothing where the program is not installed. */
type Chains = readonly InputChain[] | undefined | Unknown;

async function nftables(system: AuditedSystem): Promise<Chains> {
  const output = await system.run('nft', ['-j', 'list', 'ruleset']);
  if (output.state === 'unknown') return output.reason === 'tool-missing' ? undefined : output;
  if (output.state === 'absent') return undefined;
  const { exitCode, stdout, stderr } = output.value;
  if (exitCode === 0) return parseNftables(stdout) ?? unknown('malformed', 'nft printed no ruleset in JSON.');
  return /not permitted|must be root/.test(stdout + stderr)
    ? unknown('permission-denied', 'This user may not list the rules of the packet filter.')
    : unknown('command-failed', `nft ended with exit code ${exitCode}.`);
}

async function iptables(system: AuditedSystem, command: string, version: IpVersion): Promise<Chains> {
  const output = await system.run(command, []);
  if (output.state === 'unknown') return output.reason === 'tool-missing' ? undefined : output;
  if (output.state === 'absent') return undefined;
  const { exitCode, stdout, stderr } = output.value;
  if (exitCode !== 0)
    return /[Pp]ermission denied|must be root/.test(stderr)
      ? unknown('permission-denied', 'This user may not list the rules of the packet filter.')
      : unknown('command-failed', `${command} ended with exit code ${exitCode}.`);
  const chain = parseIptables(stdout, version);
  return chain === undefined ? [] : [chain];
}

function isUnknown(chains: Chains): chains is Unknown {
  return chains !== undefined && 'state' in chains;
}

export async function collectFirewall(system: AuditedSystem): Promise<Fact<Firewall>> {
  const parts = await Promise.all([
    nftables(system),
    iptables(system, 'iptables-save', 4),
    iptables(system, 'ip6tables-save', 6),
  ]);
  const chains = parts.flatMap((part) => (part === undefined || isUnknown(part) ? [] : part));
  const failed = parts.find(isUnknown);
  if (failed !== undefined) return failed;
  if (parts.every((part) => part === undefined))
    return unknown('tool-missing', 'Neither nft nor iptables-save is installed.');
  return known({ chains }, parts[0] === undefined ? 'iptables-save' : 'nft -j list ruleset');
}

/** Services that load rules at boot, with the files that they load. */
const LOADERS: Readonly<Record<string, readonly string[]>> = {
  'nftables.service': ['/etc/nftables.conf', '/etc/sysconfig/nftables.conf'],
  'netfilter-persistent.service': ['/etc/iptables/rules.v4', '/etc/iptables/rules.v6'],
  'iptables.service': ['/etc/sysconfig/iptables'],
  'ufw.service': [],
  'firewalld.service': [],
  'shorewall.service': [],
};

export interface BootFirewall {
  /** Of the services that load rules, those that are enabled and have something to load. */
  readonly loaders: readonly string[];
}

export async function collectBootFirewall(system: AuditedSystem): Promise<Fact<BootFirewall>> {
  const wants = await system.list('/etc/systemd/system');
  if (wants.state === 'unknown') return wants;
  if (wants.state === 'absent') return absent('/etc/systemd/system');
  const loaders: string[] = [];
  for (const folder of wants.value.filter((name) => name.endsWith('.wants'))) {
    const units = await system.list(`/etc/systemd/system/${folder}`);
    if (units.state === 'unknown') return units;
    if (units.state === 'absent') continue;
    for (const unit of units.value.filter((name) => Object.hasOwn(LOADERS, name))) {
      if (await hasRules(system, unit)) loaders.push(unit);
    }
  }
  return known({ loaders }, '/etc/systemd/system');
}

/** ufw and firewalld bring rules of their own; the others load a file, which may be empty or only flush. */
async function hasRules(system: AuditedSystem, unit: string): Promise<boolean> {
  const files = LOADERS[unit]!;
  if (unit === 'ufw.service') {
    const config = await system.readText('/etc/ufw/ufw.conf');
    return config.state === 'known' && /^\s*ENABLED\s*=\s*yes/im.test(config.value);
  }
  if (files.length === 0) return true;
  for (const file of files) {
    const text = await system.readText(file);
    if (text.state !== 'known') continue;
    const rules = text.value.replace(/#.*$/gm, '');
    if (
      /hook\s+input[\s\S]*?(?:policy\s+drop|\bdrop\b|\breject\b|\baccept\b)|^\s*include\b|^-A INPUT|^:INPUT DROP/m.test(
        rules,
      )
    )
      return true;
  }
  return false;
}
