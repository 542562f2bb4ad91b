/** Counts events: what the log, the journal and collectors are told one by one, metrics tell as numbers. */
import type { Emit, GatewayEvent } from '../../../base/events.ts';
import { Reason } from '../../../mqtt/reason.ts';
import { DETECTORS } from '../../../policy/detection/registry.ts';
import { EVENT_LEVELS } from '../../event-level.ts';
import { authorKind, LOGIN_FAILURES, loginFailureWord, reasonWord, versionWord } from './metric-labels.ts';
import type { MetricStore } from './metric-store.ts';

type EventNamed<Name extends GatewayEvent['name']> = Extract<GatewayEvent, { name: Name }>;
type Counters = { [Name in GatewayEvent['name']]?: (event: EventNamed<Name>) => void };

/** Attacks, paths and backends that are told apart while they last. */
const TRACKED_MAX = 10_000;

/** An event that stands for more of its kind says how many. */
function timesOf(event: { readonly suppressed?: number }): number {
  return 1 + (event.suppressed ?? 0);
}

/** What no event of its own tells, under what is refused. */
const REFUSALS = {
  'connection.rejected': 'connection',
  'connect.refused': 'connect',
  'authentication.failed': 'authentication',
  'certificate.revoked': 'certificate',
  'will.refused': 'will',
  'will.withheld': 'will',
  'publish.refused': 'publish',
  'subscribe.refused': 'subscribe',
  'subscription.revoked': 'subscription',
  'delivery.withheld': 'delivery',
  'packet.faulted': 'packet',
} as const satisfies Partial<Record<GatewayEvent['name'], string>>;

type RefusalName = keyof typeof REFUSALS;

const BEGUN: readonly (readonly [what: string, by: string, reason: number])[] = [
  ...['publish', 'subscribe', 'will'].flatMap((what) =>
    ['acl', 'policy'].map((by) => [what, by, Reason.NotAuthorized] as const),
  ),
  ['authentication', 'authentication', Reason.BadUserNameOrPassword],
  ['authentication', 'authentication', Reason.NotAuthorized],
];

export class EventMetrics {
  readonly #store: MetricStore;
  readonly #epochMs: () => number;
  readonly #counters: Counters;
  /** Detector and subject of attacks that go on. */
  readonly #attacks = new Set<string>();
  readonly #failingPaths = new Set<string>();

