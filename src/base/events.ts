/**
 * The event vocabulary: every decision and every change of state, as a closed union. Log, metrics, journal, alerts and
 * console all feed on these. Events are data; prose is made from them at the edge.
 */

/** What is known of a connection when an event speaks of it. Later facts are absent in earlier events. */
export interface ConnectionFacts {
  /** Unique while the process lives, such as `c42`. */
  connectionId: string;
  /** Name of the listener in the configuration. */
  listener: string;
  /** Client's address as policy judges it: from the PROXY header where a trusted one came. */
  address: string;
  port: number;
  protocolVersion?: 3 | 4 | 5;
  clientId?: string;
  username?: string;
}

/** A refusal's author and reason. */
export interface Decision {
  /** Who decided, such as `acl:/etc/sallyport/acl:7`, `limit:topicDepthMax`, `codec`. */
  by: string;
  /** v5 reason code, whether or not the client's version can say it. */
  reason: number;
  /** One plain sentence. */
  says: string;
  /** Events of this connection that were held back since the last one that was not. */
  suppressed?: number;
}

/** Whom a ban shuts out, and why. */
export interface BanFacts {
  /** `address`, `network`, `username`, `clientId` or `certificate`. */
  subjectKind: string;
  subject: string;
  reason: string;
  /** `detector:<name>`, or `operator:<who>`. */
  author: string;
  /** Absent where it lasts until somebody takes it back. */
  expiresAt?: string;
  /** The how many-th ban that detectors have laid on this subject. */
  offence?: number;
}

/** What was done with a refused packet. */
export type RefusalAction = 'refused' | 'acknowledged' | 'dropped' | 'disconnected';

