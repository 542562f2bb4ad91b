/** Reads `nft -j list ruleset` (libnftables-json(5)) as a model of the input hook. What it does not understand counts as a condition. */
import type { FilterRule, InputChain, IpVersion, PortRange } from './firewall.ts';

type Json = Readonly<Record<string, unknown>>;

const JUMPS_MAX = 16;
/** Laid out chains may repeat chains: a ruleset may be hostile. */
const RULES_MAX = 20_000;

interface RawChain {
  readonly family: string;
  readonly table: string;
  readonly name: string;
  readonly hook: string | undefined;
  readonly policy: string | undefined;
  readonly rules: (readonly Json[])[];
}

interface Conditions {
  readonly ports: readonly PortRange[] | undefined;
  readonly protocol: string | undefined;
  readonly versions: readonly IpVersion[];
  readonly hasSource: boolean;
  readonly isEstablished: boolean;
  readonly isLimit: boolean;
  readonly isConditional: boolean;
}

function isJson(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

/** The chains at the input hook; undefined where the text is no ruleset. */
export function parseNftables(text: string): InputChain[] | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return undefined;
  }
  const items = isJson(parsed) ? parsed['nftables'] : undefined;
  if (!Array.isArray(items)) return undefined;
  return new Ruleset(items.filter(isJson)).inputChains();
}

class Ruleset {
  readonly #chains = new Map<string, RawChain>();
  /** Elements of named sets, by table and name. */
  readonly #sets = new Map<string, unknown>();
  #rules = 0;

  constructor(items: readonly Json[]) {
    for (const item of items) {
      const { chain, rule, set } = item;
      if (isJson(chain)) {
        const [family, table, name] = [textOf(chain['family']), textOf(chain['table']), textOf(chain['name'])];
        const hook = chain['hook'] === undefined ? undefined : textOf(chain['hook']);
        const policy = chain['policy'] === undefined ? undefined : textOf(chain['policy']);
        this.#chains.set(key(family, table, name), { family, table, name, hook, policy, rules: [] });
      } else if (isJson(set)) {
        this.#sets.set(key(textOf(set['family']), textOf(set['table']), textOf(set['name'])), set['elem']);
      } else if (isJson(rule) && Array.isArray(rule['expr'])) {
        const home = this.#chains.get(key(textOf(rule['family']), textOf(rule['table']), textOf(rule['chain'])));
        home?.rules.push(rule['expr'].filter(isJson));
      }
    }
  }

