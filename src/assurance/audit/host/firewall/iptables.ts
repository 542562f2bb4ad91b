/** Reads what iptables-save and ip6tables-save print as a model of the input chain. What it does not understand counts as a condition. */
import type { FilterRule, InputChain, IpVersion, PortRange } from './firewall.ts';

const JUMPS_MAX = 16;
const RULES_MAX = 20_000;

interface Parsed {
  readonly rule: Omit<FilterRule, 'verdict'>;
  readonly target: string | undefined;
}

/** The INPUT chain of the table `filter`; undefined where the text has none, as when no rule was ever loaded. */
export function parseIptables(text: string, version: IpVersion): InputChain | undefined {
  const chains = new Map<string, Parsed[]>();
  let table = '';
  let policy: 'accept' | 'drop' | undefined;
  for (const line of text.split('\n')) {
    if (line.startsWith('*')) table = line.slice(1).trim();
    if (table !== 'filter') continue;
    const declared = /^:(\S+) (\S+)/.exec(line);
    if (declared !== null) {
      chains.set(declared[1]!, []);
      if (declared[1] === 'INPUT') policy = declared[2] === 'DROP' ? 'drop' : 'accept';
    }
    const added = /^-A (\S+) (.*)$/.exec(line);
    if (added !== null) chains.get(added[1]!)?.push(parseRule(added[2]!, version));
  }
  if (policy === undefined) return undefined;
  const count = { rules: 0 };
  return {
    name: `iptables filter INPUT`,
    versions: [version],
    policy,
    rules: layOut(chains, 'INPUT', undefined, 0, count),
  };
}

function layOut(
  chains: ReadonlyMap<string, readonly Parsed[]>,
  name: string,
  outer: Parsed['rule'] | undefined,
  depth: number,
  count: { rules: number },
): FilterRule[] {
  return (chains.get(name) ?? []).flatMap(({ rule, target }): FilterRule[] => {
    if (++count.rules > RULES_MAX) return [];
    const inner = outer === undefined ? rule : both(outer, rule);
    if (target === 'ACCEPT') return [{ ...inner, verdict: 'accept' }];
    if (target === 'DROP' || target === 'REJECT') return [{ ...inner, verdict: 'drop' }];
    const jumped = target !== undefined && chains.has(target) && depth < JUMPS_MAX;
    return jumped ? layOut(chains, target, inner, depth + 1, count) : [{ ...inner, verdict: 'none' }];
  });
}

function both(outer: Parsed['rule'], inner: Parsed['rule']): Parsed['rule'] {
  return {
    ...inner,
    ports: inner.ports ?? outer.ports,
    protocol: inner.protocol ?? outer.protocol,
    hasSource: outer.hasSource || inner.hasSource,
    isEstablished: outer.isEstablished || inner.isEstablished,
    isLimit: outer.isLimit || inner.isLimit,
    isConditional: outer.isConditional || inner.isConditional,
  };
}

function parseRule(text: string, version: IpVersion): Parsed {
  const words = text.match(/"(?:[^"\\]|\\.)*"|\S+/g) ?? [];
  let [ports, protocol, target]: [PortRange[] | undefined, string | undefined, string | undefined] = [
    undefined,
    undefined,
    undefined,
  ];
  let [hasSource, isEstablished, isLimit, isConditional] = [false, false, false, false];
  for (let i = 0; i < words.length; i++) {
    const [word, value = ''] = [words[i]!, words[i + 1]];
    const isNegated = words[i - 1] === '!';
    if (isNegated) isConditional = true;
    else if (word === '-p') protocol = value;
    else if (word === '-s') hasSource ||= !/\/0$/.test(value);
    else if (word === '-i' || word === '--src-range' || word === '--match-set') hasSource = true;
    else if (word === '--dport' || word === '--dports')
      ports = value.split(',').flatMap((part) => rangeOf(protocol, part));
    else if (word === '--state' || word === '--ctstate') {
      const states = value.split(',');
      if (states.every((state) => state === 'ESTABLISHED' || state === 'RELATED')) isEstablished = true;
      else if (!states.includes('NEW')) isConditional = true;
    } else if (/^--(?:limit|connlimit-(?:above|upto)|hashlimit\S*|hitcount)$/.test(word)) isLimit = true;
    else if (word === '-j' || word === '-g') target = value;
    else if (/^--(?:icmp-type|icmpv6-type)$/.test(word)) protocol = `${protocol} ${value}`;
    else if (
      /^(?:-d|-o|--sport|--sports|--mark|--uid-owner|--string|--tcp-flags|--update|--rcheck|--dst-type|--src-type)$/.test(
        word,
      )
    )
      isConditional = true;
  }
  const isPlain = protocol === 'tcp' || protocol === 'udp' || protocol === 'all' || protocol === undefined;
  return {
    target,
    rule: {
      ports,
      protocol: isPlain ? undefined : protocol,
      versions: [version],
      hasSource,
      isEstablished,
      isLimit,
      // A protocol alone is a condition like another.
      isConditional: isConditional || (ports === undefined && (protocol === 'tcp' || protocol === 'udp')),
      shown: text.slice(0, 300),
    },
  };
}

function rangeOf(protocol: string | undefined, text: string): PortRange[] {
  const [from = Number.NaN, to = from] = text.split(':').map(Number);
  if ((protocol !== 'tcp' && protocol !== 'udp') || !Number.isInteger(from) || !Number.isInteger(to)) return [];
  return [{ protocol, from, to }];
}
