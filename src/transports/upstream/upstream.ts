/** One upstream: a broker or several of a cluster, which of them each client goes to, and what it goes there as. */

import { backoffMs } from '../../base/backoff.ts';
import type { ClientFacts, DownstreamReceiver, UpstreamLink } from '../../mqtt/link.ts';
import type { ConnectPacket } from '../../mqtt/packet.ts';
import { Reason } from '../../mqtt/reason.ts';
import type { ProtocolVersion } from '../../mqtt/wire.ts';
import type { ByteStreamDeps } from '../byte-stream.ts';
import { flushQueue } from '../flush-queue.ts';
import { encodeProxyHeader } from '../proxy-header.ts';
import type { Balancer } from './balance.ts';
import { clientIdPrefix } from './client-id-prefix.ts';
import { ABSENT_MAX, CLIENT_ID_TAKEN, ClientOwners } from './client-owners.ts';
import { withCredentials } from './credentials.ts';
import { Dial, type Dialler } from './dial.ts';
import { HealthCheck } from './health-check.ts';
import { LeastConnections } from './least-connections.ts';
import type { Admission, LinkedClient, LinkHost, UpstreamServices } from './link-host.ts';
import { Outlier } from './outlier.ts';
import { Rendezvous } from './rendezvous.ts';
import { RoundRobin } from './round-robin.ts';
import { slowStartShare } from './slow-start.ts';
import { SocketLink } from './socket-link.ts';
import { type Service, Target, type TargetLink } from './target.ts';
import type { TargetStatus } from './target-status.ts';
import { TranslatingLink } from './translating-link.ts';
import type { Balance, UpstreamOptions } from './upstream-options.ts';

export type { TargetStatus } from './target-status.ts';

/** How long an orderly close may take. */
const CLOSE_GRACE_MS = 2000;
/** Topic aliases that a broker may set up for one client, whatever the client allows: each keeps a topic in memory. */
const SERVER_ALIASES_MAX = 256;
/** A packet identifier, a length and the like: what a client identifier may grow to with its prefix. */
const CLIENT_ID_MAX_BYTES = 65_535;
const CEILING_NOTICE_MS = 60_000;

function balancerOf(balance: Balance): Balancer {
  switch (balance) {
    case 'least-connections':
      return new LeastConnections();
    case 'round-robin':
      return new RoundRobin();
    case 'client-id':
      return new Rendezvous();
  }
}

/** A target with what this upstream keeps about it. */
class Member extends Target {
  readonly outlier = new Outlier();
  check: HealthCheck | undefined;
}

export class Upstream implements LinkHost {
  options: UpstreamOptions;
  readonly services: UpstreamServices;
  readonly #owners: ClientOwners<TargetLink>;
  readonly #streamDeps: ByteStreamDeps;
  #balancer: Balancer;
  #forgottenToldMs = Number.NEGATIVE_INFINITY;
  #members: Member[] = [];
  /** No longer configured, with links that live on. */
  #leaving: Member[] = [];

  constructor(options: UpstreamOptions, services: UpstreamServices) {
    this.options = options;
    this.services = services;
    this.#owners = new ClientOwners(services.clock, (clientId) => this.#onForgotten(clientId));
    this.#streamDeps = { clock: services.clock, queue: flushQueue, closeGraceMs: CLOSE_GRACE_MS };
    this.#balancer = balancerOf(options.balance);
    this.#members = options.targets.map((target) => this.#enlist(new Member(target)));
  }

