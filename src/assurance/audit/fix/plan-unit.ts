/** Sandboxes brokers' units and raises their limit of open files, by a drop-in of our own. */

import { PACKAGED_CONFIGURATION } from '../brokers/mosquitto/configured-listeners.ts';
import { collectMosquitto } from '../brokers/mosquitto/facts.ts';
import { unitDropIn } from '../harden/unit-drop-in.ts';
import { HOST } from '../host/host-subject.ts';
import { collectBrokerUnits } from '../host/units.ts';
import type { AuditContext } from '../model/subject.ts';
import { placedTarget } from '../model/target.ts';
import { type FixStep, NO_STEPS, type Planner, STEP_DEFAULTS } from './fix-step.ts';

/** Twice the connections that are wanted, and in round numbers: the limit is no place to save. */
const FILES_MIN = 65_536;

export const planUnits: Planner = async ({ context, findings }) => {
  const bare = new Set(findings.filter(({ check }) => check.id === 'H09').map(({ outcome }) => outcome.subject));
  const short = new Set(findings.filter(({ check }) => check.id === 'H10').map(({ outcome }) => outcome.subject));
  const units = await collectBrokerUnits(context.system);
  if ((bare.size === 0 && short.size === 0) || units.state !== 'known') return NO_STEPS;
  const steps: FixStep[] = [];
  for (const unit of units.value) {
    const [isBare, isShort] = [bare.has(unit.name), short.has(unit.broker)];
    if (!isBare && !isShort) continue;
    // The last of its kind, so that it decides.
    const path = `/etc/systemd/system/${unit.name}.d/90-sallyport.conf`;
    const before = await context.system.readText(path);
    if (before.state === 'unknown') continue;
    const config = unit.broker === 'mosquitto' ? await mosquittoConfig(context) : undefined;
    const openFiles = isShort ? Math.max(FILES_MIN, context.declared.profile.connections * 2) : undefined;
    steps.push({
      ...STEP_DEFAULTS,
      id: `unit:${unit.name}`,
      title: `Sandbox ${unit.name}`,
      checks: [...(isBare ? ['H09'] : []), ...(isShort ? ['H10'] : [])],
      targetId: HOST.id,
      risk: isBare ? 'medium' : 'low',
      impact:
        'Clients reconnect once, at the restart; paths that the broker writes to and that are not named are read-only.',
      texts: [
        {
          path,
          before: before.state === 'known' ? before.value : undefined,
          after: unitDropIn(unit, {
            hasSandbox: isBare || (before.state === 'known' && /^ProtectSystem=/m.test(before.value)),
            ...(openFiles === undefined ? {} : { openFiles }),
            ...(config === undefined ? {} : { config }),
          }),
        },
      ],
      validator: 'systemd',
      validated: unit.file,
      afterwards: ['systemctl daemon-reload', `systemctl restart ${unit.name}`],
      afterRestart: isShort ? ['H10'] : [],
    });
  }
  return { steps };
};

export async function mosquittoConfig(context: AuditContext) {
  const { config } = await collectMosquitto(placedTarget('mosquitto', PACKAGED_CONFIGURATION), context);
  return config.state === 'known' ? config.value : undefined;
}
