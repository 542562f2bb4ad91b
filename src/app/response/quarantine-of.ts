/** The quarantine as one process has it: whoever enters or leaves it has other rights within the next turn of the event loop. */
import type { Clock } from '../../base/clock.ts';
import type { Emit } from '../../base/events.ts';
import type { Connections } from '../../pipeline/connections.ts';
import type { BanSubject } from '../../policy/detection/bans/ban.ts';
import { Quarantine, type QuarantineChange } from '../../policy/detection/quarantine.ts';

/** `emit` hears of the ends; undefined where another process tells of them. */
export function quarantineOf(connections: Connections, clock: Clock, emit: Emit | undefined): Quarantine {
  return new Quarantine({
    clock,
    onChange: (subject, change) => {
      // Never at once: it may come from the midst of what a connection is doing.
      clock.after(0, () => connections.decideAnewFor(subject));
      if (emit !== undefined) tellEnd(emit, subject, change);
    },
  });
}

/** That somebody entered is told as the response that it is. */
export function tellEnd(emit: Emit, { kind, value }: BanSubject, change: QuarantineChange): void {
  if (change !== 'entered') emit({ name: 'quarantine.ended', subjectKind: kind, subject: value, change });
}
