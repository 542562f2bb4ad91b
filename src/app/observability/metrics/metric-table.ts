/**
 * Every metric that there is, in one table: what Prometheus and OTLP are told, what docs/metrics.md says, and what rules and
 * dashboard may use. Names and units are as Prometheus has them. No label holds what a client chooses: no client identifier, user
 * name, topic or address.
 */

export type MetricType = 'counter' | 'gauge' | 'histogram';

/** How the numbers of several processes become one. */
export type Merge = 'sum' | 'max' | 'min';

export type MetricUnit = 'seconds' | 'bytes' | 'ratio' | 'timestamp' | 'number';

export interface MetricKind {
  readonly type: MetricType;
  readonly labels: readonly string[];
  readonly unit: MetricUnit;
  /** One sentence, without its full stop. */
  readonly help: string;
  /** What an operator looks for. */
  readonly watch?: string;
  /** Sum where nothing is said. */
  readonly merge?: Merge;
  readonly buckets?: readonly number[];
}

type Extra = Omit<MetricKind, 'type' | 'labels' | 'help' | 'unit'> & { readonly unit?: MetricUnit };

function counter<const Label extends string>(labels: readonly Label[], help: string, extra: Extra = {}) {
  return { type: 'counter', labels, help, unit: 'number', ...extra } as const;
}

function gauge<const Label extends string>(labels: readonly Label[], help: string, extra: Extra = {}) {
  return { type: 'gauge', labels, help, unit: 'number', ...extra } as const;
}

