/** An EMQX as a target: the configuration where its packages put it. */
import { emqx } from '../../checks/emqx/emqx.ts';
import { defineSubject, type Subject } from '../../model/subject.ts';
import { placedTarget } from '../../model/target.ts';
import type { AuditedSystem } from '../../system/audited-system.ts';
import { collectEmqx } from './facts.ts';

const PACKAGED = ['/etc/emqx/emqx.conf', '/opt/emqx/etc/emqx.conf'];

/** The first: from EMQX 6.3 on, the second is a link to it. */
export async function installedEmqx(system: AuditedSystem): Promise<string | undefined> {
  for (const place of PACKAGED) if ((await system.status(place)).state !== 'absent') return place;
  return undefined;
}

export const emqxSubject: Subject = defineSubject({
  kind: 'emqx',
  families: [emqx],
  async discover({ system }) {
    const place = await installedEmqx(system);
    return place === undefined ? [] : [placedTarget('emqx', place)];
  },
  targetAt: (place, options) => placedTarget('emqx', place, options),
  collect: collectEmqx,
});
