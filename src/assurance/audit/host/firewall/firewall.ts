/** What the packet filter does with packets that come in: one model for nftables and iptables, made for judging, not for filtering. */

export type IpVersion = 4 | 6;

export interface PortRange {
  readonly protocol: 'tcp' | 'udp';
  readonly from: number;
  readonly to: number;
}

export interface FilterRule {
  /** What happens to a packet that matches; `none` goes on to the next rule. */
  readonly verdict: 'accept' | 'drop' | 'none';
  /** The ports that it is about; undefined where it does not look at ports. */
  readonly ports: readonly PortRange[] | undefined;
  /** Another protocol that it is about, such as `icmp`. */
  readonly protocol: string | undefined;
  readonly versions: readonly IpVersion[];
  /** It looks at where the packet comes from: an address, a set of them, an interface. */
  readonly hasSource: boolean;
  /** Only for packets of connections that stand already. */
  readonly isEstablished: boolean;
  /** Counts connections or packets. */
  readonly isLimit: boolean;
  /** It looks at something else, too. */
  readonly isConditional: boolean;
  /** For people. */
  readonly shown: string;
}

/** A chain at the input hook, what it jumps to laid out in place. */
export interface InputChain {
  /** Such as `inet filter input`. */
  readonly name: string;
  readonly versions: readonly IpVersion[];
  readonly policy: 'accept' | 'drop';
  readonly rules: readonly FilterRule[];
}

export interface Firewall {
  readonly chains: readonly InputChain[];
}

/** Whether every packet matches. */
function isUnconditional(rule: FilterRule): boolean {
  return (
    rule.ports === undefined &&
    rule.protocol === undefined &&
    !rule.hasSource &&
    !rule.isEstablished &&
    !rule.isLimit &&
    !rule.isConditional
  );
}

/** What a chain does with a packet that none of its particular rules is about. */
function defaultOf(chain: InputChain, version: IpVersion): 'accept' | 'drop' {
  const last = chain.rules.find(
    (rule) => rule.versions.includes(version) && rule.verdict !== 'none' && isUnconditional(rule),
  );
  return last === undefined || last.verdict === 'none' ? chain.policy : last.verdict;
}

/** A packet has to get through every chain, so that one which drops is enough. */
export function dropsByDefault(firewall: Firewall, version: IpVersion): boolean {
  return firewall.chains.some((chain) => chain.versions.includes(version) && defaultOf(chain, version) === 'drop');
}

export function allRules({ chains }: Firewall): FilterRule[] {
  return chains.flatMap(({ rules }) => rules);
}

/** The rules that decide what comes in: beside a chain that drops, an accepting chain's own accept rules open nothing. */
export function decisiveRules({ chains }: Firewall): FilterRule[] {
  const drops = (chain: InputChain): boolean => chain.versions.some((version) => defaultOf(chain, version) === 'drop');
  return chains.filter(drops).flatMap(({ rules }) => rules);
}

export function coversPort({ ports }: FilterRule, protocol: 'tcp' | 'udp', port: number): boolean {
  return ports?.some((range) => range.protocol === protocol && range.from <= port && port <= range.to) === true;
}