export const METRICS = {
  // --- connections ---
  sallyport_connections: gauge(
    ['listener', 'version'],
    'Connections that are open; version is none before the CONNECT',
    {
      watch: 'A sudden fall is an outage, a sudden rise a reconnect storm.',
    },
  ),
  sallyport_connections_max: gauge(['listener'], 'Connections that the listener takes', {
    watch: 'Connections near it: new clients are refused, and idle ones evicted.',
  }),
  sallyport_connections_accepted_total: counter(
    ['listener'],
    'Connections that have passed the door and their handshake',
  ),
  sallyport_clients_connected_total: counter(['listener', 'version'], 'Clients whose CONNECT was accepted', {
    watch: 'Far above the number of clients: they do not stay connected.',
  }),
  sallyport_connections_closed_total: counter(['listener', 'by'], 'Connections that have ended, by who ended them'),
  sallyport_connections_shed_total: counter(['action'], 'Connections that were ended to make room: shed or evicted', {
    watch: 'Any: somebody lost a connection for lack of room.',
  }),
  sallyport_tls_handshakes_total: counter(
    ['listener', 'result', 'version'],
    'TLS handshakes that went well or failed',
    {
      watch: 'Failures of a fleet: a certificate that expired, or an authority that is not known.',
    },
  ),

  // --- decisions ---
  sallyport_authentications_total: counter(['method', 'result'], 'Logins by the entry of the chain that decided', {
    watch: 'Refusals that rise: somebody guesses, or a password was changed on one side only.',
  }),
  sallyport_operator_login_failures_total: counter(
    ['reason'],
    'Logins of operators that failed: password, totp, passkey, sso, code (one-time), token, or throttled since too many had',
    {
      watch: 'Any that no operator has made: somebody tries to get in where everything can be changed.',
    },
  ),
  sallyport_refusals_total: counter(
    ['what', 'by', 'reason'],
    'What was refused, by the kind of its author and the reason code',
    {
      watch: 'The same table tells an attack (many) from a wrong grant (one client, all the time).',
    },
  ),
  sallyport_limit_excesses_total: counter(
    ['limit', 'scope', 'action'],
    'How often somebody wanted more than a limit allows',
    {
      watch: 'A limit that known-good clients meet is too low.',
    },
  ),
  sallyport_ceilings_reached_total: counter(['ceiling'], 'How often a ceiling of the gateway itself was reached', {
    watch: 'Any: the ceiling is too low, or somebody fills what is behind it.',
  }),
  sallyport_virtual_patches_total: counter(['patch'], 'Packets that a virtual patch changed or answered', {
    watch: 'Any: somebody sends what brings brokers down.',
  }),
  sallyport_deliveries_dropped_total: counter([], 'Deliveries to clients that a limit dropped'),

  // --- traffic ---
  sallyport_messages_total: counter(
    ['direction', 'qos', 'listener'],
    'PUBLISH packets forwarded: in from clients, out to them',
  ),
  sallyport_message_bytes_total: counter(['direction', 'listener'], 'Bytes of those, headers included', {
    unit: 'bytes',
  }),
  sallyport_hash_queue_running: gauge([], 'Passwords that are being verified'),
  sallyport_hash_queue_waiting: gauge([], 'Passwords that wait to be verified', {
    watch: 'Long: logins come faster than passwords can be hashed, and are refused when the queue is full.',
  }),

  // --- detection, bans ---
  sallyport_detections_total: counter(['detector', 'severity'], 'Attacks recognised, repetitions included'),
  sallyport_attacks_in_progress: gauge(['detector'], 'Attacks that go on', { watch: 'Any.' }),
  sallyport_detection_score: {
    type: 'histogram',
    labels: ['detector'],
    unit: 'ratio',
    help: 'Scores of the detections, as multiples of the threshold',
    watch: 'All near 1: the threshold is close to what is normal.',
    buckets: [1, 2, 5, 10, 20, 50, 100],
  },
  sallyport_responses_total: counter(['action'], 'What was done about detections'),
  sallyport_responses_rolled_back_total: counter(
    [],
    'How often responses were taken back because they hit known-good clients',
    {
      watch: 'Any: a detector is wrong about this fleet.',
    },
  ),
  sallyport_bans: gauge(['subject_kind'], 'Bans in force'),
  sallyport_bans_added_total: counter(['subject_kind', 'author'], 'Bans made, by the detector or operator', {
    watch: 'Many at once: an attack from many places, or a detector that is wrong.',
  }),
  sallyport_bans_ended_total: counter(['how'], 'Bans that expired or were removed'),
  sallyport_bans_refused_total: counter([], 'Bans that were not made: of whom must not be banned, or for want of room'),
  sallyport_quarantined: gauge([], 'Subjects confined in quarantine', { merge: 'max' }),
  sallyport_firewall_failing: gauge([], '1 while bans cannot be kept at the firewall', { merge: 'max' }),

  // --- upstreams ---
  sallyport_upstream_up: gauge(
    ['upstream', 'target'],
    '1 where the target answers, or was not asked yet; 0 where it is down',
    {
      merge: 'min',
      watch: '0.',
    },
  ),
  sallyport_upstream_ejected: gauge(
    ['upstream', 'target'],
    '1 while the target is left out because it fails, or by an operator',
    {
      merge: 'max',
    },
  ),
  sallyport_upstream_connections: gauge(['upstream', 'target'], 'Connections to the target'),
  sallyport_upstream_dials_total: counter(
    ['upstream', 'target'],
    'Connections made to the target, those of checks included',
  ),
  sallyport_upstream_dial_seconds_total: counter(
    ['upstream', 'target'],
    'Time that took, with TLS and WebSocket; divided by the dials it is the latency',
    {
      unit: 'seconds',
      watch: 'Latency that rises.',
    },
  ),
  sallyport_upstream_attempts_failed_total: counter(
    ['upstream', 'target'],
    'Clients that could not be connected to the target',
  ),
  sallyport_upstream_ejections_total: counter(
    ['upstream', 'target', 'by'],
    'How often the target was left out, by itself or by an operator',
  ),
  sallyport_upstream_queue_bytes: gauge([], 'Bytes that wait to be sent to brokers', {
    unit: 'bytes',
    watch: 'Growing: a broker does not keep up.',
  }),
  sallyport_backend_failing: gauge(['backend'], '1 while what logins are checked against does not answer', {
    merge: 'max',
    watch: '1: clients that need it are refused.',
  }),

  // --- the embedded broker ---
  sallyport_broker_sessions: gauge(['state'], 'Sessions of the embedded broker, connected or waiting'),
  sallyport_broker_subscriptions: gauge([], 'Subscriptions of the embedded broker'),
  sallyport_broker_retained_messages: gauge([], 'Retained messages of the embedded broker'),
  sallyport_broker_retained_bytes: gauge([], 'Their bytes', { unit: 'bytes' }),
  sallyport_broker_queued_messages: gauge([], 'Messages that wait for clients that are away or slow', {
    watch: 'Growing without end: somebody left a session behind.',
  }),
  sallyport_broker_deliveries_dropped_total: counter(
    [],
    'Deliveries of the embedded broker that a ceiling kept from their receiver',
  ),

  // --- what can run out ---
  sallyport_overload_stage: gauge([], 'Stage of overload: 0 is none, 3 the last', {
    merge: 'max',
    watch: 'Above 0: new clients wait. From 2 on clients are shed.',
  }),
  sallyport_overload_ratio: gauge(['measure'], 'What was used, as a share of what there is', {
    unit: 'ratio',
    merge: 'max',
    watch: 'Above 0.7: stage 1 is near.',
  }),
  sallyport_event_loop_delay_seconds: gauge(['percentile'], 'How late the event loop was in the last ten seconds', {
    unit: 'seconds',
    merge: 'max',
    watch: 'The 99th above 0.1: everything takes longer for everybody.',
  }),
  sallyport_memory_resident_bytes: gauge([], 'Memory that the processes hold', { unit: 'bytes' }),
  sallyport_memory_heap_bytes: gauge([], 'Of it what JavaScript objects take', { unit: 'bytes' }),
  sallyport_memory_external_bytes: gauge([], 'Of it buffers outside the heap', { unit: 'bytes' }),
  sallyport_cpu_seconds_total: counter([], 'Processor time used', { unit: 'seconds' }),
  sallyport_open_descriptors: gauge([], 'Files and sockets that are open'),
  sallyport_start_timestamp_seconds: gauge([], 'When the gateway was started', { unit: 'timestamp', merge: 'min' }),

  // --- workers, configuration ---
  sallyport_workers: gauge([], 'Processes that serve clients'),
  sallyport_workers_silent: gauge(
    [],
    'Workers that did not answer in time; their numbers are those of the time before',
    {
      watch: 'Above 0 for long: a worker hangs.',
    },
  ),
  sallyport_worker_exits_total: counter([], 'Workers that ended by themselves', { watch: 'Any.' }),
  sallyport_build_info: gauge(['version', 'node'], 'Always 1; the labels tell what runs', { merge: 'max' }),
  sallyport_config_generation: gauge([], 'How many reloads have been taken', { merge: 'max' }),
  sallyport_config_reloads_total: counter(['result'], 'Reloads taken and refused'),
  sallyport_config_last_reload_successful: gauge(
    [],
    '0 when the last reload was refused: what is on disk is not in force',
    {
      merge: 'min',
      watch: '0.',
    },
  ),
  sallyport_config_last_reload_timestamp_seconds: gauge([], 'When the last reload was taken', {
    unit: 'timestamp',
    merge: 'max',
  }),

  // --- certificates ---
  sallyport_certificate_expiry_timestamp_seconds: gauge(
    ['listener', 'subject'],
    'When a certificate of the listener expires',
    {
      unit: 'timestamp',
      merge: 'min',
      watch: 'Less than fourteen days away.',
    },
  ),
  sallyport_crl_next_update_timestamp_seconds: gauge(
    ['place'],
    'When a revocation list goes out of date; fetched ones together',
    {
      unit: 'timestamp',
      merge: 'min',
      watch: 'In the past: who was revoked since is not known.',
    },
  ),
  sallyport_revocation_stale_total: counter(
    [],
    'How often a revocation list was found out of date, or a certificate could not be checked',
  ),

  // --- where events go ---
  sallyport_events_total: counter(['event'], 'Events by name, those that were held back together included'),
  sallyport_events_left_out_total: counter(
    ['event'],
    'Events that were not written because there were too many of them',
    {
      watch: 'Rising: somebody floods; the counts are whole all the same.',
    },
  ),
  sallyport_log_lines_dropped_total: counter([], 'Lines that the log could not keep up with', { watch: 'Any.' }),
  sallyport_journal_records_total: counter([], 'Records written to the journal'),
  sallyport_journal_bytes_total: counter([], 'Their bytes', { unit: 'bytes' }),
  sallyport_journal_pending_records: gauge([], 'Records that wait for the disk', {
    watch: 'Growing: the disk is slow or full.',
  }),
  sallyport_journal_lost_total: counter([], 'Records that could not be taken', {
    watch: 'Any: decisions left no trace.',
  }),
  sallyport_journal_synced_timestamp_seconds: gauge(
    [],
    'When all that was written so far was last known to be on disk',
    {
      unit: 'timestamp',
      merge: 'max',
    },
  ),
  sallyport_journal_broken: gauge([], '1 while the journal cannot be written', { merge: 'max', watch: '1.' }),
  sallyport_collector_up: gauge(['collector'], '1 while the collector takes events, 0 while it is away', {
    merge: 'min',
    watch: '0.',
  }),
  sallyport_collector_queued: gauge(['collector'], 'What waits for the collector'),
  sallyport_collector_lost_total: counter(['collector'], 'What the collector has missed', { watch: 'Any.' }),
  sallyport_storage_failing: gauge([], 'Files that cannot be written', { watch: 'Above 0.' }),
  sallyport_storage_damaged_total: counter([], 'Files that were found damaged', { watch: 'Any.' }),
} as const satisfies Readonly<Record<string, MetricKind>>;

export type MetricName = keyof typeof METRICS;
export type LabelOf<Name extends MetricName> = (typeof METRICS)[Name]['labels'][number];
export type LabelsOf<Name extends MetricName> = { readonly [Label in LabelOf<Name>]: string };

export const METRIC_NAMES = Object.keys(METRICS) as MetricName[];

export function kindOf(name: MetricName): MetricKind {
  return METRICS[name];
}
