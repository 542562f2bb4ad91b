/** A HiveMQ as a target: the configuration where it is usually unpacked. */
import { hivemq } from '../../checks/hivemq/hivemq.ts';
import { defineSubject, type Subject } from '../../model/subject.ts';
import { placedTarget } from '../../model/target.ts';
import { INSTALLED_CONFIGURATION } from './configured-listeners.ts';
import { collectHivemq } from './facts.ts';

export const hivemqSubject: Subject = defineSubject({
  kind: 'hivemq',
  families: [hivemq],
  async discover({ system }) {
    const status = await system.status(INSTALLED_CONFIGURATION);
    return status.state === 'absent' ? [] : [placedTarget('hivemq', INSTALLED_CONFIGURATION)];
  },
  targetAt: (place, options) => placedTarget('hivemq', place, options),
  collect: collectHivemq,
});
