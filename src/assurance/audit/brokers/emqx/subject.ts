/** An EMQX as a target: the configuration where its packages put it. */
import { emqx } from '../../checks/emqx/emqx.ts';
import { defineSubject, type Subject } from '../../model/subject.ts';
import { placedTarget } from '../../model/target.ts';
import { installedEmqx } from './configured-listeners.ts';
import { collectEmqx } from './facts.ts';

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
