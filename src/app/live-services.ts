/** What operators see of the running gateway and steer it by. */
import type { Clock } from '../base/clock.ts';
import type { Emit } from '../base/events.ts';
import type { BanDesk } from './bans/ban-desk.ts';
import { ClientDesk } from './clients/client-desk.ts';
import type { Config } from './config/config.ts';
import type { Gateway } from './gateway.ts';
import type { EventStream } from './observability/event-stream/event-stream.ts';
import { recordingsDirectoryOf } from './observability/flight-recorder/open-recorder.ts';
import { RecordingsFolder } from './observability/flight-recorder/recordings-folder.ts';
import { journalDirectoryOf, type Observers } from './observability/observers.ts';
import { SessionDesk } from './sessions/session-desk.ts';
import { StatusDesk } from './status/gateway-status.ts';
import { VERSION } from './version.ts';

export interface LiveServices {
  readonly clients: ClientDesk;
  readonly sessions: SessionDesk;
  readonly status: StatusDesk;
  readonly stream: EventStream;
  readonly recordings: RecordingsFolder;
}

interface LiveOptions {
  readonly clock: Clock;
  readonly emit: Emit;
  readonly gateway: Gateway;
  readonly banDesk: BanDesk;
  readonly observers: Observers;
  /** That the gateway was started with, and that is in force. */
  readonly config: Config;
  readonly inForce: () => Config;
}

export function liveServices({ clock, emit, gateway, banDesk, observers, config, inForce }: LiveOptions): LiveServices {
  const { clients, limits, quarantine, upstreams } = gateway;
  return {
    clients: new ClientDesk({ clients, limits, quarantine, banDesk, emit, config: inForce }),
    sessions: new SessionDesk({ clock, emit, clients, kept: () => upstreams.sessions, config: inForce }),
    status: new StatusDesk({
      clock,
      gateway,
      banDesk,
      refusals: observers.refusals,
      troubles: observers.troubles,
      journalDirectory: config.journal.isEnabled ? journalDirectoryOf(config) : undefined,
    }),
    stream: observers.stream,
    recordings: new RecordingsFolder(recordingsDirectoryOf(config), VERSION),
  };
}
