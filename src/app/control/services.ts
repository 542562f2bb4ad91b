/** What the routes of the control API work with. A part that is absent is not configured, and its routes say so. */
import type { Chance } from '../../base/chance.ts';
import type { Clock } from '../../base/clock.ts';
import type { Emit } from '../../base/events.ts';
import type { BanDesk } from '../bans/ban-desk.ts';
import type { LoadedConfig } from '../config/load.ts';
import type { Gateway, ReloadOutcome } from '../gateway.ts';
import type { LiveServices } from '../live-services.ts';
import type { AlertDesk } from '../observability/alerts/alert-desk.ts';
import type { OperatorAction } from '../observability/operator-action.ts';
import type { Operators } from '../operators/operators.ts';
import type { Learner } from '../watching/learner.ts';

export interface ControlServices {
  readonly clock: Clock;
  readonly chance: Chance;
  readonly emit: Emit;
  readonly gateway: Gateway;
  readonly learner: Learner;
  readonly banDesk: BanDesk;
  readonly alertDesk: AlertDesk;
  /** What goes on: clients, the status, the stream of events, recordings. */
  readonly live: LiveServices;
  /** The configuration that is in force, with where each setting comes from. */
  readonly inForce: () => LoadedConfig;
  readonly reload: () => Promise<ReloadOutcome>;
  /** Who may log in over HTTPS. */
  readonly operators?: Operators | undefined;
  /** Into the journal. The server calls it for every route that is an action. */
  readonly onAction: (action: OperatorAction) => void;
  /** Prometheus' text format. */
  readonly metricsText?: () => string | Promise<string>;
}
