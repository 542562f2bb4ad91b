/** An event as one line for people. Machines read the fields beside it. */
import type { BanFacts, ConnectionFacts, Decision, GatewayEvent } from '../base/events.ts';

function at(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** Who it was, with as much as is known: `client "pump-7" (user "device1") from 192.0.2.9:50214`. */
function who(facts: ConnectionFacts): string {
  const client = facts.clientId === undefined ? 'connection' : `client "${facts.clientId}"`;
  const user = facts.username === undefined ? '' : ` (user "${facts.username}")`;
  return `${client}${user} from ${at(facts.address, facts.port)} on ${facts.listener}`;
}

function why(decision: Pick<Decision, 'by' | 'says'>): string {
  return `${decision.says} [${decision.by}]`;
}

const BANNED: Readonly<Record<string, string>> = { username: 'user', clientId: 'client' };

function banned({ subjectKind, subject }: Pick<BanFacts, 'subjectKind' | 'subject'>): string {
  return `${BANNED[subjectKind] ?? subjectKind} "${subject}"`;
}

function count(amount: number, noun: string): string {
  return `${amount} ${noun}${amount === 1 ? '' : 's'}`;
}

function alertSubject({ subjectKind, subject }: { subjectKind?: string; subject?: string }): string {
  return subjectKind === undefined ? '' : ` about ${subjectKind} ${subject}`;
}

export function eventSentence(event: GatewayEvent): string {
  switch (event.name) {
    case 'gateway.started':
      return `Sallyport ${event.version} is up as process ${event.pid}, after ${Math.round(event.durationMs)} ms`;
    case 'gateway.stopping':
      return `Stopping on ${event.signal} with ${count(event.connections, 'connection')} open`;
    case 'gateway.stopped':
      return `Stopped after ${Math.round(event.durationMs)} ms; ${count(event.connectionsCut, 'connection')} had to be cut`;
    case 'worker.started':
      return `Worker ${event.slot} serves, as process ${event.pid}`;
    case 'worker.exited':
      return `Worker ${event.slot} (process ${event.pid}) ended with ${event.code}; it is started again in ${event.restartInMs} ms`;
    case 'worker.stuck':
      return `Worker ${event.slot} (process ${event.pid}) is stuck: ${event.says}`;
    case 'listener.opened':
      return `Listener ${event.listener} (${event.type}) is open on ${at(event.address, event.port)}`;
    case 'listener.closed':
      return `Listener ${event.listener} is closed`;
    case 'listener.failed':
      return `Listener ${event.listener} failed: ${event.says}`;
    case 'config.reloaded': {
      const changed = event.changed.length === 0 ? 'nothing changed' : `changed: ${event.changed.join(', ')}`;
      const restart = event.restartNeeded.length === 0 ? '' : `; needs a restart: ${event.restartNeeded.join(', ')}`;
      return `Configuration reloaded (generation ${event.generation}): ${changed}${restart}`;
    }
    case 'config.rejected':
      return `Configuration refused, the old one stays: ${event.says}`;
    case 'certificate.loaded':
      return `Listener ${event.listener} shows the certificate of ${event.subject}, good until ${event.expiresAt}`;
    case 'certificate.expiring':
      return `The certificate of ${event.subject} on listener ${event.listener} expires in ${count(event.daysLeft, 'day')}`;
    case 'certificate.revoked':
      return `The certificate of ${event.subject} (serial ${event.serial}) is revoked, shown by ${who(event)}: ${why(event)}`;
    case 'revocation.refreshed':
      return `The revocation list ${event.place} of ${event.issuer} names ${count(event.entries, 'certificate')}, good until ${event.nextUpdate}`;
    case 'revocation.stale':
      return 'place' in event
        ? `Revocation cannot be told from ${event.place}: ${event.says}`
        : `Login with the certificate of ${event.subject} on listener ${event.listener} ${event.action}: ${event.says}`;
    case 'connection.accepted':
      return `Accepted a ${who(event)}`;
    case 'connection.rejected':
      return `Rejected a ${who(event)}: ${why(event)}`;
    case 'connection.closed':
      return `Closed ${who(event)}: ${why(event)}`;
    case 'authentication.succeeded':
      return `Authenticated ${who(event)} by ${event.method}`;
    case 'authentication.failed':
      return `Failed login of ${who(event)}: ${why(event)}`;
    case 'password.expiring':
      return `The password of user "${event.username}" expires in ${count(event.daysLeft, 'day')}, on ${event.expiresAt}`;
    case 'password.upgraded':
      return `The password of user "${event.username}" is now stored as ${event.to}, no longer as ${event.from}`;
    case 'client.connected':
      return `Connected ${who(event)}`;
    case 'connect.refused':
      return `Refused ${who(event)}: ${why(event)}`;
    case 'will.refused':
      return `Refused the Will of ${who(event)} to "${event.topic}": ${why(event)}`;
    case 'will.withheld': {
      const user = event.username === undefined ? '' : ` (user "${event.username}")`;
      return `Withheld the Will of client "${event.clientId}"${user}, which has gone, to "${event.topic}": ${why(event)}`;
    }
    case 'publish.refused':
      return `Denied a publish of ${who(event)} to "${event.topic}" (${event.action}): ${why(event)}`;
    case 'subscribe.refused':
      return `Denied a subscription of ${who(event)} to "${event.filter}": ${why(event)}`;
    case 'subscription.revoked':
      return `Revoked the subscription of ${who(event)} to "${event.filter}": ${why(event)}`;
    case 'shadow.differed': {
      const user = event.username === undefined ? '' : ` (user "${event.username}")`;
      const decision = `${event.kind} client "${event.clientId}"${user} to ${event.action} "${event.topic}"`;
      return `The candidate policy ${decision} [${event.candidate}], unlike the one in force [${event.active}]; ${count(event.times, 'time')} so far`;
    }
    case 'delivery.withheld':
      return `Withheld a message on "${event.topic}" from ${who(event)}: ${why(event)}`;
    case 'delivery.dropped':
      return `Dropped a message on "${event.topic}" for ${who(event)}: ${why(event)}`;
    case 'packet.faulted':
      return `Bad packet on the connection of ${who(event)}, sent by the ${event.sender}: ${event.says} [${event.clause}]`;
    case 'patch.applied':
      return `Defused a packet of ${who(event)}: ${why(event)}`;
    case 'attack.detected': {
      const again = event.repetition === 1 ? 'Attack' : 'Attack goes on';
      return `${again}, ${event.severity}: ${event.says} [detector:${event.detector}]`;
    }
    case 'attack.ended':
      return `Attack of ${event.subjectKind} ${event.subject} is over after ${Math.round(event.durationMs / 1000)} s [detector:${event.detector}]`;
    case 'quarantine.diverted':
      return `In quarantine, and sent to the decoy ${event.upstream}: ${who(event)}`;
    case 'quarantine.ended':
      return `${event.change === 'ended' ? 'The quarantine is over' : 'Released from quarantine'}: ${event.subjectKind} ${event.subject}`;
    case 'response.taken':
      return `Response ${event.action} to ${banned(event)}: ${why(event)}`;
    case 'session.removed':
      return `Removed the session of client "${event.clientId}" with ${count(event.queuedMessages, 'queued message')}: ${why(event)}`;
    case 'response.rolled-back':
      return `Took back ${count(event.responses, 'response')}: ${why(event)}`;
    case 'ban.added': {
      const until = event.expiresAt === undefined ? 'until it is taken back' : `until ${event.expiresAt}`;
      return `Banned ${banned(event)} ${until}: ${event.reason} [${event.author}]`;
    }
    case 'ban.removed':
      return `Took back the ban of ${banned(event)}: ${why(event)}`;
    case 'ban.expired':
      return `The ban of ${banned(event)} has ended: ${event.reason} [${event.author}]`;
    case 'ban.refused':
      return `Did not ban ${banned(event)}: ${why(event)}`;
    case 'overload.entered':
      return `Overload, stage ${event.stage}: ${event.measure} is at ${event.value} of ${event.limit}; ${event.says}`;
    case 'overload.left':
      return `Overload, stage ${event.stage} is over: ${event.measure} is at ${event.value} of ${event.limit}`;
    case 'connection.shed':
      return `${event.action === 'shed' ? 'Shed' : 'Evicted'} ${who(event)}: ${why(event)}`;
    case 'control.refused':
      return `Turned away ${event.operator ?? 'nobody known'} at ${event.request} of the control API${event.address === undefined ? '' : ` from ${event.address}`} (${event.status}): ${event.says} [${event.by}]`;
    case 'control.failed':
      return `Failed at ${event.request} of the control API (${event.instance}): ${event.says}`;
    case 'ceiling.reached':
      return `Ceiling ${event.ceiling} (${event.limit}) reached: ${event.says}`;
    case 'limit.exceeded': {
      const whose = event.key === '' ? 'the gateway' : `${event.scope} "${event.key}"`;
      return `Limit ${event.limit} of ${whose} exceeded (${event.action}): it is ${event.value} [${event.source}]`;
    }
    case 'limit.changed': {
      const what = `the limit ${event.limit} of ${event.target}`;
      if (event.action === 'set') return `Set ${what} to ${event.value} [${event.source}]`;
      return event.action === 'unset'
        ? `Took back ${what}, which was ${event.value}`
        : `Let ${what} expire, which was ${event.value}`;
    }
    case 'learning.started':
      return `Learning what clients use is on [${event.by}]`;
    case 'learning.stopped':
      return `Learning what clients use is off [${event.by}]`;
    case 'upstream.up':
      return `Upstream ${event.upstream}: ${event.target} is up${event.mqtt5 ? '' : ' and speaks no MQTT 5'}`;
    case 'upstream.down':
      return `Upstream ${event.upstream}: ${event.target} is down: ${event.says}`;
    case 'upstream.attempt.failed':
      return `Upstream ${event.upstream}: ${event.target} did not take a client: ${event.says}`;
    case 'upstream.ejected': {
      const forHowLong = event.durationMs === undefined ? '' : ` for ${Math.round(event.durationMs / 1000)} s`;
      return `Upstream ${event.upstream}: ${event.target} is ejected${forHowLong}: ${event.says} [${event.by}]`;
    }
    case 'upstream.draining':
      return `Upstream ${event.upstream}: ${event.target} takes nobody new and has ${count(event.connections, 'connection')}`;
    case 'upstream.returned':
      return `Upstream ${event.upstream}: ${event.target} takes clients again [${event.by}]`;
    case 'backend.failed':
      return `Backend ${event.backend} fails: ${event.says}`;
    case 'backend.recovered':
      return `Backend ${event.backend} works again`;
    case 'events.left-out': {
      const from = event.from === undefined ? 'other addresses' : event.from;
      return `Not written within ${event.windowS} s: ${event.count} more ${event.of} from ${from}`;
    }
    case 'collector.failed':
      return `Collector ${event.collector} is away: ${event.says}`;
    case 'collector.recovered':
      return `Collector ${event.collector} is back; it has missed ${count(event.lost, 'event')}`;
    case 'collector.abandoned':
      return `The end of the gateway leaves collector ${event.collector} without ${count(event.lost, 'event')}`;
    case 'operator.changed': {
      const whose = event.operator === '' ? 'Operators' : `Operator "${event.operator}"`;
      return `${whose}: ${event.says} [${event.by} from ${event.from}]`;
    }
    case 'operator.login.succeeded':
      return `Operator "${event.operator}" (${event.role}) logged in by ${event.method} from ${event.address}`;
    case 'operator.login.failed': {
      const whom = event.operator === undefined ? 'an operator' : `operator "${event.operator}"`;
      return `Failed login of ${whom} by ${event.method} from ${event.address}: ${why(event)}`;
    }
    case 'operator.session.ended':
      return `Session of operator "${event.operator}" from ${event.address} ended: ${event.says}`;
    case 'alert.fired':
      return `Alert ${event.alert} (${event.severity})${alertSubject(event)}: ${event.says}`;
    case 'alert.resolved':
      return `Alert ${event.alert}${alertSubject(event)} is over after ${Math.round(event.durationMs / 1000)} s`;
    case 'receiver.failed':
      return `Alerts do not reach the receiver ${event.receiver}: ${event.says}`;
    case 'receiver.recovered':
      return `Alerts reach the receiver ${event.receiver} again; it has missed ${count(event.lost, 'notification')}`;
    case 'receiver.abandoned':
      return `The end of the gateway leaves receiver ${event.receiver} without ${count(event.lost, 'notification')}`;
    case 'recording.written':
      return `Recorded ${count(event.packets, 'packet')} of connection ${event.connection} in ${event.path}: ${event.incident}`;
    case 'storage.damaged':
      return `Storage in ${event.path} was damaged: ${event.says}`;
    case 'storage.failed':
      return `Storage in ${event.path} fails: ${event.says}`;
    case 'storage.recovered':
      return `Storage in ${event.path} works again`;
    case 'firewall.failed':
      return `Bans are not at the firewall, only in the gateway: ${event.says}`;
    case 'firewall.recovered':
      return `The firewall holds the bans again, ${event.bans} of single addresses`;
    case 'audit.finding.new':
    case 'audit.finding.mended':
    case 'audit.finding.regressed': {
      const where = event.subject === undefined ? event.target : `${event.target}, ${event.subject}`;
      const what = { new: 'New weakness', mended: 'Mended', regressed: 'Weak again' }[event.name.slice(14)];
      return `${what}: ${event.check} ${event.title} (${where}): ${event.says} [${event.severity}]`;
    }
    case 'audit.finished': {
      const score = event.score === undefined ? 'no score' : `score ${event.score}`;
      const { critical, high, medium, low } = event;
      return `Audited (${event.trigger}): ${score}; ${critical} critical, ${high} high, ${medium} medium, ${low} low open`;
    }
    case 'audit.failed':
      return `The audit could not be made: ${event.says}`;
    case 'audit.listener.appeared':
    case 'audit.listener.gone':
    case 'audit.listener.unused':
      return `Listener ${event.place} of the host: ${event.says}`;
  }
}
