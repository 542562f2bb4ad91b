/** A HiveMQ as a target: the configuration where it is usually unpacked. */
import { hivemq } from '../../checks/hivemq/hivemq.ts';
import { defineSubject, type Subject } from '../../model/subject.ts';
import { placedTarget } from '../../model/target.ts';
import type { AuditedSystem } from '../../system/audited-system.ts';
import { collectHivemq } from './facts.ts';

const INSTALLED = '/opt/hivemq/conf/config.xml';

export async function installedHivemq(system: AuditedSystem): Promise<string | undefined> {
  return (await system.status(INSTALLED)).state === 'absent' ? undefined : INSTALLED;
}

export const hivemqSubject: Subject = defineSubject({
  kind: 'hivemq',
  families: [hivemq],
  async discover({ system }) {
    const place = await installedHivemq(system);
    return place === undefined ? [] : [placedTarget('hivemq', place)];
  },
  targetAt: (place, options) => placedTarget('hivemq', place, options),
  collect: collectHivemq,
});