export type GatewayEvent =
  | { name: 'gateway.started'; version: string; pid: number; durationMs: number }
  | { name: 'gateway.stopping'; signal: string; connections: number }
  | { name: 'gateway.stopped'; durationMs: number; connectionsCut: number }
  | { name: 'worker.started'; slot: number; pid: number }
  | { name: 'worker.exited'; slot: number; pid: number; code: string; restartInMs: number }
  /** It did not answer at a reload or a restart; `says` tells what follows. */
  | { name: 'worker.stuck'; slot: number; pid: number; says: string }
  | { name: 'listener.opened'; listener: string; address: string; port: number; type: string }
  | { name: 'listener.closed'; listener: string }
  | { name: 'listener.failed'; listener: string; says: string }
  | { name: 'config.reloaded'; generation: number; changed: string[]; restartNeeded: string[] }
  | { name: 'config.rejected'; says: string }
  | { name: 'certificate.loaded'; listener: string; subject: string; fingerprint: string; expiresAt: string }
  | { name: 'certificate.expiring'; listener: string; subject: string; expiresAt: string; daysLeft: number }
  | ({ name: 'certificate.revoked'; subject: string; serial: string; fingerprint: string } & ConnectionFacts & Decision)
  | { name: 'revocation.refreshed'; place: string; issuer: string; entries: number; nextUpdate: string }
  | ({ name: 'revocation.stale'; says: string } & (
      | { place: string }
      | { listener: string; subject: string; fingerprint: string; action: 'refused' | 'allowed' }
    ))
  | ({ name: 'connection.accepted' } & ConnectionFacts)
  | ({ name: 'connection.rejected' } & ConnectionFacts & Decision)
  | ({
      name: 'connection.closed';
      durationMs: number;
      bytesIn: number;
      bytesOut: number;
      /** Whether it ever became a client: its CONNECT was accepted. */
      connected: boolean;
      /** Topic of the Will that it left to be published. */
      will?: string;
    } & ConnectionFacts &
      Decision)
  | ({
      name: 'authentication.succeeded';
      method: string;
      roles?: readonly string[];
      groups?: readonly string[];
    } & ConnectionFacts)
  | ({ name: 'authentication.failed'; method: string } & ConnectionFacts & Decision)
  | { name: 'password.expiring'; username: string; expiresAt: string; daysLeft: number }
  /** The same password, stored anew as today's passwords are. */
  | { name: 'password.upgraded'; username: string; from: string; to: string }
  | ({
      name: 'client.connected';
      cleanStart: boolean;
      sessionPresent: boolean;
      keepAliveS: number;
      /** SHA-256 of the client certificate, where one was shown. */
      certificate?: string;
    } & ConnectionFacts)
  | ({ name: 'connect.refused' } & ConnectionFacts & Decision)
  | ({ name: 'will.refused'; topic: string } & ConnectionFacts & Decision)
  /** The Will of a client that has gone was due, and its author may not, or no longer, have it published. */
  | ({
      name: 'will.withheld';
      topic: string;
      clientId: string;
      username?: string;
      /** What it had connected through, and from where; absent where that is not known. */
      listener?: string;
      address?: string;
    } & Decision)
  | ({ name: 'publish.refused'; topic: string; qos: number; retain: boolean; action: RefusalAction } & ConnectionFacts &
      Decision)
  | ({ name: 'subscribe.refused'; filter: string } & ConnectionFacts & Decision)
  | ({ name: 'subscription.revoked'; filter: string } & ConnectionFacts & Decision)
  /** A candidate policy would have decided otherwise than the one in force. Nothing was done about it. */
  | {
      name: 'shadow.differed';
      kind: 'would allow' | 'would deny';
      action: 'publish' | 'subscribe' | 'receive';
      /** With `subscribe` a filter. */
      topic: string;
      clientId: string;
      username?: string;
      listener?: string;
      address?: string;
      /** Author of the decision that holds. */
      active: string;
      /** Author of the candidate's. */
      candidate: string;
      /** How often these two have differed so. */
      times: number;
      suppressed?: number;
    }
  | ({ name: 'delivery.withheld'; topic: string; qos: number } & ConnectionFacts & Decision)
  | ({ name: 'delivery.dropped'; topic: string; qos: number } & ConnectionFacts & Decision)
  | ({ name: 'packet.faulted'; fault: string; clause: string; sender: 'client' | 'server' } & ConnectionFacts &
      Decision)
  /** A packet that a virtual patch changed, or answered itself, so that it cannot hurt the broker. */
  | ({ name: 'patch.applied'; by: string; says: string; suppressed?: number } & ConnectionFacts)
  /** Told when an attack is recognised, and again, at most once a minute or when it has doubled, while it goes on. */
  | ({
      name: 'attack.detected';
      detector: string;
      subjectKind: string;
      subject: string;
      /** Count over threshold. */
      score: number;
      severity: string;
      /** Of AWS IoT Device Defender. */
      metric?: string;
      /** Of ATT&CK. */
      technique: string;
      says: string;
      count: number;
      threshold: number;
      windowMs: number;
      examples: readonly string[];
      responses: readonly string[];
      repetition: number;
    } & Partial<ConnectionFacts>)
  | {
      name: 'attack.ended';
      detector: string;
      subjectKind: string;
      subject: string;
      durationMs: number;
      scoreMax: number;
    }
  /** A detection was answered by more than this event. */
  | { name: 'response.taken'; action: string; subjectKind: string; subject: string; by: string; says: string }
  /** A client in quarantine has connected, and its link leads to the decoy. */
  | ({ name: 'quarantine.diverted'; upstream: string } & ConnectionFacts)
  /** Its time is over, or it was taken back. */
  | { name: 'quarantine.ended'; subjectKind: string; subject: string; change: 'ended' | 'released' }
  /** An operator has ended a session of the embedded broker, with what was queued in it. */
  | { name: 'session.removed'; clientId: string; queuedMessages: number; by: string; says: string }
  /** A detector's responses have hit those who do no harm. */
  | {
      name: 'response.rolled-back';
      by: string;
      responses: number;
      /** Some of those that were let go. */
      subjects: readonly string[];
      knownGoodHit: number;
      knownGood: number;
      /** For so long the detector is only heard. */
      suspendedMs: number;
      says: string;
    }
  | ({ name: 'ban.added' } & BanFacts)
  /** `by` whom, and why. */
  | ({ name: 'ban.removed'; by: string; says: string } & BanFacts)
  | ({ name: 'ban.expired' } & BanFacts)
  /** Somebody was to be banned who must not be, or for whom there is no room. */
  | ({ name: 'ban.refused'; by: string; says: string } & Omit<BanFacts, 'expiresAt' | 'offence'>)
  /** `value` and `limit` in milliseconds, bytes or numbers, by the measure. */
  | { name: 'overload.entered'; stage: 1 | 2 | 3; measure: string; value: number; limit: number; says: string }
  | { name: 'overload.left'; stage: 1 | 2 | 3; measure: string; value: number; limit: number }
  /** Ended to make room, for the gateway's sake or another client's. */
  | ({ name: 'connection.shed'; action: 'shed' | 'evicted' } & ConnectionFacts & Decision)
  /** Over the control API somebody was turned away who may not, is not known, or asks too often. */
  | {
      name: 'control.refused';
      /** Method and path, cut where they are long. */
      request: string;
      /** HTTP's. */
      status: number;
      by: string;
      says: string;
      /** Absent where nobody is known. */
      operator?: string;
      /** Absent on the control socket. */
      address?: string;
    }
  /** Our own failure at a request over the control API; `instance` is what the asking side was told. */
  | { name: 'control.failed'; request: string; instance: string; says: string }
  | { name: 'ceiling.reached'; ceiling: string; limit: number; says: string; clientId?: string; listener?: string }
  /** Somebody wants more than a limit allows; told once in a while for each limit and scope. */
  | ({
      name: 'limit.exceeded';
      limit: string;
      scope: string;
      /** Whose it is; empty for the whole gateway. */
      key: string;
      value: string;
      /** Where the value comes from. */
      source: string;
      action: 'delayed' | 'dropped' | 'refused' | 'disconnected' | 'held';
    } & Partial<ConnectionFacts> &
      Decision)
  /** By an operator or a response; what it was is in force again after `unset` and `expired`. */
  | {
      name: 'limit.changed';
      target: string;
      limit: string;
      value: string;
      source: string;
      action: 'set' | 'unset' | 'expired';
    }
  | { name: 'learning.started'; by: 'configuration' | 'operator' }
  | { name: 'learning.stopped'; by: 'configuration' | 'operator' }
  | { name: 'upstream.up'; upstream: string; target: string; mqtt5: boolean }
  | { name: 'upstream.down'; upstream: string; target: string; says: string }
  | { name: 'upstream.attempt.failed'; upstream: string; target: string; says: string }
  | {
      name: 'upstream.ejected';
      upstream: string;
      target: string;
      by: 'ejection' | 'operator';
      /** Absent where it lasts until somebody takes it back. */
      durationMs?: number;
      says: string;
    }
  | { name: 'upstream.draining'; upstream: string; target: string; connections: number }
  | { name: 'upstream.returned'; upstream: string; target: string; by: 'ejection' | 'operator' }
  | { name: 'backend.failed'; backend: string; says: string }
  | { name: 'backend.recovered'; backend: string }
  /** Events of one name that were not written, because there were too many of them. */
  | { name: 'events.left-out'; of: string; count: number; windowS: number; from?: string }
  /** A collector of events is away, and is back; what could not wait is lost to it. */
  | { name: 'collector.failed'; collector: string; says: string }
  | { name: 'collector.recovered'; collector: string; lost: number }
  /** The gateway ends, and what had not reached the collector, or the receiver, by then is lost to it. */
  | { name: 'collector.abandoned'; collector: string; lost: number }
  /** To an operator's account, by an operator or a command. `operator` is empty for the code that makes the first. */
  | { name: 'operator.changed'; operator: string; what: string; says: string; by: string; from: string }
  /** Into the control API. `method` is `password`, `passkey`, `sso` and the like. */
  | { name: 'operator.login.succeeded'; address: string; operator: string; role: string; method: string }
  /** `operator` is absent where what was given is no name, and may be a password. */
  | { name: 'operator.login.failed'; address: string; operator?: string; method: string; by: string; says: string }
  | { name: 'operator.session.ended'; address: string; operator: string; says: string }
  /** Something is the matter that somebody should know of, and is over. */
  | {
      name: 'alert.fired';
      alert: string;
      severity: string;
      /** Absent where it is about the gateway. */
      subjectKind?: string;
      subject?: string;
      /** The event that raised it, as a sentence. */
      says: string;
      address?: string;
      username?: string;
      clientId?: string;
    }
  | {
      name: 'alert.resolved';
      alert: string;
      severity: string;
      subjectKind?: string;
      subject?: string;
      durationMs: number;
    }
  /** A receiver of alerts is away, and is back; what could not wait or was refused is lost to it. */
  | { name: 'receiver.failed'; receiver: string; says: string }
  | { name: 'receiver.recovered'; receiver: string; lost: number }
  | { name: 'receiver.abandoned'; receiver: string; lost: number }
  /** What the flight recorder kept of a connection is on disk. Not among those that repeat: they are few. */
  | {
      name: 'recording.written';
      connection: string;
      clientId?: string;
      incident: string;
      packets: number;
      path: string;
    }
  | { name: 'storage.damaged'; path: string; rows: number; says: string }
  | { name: 'storage.failed'; says: string; path: string }
  | { name: 'storage.recovered'; path: string }
  /** Bans cannot be kept at the firewall, and can again; the gateway refuses by itself all the while. */
  | { name: 'firewall.failed'; says: string }
  | { name: 'firewall.recovered'; bans: number }
  /** From `sallyport audit watch`: a weakness has come, gone, or come back after it had gone. */
  | {
      name: 'audit.finding.new' | 'audit.finding.mended' | 'audit.finding.regressed';
      check: string;
      title: string;
      severity: AuditSeverity;
      target: string;
      subject?: string;
      fingerprint: string;
      says: string;
    }
  /** What is open, by severity; `score` is absent where nothing could be assessed. */
  | ({ name: 'audit.finished'; trigger: string; undecided: number; score?: number; coveragePercent: number } & Record<
      AuditSeverity,
      number
    >)
  | { name: 'audit.failed'; says: string }
  /** A TCP listener of the host has come, gone, or is used by nobody. */
  | {
      name: 'audit.listener.appeared' | 'audit.listener.gone' | 'audit.listener.unused';
      place: string;
      process?: string;
      says: string;
    };

export type AuditSeverity = 'critical' | 'high' | 'medium' | 'low' | 'info';

export type EventName = GatewayEvent['name'];

/** Takes an event; never throws, never waits. */
export type Emit = (event: GatewayEvent) => void;