  #enlist(member: Member): Member {
    const { healthCheck } = this.options;
    if (healthCheck.intervalMs > 0) {
      member.check = new HealthCheck(
        {
          get healthy() {
            return member.healthy;
          },
          get speaks5() {
            return member.speaks5;
          },
          checked: (healthy, version, says) => this.#checked(member, healthy, version, says),
          dialForCheck: (dialler) => this.dial(member, dialler, undefined),
        },
        healthCheck,
        this.services,
      );
    }
    return member;
  }

  /** Takes new options. Links that are open live on, also those of targets that are gone. */
  update(options: UpstreamOptions): void {
    const before = this.options;
    this.options = options;
    if (options.balance !== before.balance) this.#balancer = balancerOf(options.balance);
    const known = new Map([...this.#leaving, ...this.#members].map((member) => [member.name, member]));
    const next = options.targets.map((target) => {
      const member = known.get(target.url);
      if (member === undefined) return this.#enlist(new Member(target));
      member.update(target);
      if (this.#leaving.includes(member)) this.#enlist(member);
      else this.#refit(member);
      return member;
    });
    for (const member of this.#members) if (!next.includes(member)) this.#dismiss(member);
    this.#leaving = [...known.values()].filter((member) => !next.includes(member) && member.connections > 0);
    this.#members = next;
    if (this.#balancer instanceof RoundRobin) this.#balancer.keep(new Set(next.map(({ name }) => name)));
  }

  #refit(member: Member): void {
    const { healthCheck } = this.options;
    if (healthCheck.intervalMs > 0 && member.check !== undefined) member.check.update(healthCheck);
    else if (healthCheck.intervalMs > 0) this.#enlist(member);
    else {
      this.#dismiss(member);
      member.healthy = undefined;
    }
  }

  #dismiss(member: Member): void {
    member.check?.stop();
    member.check = undefined;
  }

  /** No longer configured: links that are open live on. */
  retire(): void {
    for (const member of this.#members) this.#dismiss(member);
  }

  // --- clients ---

  /** The link of one client's connection. */
  open(receiver: DownstreamReceiver, client: LinkedClient & { version: ProtocolVersion }): UpstreamLink {
    if (client.version === 5 && this.options.mqtt5 === 'translate' && this.#isKnownToLackMqtt5()) {
      return new TranslatingLink(receiver, (translator) => new SocketLink(this, translator, client));
    }
    return new SocketLink(this, receiver, client);
  }

  admit(packet: ConnectPacket, facts: ClientFacts, client: LinkedClient): Admission {
    const { options } = this;
    const { username, downstream } = client;
    const clientId = clientIdPrefix(options.clientIdPrefix, username, downstream.listener) + packet.clientId;
    if (Buffer.byteLength(clientId) > CLIENT_ID_MAX_BYTES) {
      return { refused: Reason.ClientIdentifierNotValid, says: 'the client identifier is too long with its prefix' };
    }
    const withAccount = withCredentials(packet, username, options.credentials, facts.willAuthor);
    if (withAccount === undefined) {
      return { refused: Reason.NotAuthorized, says: `the upstream ${options.name} has no credentials for this user` };
    }
    if (this.#owners.size >= options.clientsMax) {
      this.services.emit({
        name: 'ceiling.reached',
        ceiling: 'upstreams[].clientsMax',
        limit: options.clientsMax,
        says: `the upstream ${options.name} has as many clients as it may; one was refused`,
        clientId,
      });
      return { refused: Reason.ServerBusy, says: `the upstream ${options.name} has as many clients as it may` };
    }
    if (!this.#owners.claim(clientId, facts.owner, facts.isExclusive)) {
      return { refused: Reason.ClientIdentifierNotValid, says: CLIENT_ID_TAKEN };
    }
    if (packet.protocolVersion < 5) return { packet: { ...withAccount, clientId } };
    const { maximumPacketSizeBytes = options.packetSizeMaxBytes, topicAliasMaximum } = packet.properties;
    return {
      packet: {
        ...withAccount,
        clientId,
        properties: {
          ...packet.properties,
          maximumPacketSizeBytes: Math.min(maximumPacketSizeBytes, options.packetSizeMaxBytes),
          ...(topicAliasMaximum === undefined
            ? {}
            : { topicAliasMaximum: Math.min(topicAliasMaximum, SERVER_ALIASES_MAX) }),
        },
      },
    };
  }

  release(clientId: string, link: TargetLink, keptForMs: number | undefined): void {
    this.#owners.release(clientId, link, keptForMs);
  }

  /** From now on another user may take the session over. */
  #onForgotten(clientId: string): void {
    const { clock, emit } = this.services;
    const nowMs = clock.nowMs();
    if (nowMs - this.#forgottenToldMs < CEILING_NOTICE_MS) return;
    this.#forgottenToldMs = nowMs;
    const says = `at the upstream ${this.options.name} more sessions wait than owners are remembered of; set clientIdPrefix, so that nobody can take one over`;
    emit({ name: 'ceiling.reached', ceiling: 'upstreams[].sessionsRemembered', limit: ABSENT_MAX, says, clientId });
  }

  accepted(clientId: string, link: TargetLink): void {
    const older = this.#owners.accepted(clientId, link);
    // A broker ends the older of two connections itself [MQTT-3.1.4-3]; two that do not know of each other cannot.
    if (older !== undefined && older.target !== link.target) older.takenOver();
  }

  /** Whether another connection of the client has come, which ends the older one at the broker. */
  isTakenOver(clientId: string): boolean {
    return this.#owners.isContested(clientId);
  }

  // --- targets ---

  pick(clientId: string, version: ProtocolVersion, tried: ReadonlySet<Target>): Target | 'unsupported' | undefined {
    if (version === 5 && (this.options.mqtt5 === 'refuse' || this.#isKnownToLackMqtt5())) return 'unsupported';
    const candidates = this.#candidates(version, tried);
    return candidates.length === 0 ? undefined : this.#balancer.pick(candidates, clientId);
  }

  /** Of one that is away nothing is known: those that are well speak for it. */
  #isKnownToLackMqtt5(): boolean {
    const inService = this.#members.filter((member) => member.service === 'in service');
    const well = inService.filter((member) => this.#isWell(member));
    const asked = well.length > 0 ? well : inService;
    return asked.length > 0 && asked.every((member) => member.speaks5 === false);
  }

  hasOther(version: ProtocolVersion, tried: ReadonlySet<Target>): boolean {
    return this.#candidates(version, tried).length > 0;
  }

  /** Where none is well, those are tried that are thought not to be: the thought may be old. */
  #candidates(version: ProtocolVersion, tried: ReadonlySet<Target>): Member[] {
    const usable = this.#members.filter(
      (member) => member.service === 'in service' && !tried.has(member) && (version < 5 || member.speaks5 !== false),
    );
    const well = usable.filter((member) => this.#isWell(member));
    const nowMs = this.services.clock.nowMs();
    const chosen = well.length > 0 ? well : usable;
    for (const member of chosen) {
      member.share = slowStartShare(nowMs - member.returnedAtMs, this.options.slowStartMs);
    }
    return chosen;
  }

  #isWell(member: Member): boolean {
    return (
      member.service === 'in service' &&
      member.healthy !== false &&
      member.ejectedUntilMs <= this.services.clock.nowMs()
    );
  }

  dial(target: Target, dialler: Dialler, client: LinkedClient | undefined): Dial {
    const { proxyProtocol } = this.options;
    return new Dial(target, dialler, this.#streamDeps, {
      proxyHeader: proxyProtocol === 'v2' ? encodeProxyHeader(client?.downstream) : undefined,
    });
  }

  attemptSucceeded(target: Target, version: ProtocolVersion): void {
    if (version === 5) target.speaks5 = true;
    (target as Member).outlier.succeeded(this.services.clock.nowMs(), this.options.ejection);
  }

  attemptFailed(target: Target, says: string): void {
    const member = target as Member;
    const { clock, emit } = this.services;
    member.says = says;
    emit({ name: 'upstream.attempt.failed', upstream: this.options.name, target: member.name, says });
    member.check?.hurry();
    const why = member.outlier.failed(clock.nowMs(), this.options.ejection);
    if (why !== undefined) this.#ejectFor(member, why);
  }

  /** Passive ejection, for a while; never of the last one that is well. */
  #ejectFor(member: Member, why: string): void {
    const { clock, chance, emit } = this.services;
    const nowMs = clock.nowMs();
    if (member.ejectedUntilMs > nowMs || !this.#members.some((other) => other !== member && this.#isWell(other)))
      return;
    const { durationMs, durationMaxMs } = this.options.ejection;
    const forMs = Math.round(
      backoffMs(durationMs, durationMaxMs, member.outlier.eject(nowMs, this.options.ejection), chance),
    );
    member.ejectedUntilMs = nowMs + forMs;
    emit({
      name: 'upstream.ejected',
      upstream: this.options.name,
      target: member.name,
      by: 'ejection',
      durationMs: forMs,
      says: `${why}; the last one: ${member.says}`,
    });
    clock.after(forMs, () => {
      if (!this.#members.includes(member) || member.ejectedUntilMs === 0) return;
      member.ejectedUntilMs = 0;
      member.returnedAtMs = clock.nowMs();
      emit({ name: 'upstream.returned', upstream: this.options.name, target: member.name, by: 'ejection' });
    });
  }

  lacksVersion5(target: Target): void {
    target.speaks5 = false;
  }

  doubtsVersion5(target: Target): void {
    if (target.speaks5 === undefined) (target as Member).check?.hurry();
  }

  #checked(member: Member, healthy: boolean, version: 4 | 5 | undefined, says: string): void {
    const { clock, emit } = this.services;
    const was = member.healthy;
    member.healthy = healthy;
    member.says = says;
    if (version !== undefined) member.speaks5 = version === 5;
    const place = { upstream: this.options.name, target: member.name };
    if (healthy && was !== true) {
      if (was === false) member.returnedAtMs = clock.nowMs();
      member.outlier.forget();
      emit({ name: 'upstream.up', ...place, mqtt5: version === 5 });
    } else if (!healthy && was !== false) {
      // It may come back as another version than it went.
      member.speaks5 = undefined;
      emit({ name: 'upstream.down', ...place, says });
    }
  }

  // --- operators ---

  /** Bytes that wait to be sent, on all links, those of targets that are leaving included. */
  waitingBytes(): number {
    let bytes = 0;
    for (const members of [this.#members, this.#leaving]) {
      for (const { links } of members) for (const link of links) bytes += link.waitingBytes();
    }
    return bytes;
  }

  /** Of each target, how many connections were made to it and how long they took in all. */
  latencies(): { readonly target: string; readonly dials: number; readonly dialMs: number }[] {
    return this.#members.map(({ name, dials, dialMs }) => ({ target: name, dials, dialMs }));
  }

  status(): TargetStatus[] {
    const rowOf = (member: Member, isLeaving: boolean): TargetStatus => ({
      upstream: this.options.name,
      target: member.name,
      state: isLeaving ? 'draining' : this.#stateOf(member),
      connections: member.connections,
      mqtt5: member.speaks5,
      says: member.says,
    });
    this.#leaving = this.#leaving.filter((member) => member.connections > 0);
    return [
      ...this.#members.map((member) => rowOf(member, false)),
      ...this.#leaving.map((member) => rowOf(member, true)),
    ];
  }

  #stateOf(member: Member): TargetStatus['state'] {
    if (member.service !== 'in service') return member.service;
    if (member.ejectedUntilMs > this.services.clock.nowMs()) return 'ejected';
    if (member.healthy === undefined) return 'unknown';
    return member.healthy ? 'up' : 'down';
  }

  /** False when there is no such target. */
  setService(name: string, service: Service): boolean {
    const member = this.#members.find((one) => one.name === name);
    if (member === undefined) return false;
    const { clock, emit } = this.services;
    const place = { upstream: this.options.name, target: member.name };
    const before = member.service;
    member.service = service;
    if (service === 'in service') {
      member.ejectedUntilMs = 0;
      member.speaks5 = undefined;
      member.returnedAtMs = clock.nowMs();
      member.outlier.forget();
      member.check?.now();
      emit({ name: 'upstream.returned', ...place, by: 'operator' });
    } else if (service === 'draining') {
      if (before !== service) emit({ name: 'upstream.draining', ...place, connections: member.connections });
    } else {
      emit({ name: 'upstream.ejected', ...place, by: 'operator', says: 'an operator took it out of service' });
      for (const link of [...member.links]) link.evict();
    }
    return true;
  }
}
