/** How the family S judges the packet filter. */
import {
  allRules,
  coversPort,
  decisiveRules,
  dropsByDefault,
  type FilterRule,
  type Firewall,
} from '../../host/firewall/firewall.ts';
import type { HostFacts } from '../../host/host-facts.ts';
import type { Evaluate } from '../../model/check.ts';
import { type Source, unknown } from '../../model/fact.ts';
import {
  evidence,
  fail,
  judge,
  notApplicable,
  type Outcome,
  type Outcomes,
  pass,
  unassessed,
} from '../../model/outcome.ts';
import { MQTT_PORTS } from './ports.ts';

const RUNTIME = { confidence: 'runtime' } as const;

/** Doors that few need: ssh, plain MQTT, dashboards. */
const GUARDED_PORTS: readonly number[] = [22, 1883, 8083, 18083, 8080];
/** Answers to what the host itself asks for: DHCP, time, and the discovery of neighbours. */
const EXPECTED_UDP: readonly number[] = [68, 123, 546];
const RISKY_ICMP = /\b(?:redirect|timestamp-request|address-mask-request|router-advertisement)\b/;

/** Only where there is a packet filter that drops: without one, S07 says all there is to say. */
function judgeDropping(facts: HostFacts, whenDropping: (firewall: Firewall, source: Source) => Outcomes): Outcomes {
  return judge(
    facts.firewall,
    (firewall, source) =>
      dropsByDefault(firewall, 4) || dropsByDefault(firewall, 6)
        ? whenDropping(firewall, source)
        : notApplicable('no-filter', 'The packet filter lets everything in: see S07.', RUNTIME),
    ({ from }) => unassessed(unknown('file-missing', `${from} told nothing.`)),
  );
}

/** A rule that opens a port to everybody who sends to it first. */
function opensToAll({ verdict, hasSource, isEstablished }: FilterRule): boolean {
  return verdict === 'accept' && !hasSource && !isEstablished;
}

export const FIREWALL_EVALUATORS = {
  S07: ({ firewall }) =>
    judge(
      firewall,
      (rules, source) => {
        const names = rules.chains.map(({ name, policy }) => `${name} (policy ${policy})`);
        const observed = names.length === 0 ? 'no input chain' : names.join(', ');
        const proof = evidence(observed, 'an input chain that drops what no rule accepts', source);
        const drops = dropsByDefault(rules, 4) || dropsByDefault(rules, 6);
        return drops ? pass(proof, RUNTIME) : fail('no-default-drop', proof, RUNTIME);
      },
      ({ from }) => unassessed(unknown('file-missing', `${from} told nothing.`)),
    ),

  S08: (facts) =>
    judge(
      facts.bootFirewall,
      ({ loaders }, source) =>
        judge(
          facts.firewall,
          (firewall) => {
            const hasRules = firewall.chains.some(({ rules, policy }) => rules.length > 0 || policy === 'drop');
            const observed = `${hasRules ? 'rules are' : 'no rule is'} loaded; at boot ${loaders.join(', ') || 'nothing'} loads rules`;
            const proof = evidence(observed, 'the boot brings back what is loaded', source);
            if (!hasRules && loaders.length === 0)
              return notApplicable('no-filter', 'There are no rules, neither loaded nor at boot: see S07.', RUNTIME);
            if (!hasRules) return fail('not-loaded', proof, RUNTIME);
            return loaders.length > 0 ? pass(proof, RUNTIME) : fail('not-persistent', proof, RUNTIME);
          },
          ({ from }) => unassessed(unknown('file-missing', `${from} told nothing.`)),
        ),
      () =>
        unassessed(
          unknown('unsupported', 'There is no systemd, and the audit does not know what else loads rules at boot.'),
        ),
    ),

  S09: (facts) =>
    judgeDropping(facts, (firewall, source) => {
      const expected = 'a source address or interface in the rule';
      const guarded = GUARDED_PORTS.flatMap((port): Outcome[] => {
        const rules = decisiveRules(firewall).filter(
          (rule) => rule.verdict === 'accept' && coversPort(rule, 'tcp', port),
        );
        if (rules.length === 0) return [];
        const open = rules.find(opensToAll);
        const place = { ...RUNTIME, subject: `port ${port}`, port };
        if (open === undefined)
          return [pass(evidence(`${rules.length} rules, all with a source`, expected, source), place)];
        return [fail('any-source', evidence(open.shown, expected, source), place)];
      });
      return guarded.length > 0 ? guarded : pass(evidence('no rule opens such a port', expected, source), RUNTIME);
    }),

  S10: ({ firewall, ipv6 }) =>
    judge(
      firewall,
      (rules, source) => {
        if (ipv6.state === 'known' && !ipv6.value) return notApplicable('no-ipv6', 'IPv6 is switched off.', RUNTIME);
        const [v4, v6] = [dropsByDefault(rules, 4), dropsByDefault(rules, 6)];
        if (!v4 && !v6) return notApplicable('no-filter', 'Neither family is filtered: see S07.', RUNTIME);
        const told = (drops: boolean): string => (drops ? 'drops' : 'accepts');
        const proof = evidence(`by default IPv4 ${told(v4)}, IPv6 ${told(v6)}`, 'both drop', source);
        if (v6) return pass(proof, RUNTIME);
        return ipv6.state === 'unknown' ? unassessed(ipv6, RUNTIME) : fail('ipv6-open', proof, RUNTIME);
      },
      ({ from }) => unassessed(unknown('file-missing', `${from} told nothing.`)),
    ),

  S11: (facts) =>
    judgeDropping(facts, (firewall, source) => {
      const rules = allRules(firewall);
      const open = MQTT_PORTS.filter((port) =>
        decisiveRules(firewall).some((rule) => rule.verdict === 'accept' && coversPort(rule, 'tcp', port)),
      );
      if (open.length === 0) return notApplicable('no-mqtt', 'The packet filter opens no port of MQTT.', RUNTIME);
      return open.map((port) => {
        const limited = rules.some((rule) => rule.isLimit && coversPort(rule, 'tcp', port));
        const place = { ...RUNTIME, subject: `port ${port}`, port };
        const proof = evidence(
          limited ? 'a rule counts or limits' : 'no rule counts or limits',
          'ct count or limit on the port',
          source,
        );
        return limited ? pass(proof, place) : fail('no-limit', proof, place);
      });
    }),

  S12: (facts) =>
    judgeDropping(facts, (firewall, source) => {
      const declared = facts.declared.listeners ?? [];
      const isExpected = (from: number, to: number): boolean =>
        from === to &&
        (EXPECTED_UDP.includes(from) || declared.some(({ port, protocol }) => protocol === 'udp' && port === from));
      const isUnexpected = (rule: FilterRule): boolean =>
        opensToAll(rule) &&
        (rule.ports?.some(({ protocol, from, to }) => protocol === 'udp' && !isExpected(from, to)) === true ||
          RISKY_ICMP.test(rule.versions.includes(4) ? (rule.protocol ?? '') : ''));
      const expected = 'UDP only on declared ports, no ICMP that changes routes';
      const found = decisiveRules(firewall).filter(isUnexpected);
      if (found.length === 0) return pass(evidence('no such rule', expected, source), RUNTIME);
      return fail('unexpected-accept', evidence(found.map(({ shown }) => shown).join('; '), expected, source), RUNTIME);
    }),
} satisfies Readonly<Record<string, Evaluate<HostFacts>>>;
