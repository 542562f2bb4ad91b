/** Gives a host without a packet filter one that drops by default: a table of our own, loaded now and at boot, made of what listens. */
import { HOST_TABLE, hardenedNftables } from '../harden/nft-ruleset.ts';
import { collectBootFirewall } from '../host/firewall/collect-firewall.ts';
import { HOST } from '../host/host-subject.ts';
import type { AuditedSystem } from '../system/audited-system.ts';
import { NO_STEPS, type Planner, STEP_DEFAULTS, type TextChange } from './fix-step.ts';
import { rulesetTrial } from './ruleset-trial.ts';

const RULES_FILE = '/etc/nftables.d/sallyport-host.nft';
const BOOT_FILE = '/etc/nftables.conf';
const BOOT_SERVICE = 'nftables.service';
const INCLUDE = `include "${RULES_FILE}"`;
/** These write the whole filter themselves, and would not know of our table. */
const MANAGERS: readonly string[] = ['ufw.service', 'firewalld.service', 'shorewall.service'];

export const planFirewall: Planner = async ({ context, findings, admins }) => {
  if (!findings.some(({ check }) => check.id === 'S07')) return NO_STEPS;
  const { system } = context;
  const withheld = (says: string) => ({ steps: [], withheld: [{ check: 'S07', says }] });
  if (!system.isLive) return withheld('What listens is known of a running system alone.');
  if (admins.length === 0)
    return withheld(
      'SSH, plain MQTT and dashboards would be for administrators alone: name the networks that they come from with --admin.',
    );
  const boot = await collectBootFirewall(system);
  const loaders = boot.state === 'known' ? boot.value.loaders : [];
  const manager = loaders.find((unit) => MANAGERS.includes(unit));
  if (manager !== undefined) return withheld(`${manager} manages the packet filter: give it the rules.`);
  const ruleset = await hardenedNftables(context, { admins });
  if (ruleset.state !== 'known')
    return withheld(ruleset.state === 'unknown' ? ruleset.says : 'What listens is not told.');
  const listed = await rulesetTrial(ruleset.value);
  if (listed.state !== 'known') return withheld(listed.state === 'unknown' ? listed.says : 'nft printed nothing.');
  const texts = await textsFor(system, ruleset.value);
  if (texts === undefined) return withheld(`${BOOT_FILE} or ${RULES_FILE} cannot be read.`);
  return {
    steps: [
      {
        ...STEP_DEFAULTS,
        id: 'firewall',
        title: 'Drop what is not named at the packet filter',
        // S08 to S12 ask what a filter is like: they cannot be asked before there is one.
        checks: ['S07', 'S08', 'S09', 'S10', 'S11', 'S12'],
        targetId: HOST.id,
        risk: 'high',
        impact: `New connections to SSH, plain MQTT and dashboards come from ${admins.join(', ')} alone; UDP services and whatever starts to listen later are not reached. Connections that are open may break where their port is closed.`,
        texts,
        ruleset: { table: HOST_TABLE, text: ruleset.value, listed: listed.value },
        validator: 'nft',
        validated: BOOT_FILE,
        isConfirmed: true,
        afterwards: loaders.includes(BOOT_SERVICE) ? [] : [`systemctl enable ${BOOT_SERVICE}`],
        afterRestart: ['S08'],
      },
    ],
  };
};

/** The rules in a file of their own, and a line that loads it at boot. */
async function textsFor(system: AuditedSystem, ruleset: string): Promise<TextChange[] | undefined> {
  const [rules, boot] = await Promise.all([system.readText(RULES_FILE), system.readText(BOOT_FILE)]);
  if (rules.state === 'unknown' || boot.state === 'unknown') return undefined;
  const before = boot.state === 'known' ? boot.value : undefined;
  const hasInclude = before?.split('\n').some((line) => line.trim() === INCLUDE) === true;
  const text = before ?? '#!/usr/sbin/nft -f\n';
  return [
    { path: RULES_FILE, before: rules.state === 'known' ? rules.value : undefined, after: ruleset },
    ...(hasInclude
      ? []
      : [{ path: BOOT_FILE, before, after: `${text}${/(?:^|\n)$/.test(text) ? '' : '\n'}${INCLUDE}\n` }]),
  ];
}