  inputChains(): InputChain[] {
    const isInput = ({ hook, family }: RawChain): boolean => hook === 'input' && /^(?:ip|ip6|inet)$/.test(family);
    return [...this.#chains.values()].filter(isInput).map((chain) => {
      const versions: IpVersion[] = chain.family === 'ip' ? [4] : chain.family === 'ip6' ? [6] : [4, 6];
      const any: Conditions = {
        ports: undefined,
        protocol: undefined,
        versions,
        hasSource: false,
        isEstablished: false,
        isLimit: false,
        isConditional: false,
      };
      return {
        name: `${chain.family} ${chain.table} ${chain.name}`,
        versions,
        policy: chain.policy === 'drop' ? 'drop' : 'accept',
        rules: this.#layOut(chain, any, 0),
      };
    });
  }

  /** The rules of a chain, those of the chains that it jumps to in their place, under the conditions of the jump. */
  #layOut(chain: RawChain, outer: Conditions, depth: number): FilterRule[] {
    const rules: FilterRule[] = [];
    for (const expressions of chain.rules) {
      if (++this.#rules > RULES_MAX) break;
      let inner = outer;
      for (const expression of expressions) {
        const [kind = '', value] = Object.entries(expression)[0] ?? [];
        if (kind === 'match' && isJson(value)) inner = this.#matched(chain, inner, value);
        else if (isLimiting(kind, value)) inner = { ...inner, isLimit: true };
        else if (kind === 'accept') rules.push(ruleOf('accept', inner, expressions));
        else if (kind === 'drop' || kind === 'reject' || kind === 'tproxy')
          rules.push(ruleOf('drop', inner, expressions));
        else if (kind === 'jump' || kind === 'goto') rules.push(...this.#jumped(chain, value, inner, depth));
        else if (kind === 'vmap' && isJson(value)) rules.push(...this.#mapped(chain, value, inner, depth, expressions));
        else if (!/^(?:counter|log|comment|mangle|notrack|continue|return)$/.test(kind))
          inner = { ...inner, isConditional: true };
      }
      if (!expressions.some((one) => 'accept' in one || 'drop' in one || 'reject' in one))
        rules.push(ruleOf('none', inner, expressions));
    }
    return rules;
  }

  #jumped(chain: RawChain, value: unknown, conditions: Conditions, depth: number): FilterRule[] {
    const target = isJson(value)
      ? this.#chains.get(key(chain.family, chain.table, textOf(value['target'])))
      : undefined;
    // What may be returned from does not end the calling chain for certain: its rules stand, its own end does not matter.
    return target === undefined || depth >= JUMPS_MAX ? [] : this.#layOut(target, conditions, depth + 1);
  }

  #mapped(chain: RawChain, value: Json, conditions: Conditions, depth: number, shown: readonly Json[]): FilterRule[] {
    const data = this.#elements(chain, value['data']);
    return data.flatMap((pair) => {
      if (!Array.isArray(pair) || !isJson(pair[1])) return [];
      const inner = this.#matched(chain, conditions, { op: '==', left: value['key'], right: pair[0] });
      const [verdict = '', target] = Object.entries(pair[1])[0] ?? [];
      if (verdict === 'accept' || verdict === 'drop') return [ruleOf(verdict, inner, shown)];
      return verdict === 'jump' || verdict === 'goto' ? this.#jumped(chain, target, inner, depth) : [];
    });
  }

  /** Elements of a set that is named, or stands in place. */
  #elements(chain: RawChain, value: unknown): readonly unknown[] {
    if (typeof value === 'string' && value.startsWith('@')) {
      const elements = this.#sets.get(key(chain.family, chain.table, value.slice(1)));
      return Array.isArray(elements) ? elements : [];
    }
    if (isJson(value) && Array.isArray(value['set'])) return value['set'];
    return Array.isArray(value) ? value : [value];
  }

  #matched(chain: RawChain, conditions: Conditions, { op, left, right }: Json): Conditions {
    const conditional: Conditions = { ...conditions, isConditional: true };
    if (!isJson(left) || op === '!=') return conditional;
    const { payload, meta, ct } = left;
    if (isJson(payload)) {
      const [protocol, field] = [textOf(payload['protocol']), textOf(payload['field'])];
      if (field === 'saddr' || field === 'ether') return { ...forVersion(conditions, protocol), hasSource: true };
      if (field === 'dport' && (protocol === 'tcp' || protocol === 'udp' || protocol === 'th')) {
        const protocols = protocol === 'th' ? (['tcp', 'udp'] as const) : ([protocol] as const);
        const ports = protocols.flatMap((one) =>
          this.#elements(chain, right).flatMap((element) => rangeOf(one, element)),
        );
        return { ...conditions, ports };
      }
      if (/^icmp/.test(protocol)) return { ...conditions, protocol: `${protocol} ${textOf(right)}`.trim() };
      return { ...forVersion(conditions, protocol), isConditional: true };
    }
    if (isJson(meta)) {
      const name = textOf(meta['key']);
      if (/^i?if(?:name|group)?$|^iif/.test(name)) return { ...conditions, hasSource: true };
      if (name === 'nfproto') return forVersion(conditions, right === 'ipv6' ? 'ip6' : right === 'ipv4' ? 'ip' : '');
      if (name === 'l4proto') {
        const names = this.#elements(chain, right).map(textOf);
        // A match of the protocol beside the port says nothing more.
        return names.every((one) => one === 'tcp' || one === 'udp')
          ? { ...conditions, isConditional: conditions.isConditional || conditions.ports === undefined }
          : { ...conditions, protocol: names.join(', ') };
      }
      return conditional;
    }
    if (isJson(ct) && textOf(ct['key']) === 'state') {
      const states = this.#elements(chain, right).map(textOf);
      if (states.every((state) => state === 'established' || state === 'related'))
        return { ...conditions, isEstablished: true };
      return states.includes('new') ? conditions : conditional;
    }
    return conditional;
  }
}

/** A count or a limit, also one for each element of a dynamic set. */
function isLimiting(kind: string, value: unknown): boolean {
  if (kind !== 'set') return /^(?:limit|ct count|meter|quota)$/.test(kind);
  const statements = isJson(value) && Array.isArray(value['stmt']) ? value['stmt'].filter(isJson) : [];
  return statements.some((one) => Object.keys(one).some((inner) => isLimiting(inner, undefined)));
}

function key(family: string, table: string, name: string): string {
  return JSON.stringify([family, table, name]);
}

function forVersion(conditions: Conditions, protocol: string): Conditions {
  const only: IpVersion | undefined = protocol === 'ip' ? 4 : protocol === 'ip6' ? 6 : undefined;
  return only === undefined
    ? conditions
    : { ...conditions, versions: conditions.versions.filter((one) => one === only) };
}

function rangeOf(protocol: 'tcp' | 'udp', element: unknown): PortRange[] {
  if (typeof element === 'number') return [{ protocol, from: element, to: element }];
  if (!isJson(element)) return [];
  const { range, elem } = element;
  if (Array.isArray(range) && typeof range[0] === 'number' && typeof range[1] === 'number')
    return [{ protocol, from: range[0], to: range[1] }];
  return isJson(elem) ? rangeOf(protocol, elem['val']) : [];
}

function ruleOf(verdict: FilterRule['verdict'], conditions: Conditions, shown: readonly Json[]): FilterRule {
  return { verdict, ...conditions, shown: JSON.stringify(shown).slice(0, 300) };
}