  constructor(store: MetricStore, epochMs: () => number) {
    this.#store = store;
    this.#epochMs = epochMs;
    this.#begin();
    this.#counters = {
      ...this.#connections(),
      ...this.#decisions(),
      ...this.#operators(),
      ...this.#attacksAndBans(),
      ...this.#upstreams(),
      ...this.#gateway(),
      ...this.#sinks(),
    };
  }

  /** A series that appears with its first event shows no increase with it: what rules look at begins at nothing. */
  #begin(): void {
    const store = this.#store;
    store.set('sallyport_config_last_reload_successful', {}, 1);
    for (const result of ['taken', 'refused']) store.add('sallyport_config_reloads_total', { result }, 0);
    for (const event of Object.keys(EVENT_LEVELS)) store.add('sallyport_events_total', { event }, 0);
    for (const { contract } of Object.values(DETECTORS)) {
      const { name: detector, severity } = contract;
      store.add('sallyport_detections_total', { detector, severity }, 0);
      store.add('sallyport_attacks_in_progress', { detector }, 0);
    }
    for (const reason of LOGIN_FAILURES) store.add('sallyport_operator_login_failures_total', { reason }, 0);
    for (const [what, by, code] of BEGUN) {
      store.add('sallyport_refusals_total', { what, by, reason: reasonWord(code) }, 0);
    }
  }

  /** Takes every event, also those of which there are too many to write. Never throws. */
  readonly take: Emit = (event) => {
    const { name } = event;
    const times = 'suppressed' in event ? timesOf(event) : 1;
    this.#store.add('sallyport_events_total', { event: name }, times);
    if (name in REFUSALS) this.#refused(event as EventNamed<RefusalName>, times);
    (this.#counters[name] as ((event: GatewayEvent) => void) | undefined)?.(event);
  };

  #refused({ name, by, reason }: EventNamed<RefusalName>, times: number): void {
    // Entries of the chain are called as the operator likes.
    const kind = authorKind(by, name === 'authentication.failed' ? 'authentication' : undefined);
    this.#store.add('sallyport_refusals_total', { what: REFUSALS[name], by: kind, reason: reasonWord(reason) }, times);
  }

  #connections(): Counters {
    const store = this.#store;
    return {
      'connection.accepted': ({ listener }) => store.add('sallyport_connections_accepted_total', { listener }),
      'client.connected': ({ listener, protocolVersion }) =>
        store.add('sallyport_clients_connected_total', { listener, version: versionWord(protocolVersion) }),
      'connection.closed': ({ listener, by, suppressed = 0 }) => {
        store.add('sallyport_connections_closed_total', { listener, by: authorKind(by) });
        // Its last refusals, which no event told any more.
        if (suppressed > 0) {
          store.add('sallyport_refusals_total', { what: 'untold', by: 'other', reason: 'other' }, suppressed);
        }
      },
      'connection.shed': ({ action }) => store.add('sallyport_connections_shed_total', { action }),
    };
  }

  #decisions(): Counters {
    const store = this.#store;
    return {
      'authentication.succeeded': ({ method }) =>
        store.add('sallyport_authentications_total', { method, result: 'accepted' }),
      'authentication.failed': ({ method }) =>
        store.add('sallyport_authentications_total', { method, result: 'refused' }),
      'limit.exceeded': ({ limit, scope, action, ...rest }) =>
        store.add('sallyport_limit_excesses_total', { limit, scope, action }, timesOf(rest)),
      'ceiling.reached': ({ ceiling }) => store.add('sallyport_ceilings_reached_total', { ceiling }),
      'patch.applied': ({ by, ...rest }) =>
        store.add('sallyport_virtual_patches_total', { patch: by.replace(/^virtual-patch:/, '') }, timesOf(rest)),
      'delivery.dropped': (event) => store.add('sallyport_deliveries_dropped_total', {}, timesOf(event)),
      'revocation.stale': () => store.add('sallyport_revocation_stale_total', {}),
    };
  }

  #operators(): Counters {
    const failed = (reason: string): void => this.#store.add('sallyport_operator_login_failures_total', { reason });
    return {
      'operator.login.failed': ({ method, by }) => failed(loginFailureWord(method, by)),
      // A token logs in anew with each request.
      'control.refused': ({ by }) => {
        if (by === 'control:token') failed('token');
      },
    };
  }

  #attacksAndBans(): Counters {
    const store = this.#store;
    const inProgress = (detector: string, by: 1 | -1): void => {
      store.add('sallyport_attacks_in_progress', { detector }, by);
    };
    return {
      'attack.detected': ({ detector, severity, score, subjectKind, subject }) => {
        store.add('sallyport_detections_total', { detector, severity });
        store.observe('sallyport_detection_score', { detector }, score);
        const attack = `${detector} ${subjectKind} ${subject}`;
        if (this.#attacks.has(attack) || this.#attacks.size >= TRACKED_MAX) return;
        this.#attacks.add(attack);
        inProgress(detector, 1);
      },
      'attack.ended': ({ detector, subjectKind, subject }) => {
        if (this.#attacks.delete(`${detector} ${subjectKind} ${subject}`)) inProgress(detector, -1);
      },
      'response.taken': ({ action }) => store.add('sallyport_responses_total', { action }),
      'response.rolled-back': () => store.add('sallyport_responses_rolled_back_total', {}),
      'ban.added': ({ subjectKind, author }) => {
        const by = author.startsWith('detector:') ? author.slice('detector:'.length) : authorKind(author);
        store.add('sallyport_bans_added_total', { subject_kind: subjectKind, author: by });
      },
      'ban.removed': () => store.add('sallyport_bans_ended_total', { how: 'removed' }),
      'ban.expired': () => store.add('sallyport_bans_ended_total', { how: 'expired' }),
      'ban.refused': () => store.add('sallyport_bans_refused_total', {}),
      'firewall.failed': () => store.set('sallyport_firewall_failing', {}, 1),
      'firewall.recovered': () => store.set('sallyport_firewall_failing', {}, 0),
    };
  }

  #upstreams(): Counters {
    const store = this.#store;
    return {
      'upstream.attempt.failed': ({ upstream, target }) =>
        store.add('sallyport_upstream_attempts_failed_total', { upstream, target }),
      'upstream.ejected': ({ upstream, target, by }) =>
        store.add('sallyport_upstream_ejections_total', { upstream, target, by }),
      'backend.failed': ({ backend }) => store.set('sallyport_backend_failing', { backend }, 1),
      'backend.recovered': ({ backend }) => store.set('sallyport_backend_failing', { backend }, 0),
    };
  }

  #gateway(): Counters {
    const store = this.#store;
    const reloaded = (result: 'taken' | 'refused'): void => {
      store.add('sallyport_config_reloads_total', { result });
      store.set('sallyport_config_last_reload_successful', {}, result === 'taken' ? 1 : 0);
    };
    return {
      'config.reloaded': ({ generation }) => {
        reloaded('taken');
        store.set('sallyport_config_generation', {}, generation);
        store.set('sallyport_config_last_reload_timestamp_seconds', {}, this.#epochMs() / 1000);
      },
      'config.rejected': () => reloaded('refused'),
      'worker.exited': () => store.add('sallyport_worker_exits_total', {}),
    };
  }

  #sinks(): Counters {
    const store = this.#store;
    const failing = (): void => store.set('sallyport_storage_failing', {}, this.#failingPaths.size);
    return {
      'events.left-out': ({ of, count }) => store.add('sallyport_events_left_out_total', { event: of }, count),
      'storage.damaged': () => store.add('sallyport_storage_damaged_total', {}),
      'storage.failed': ({ path }) => {
        if (this.#failingPaths.size < TRACKED_MAX) this.#failingPaths.add(path);
        failing();
      },
      'storage.recovered': ({ path }) => {
        this.#failingPaths.delete(path);
        failing();
      },
    };
  }
}
