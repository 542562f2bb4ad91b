/** Client to server, PUBLISH: aliases, the checks, and then the bytes go on, or the refusal goes back. */
import type { RefusalAction } from '../base/events.ts';
import { turnShare } from '../base/turn-share.ts';
import type { Fault } from '../mqtt/fault.ts';
import { TopicAliasInvalid } from '../mqtt/faults.ts';
import type { UpstreamLink } from '../mqtt/link.ts';
import type { AckType } from '../mqtt/packet.ts';
import type { PublishView } from '../mqtt/publish-view.ts';
import { Reason } from '../mqtt/reason.ts';
import { PacketType } from '../mqtt/wire.ts';
import type { ExcessOutcome } from '../policy/limits/limits-in-force.ts';
import type { Answers } from './answers.ts';
import { openExchange } from './checks/sequences.ts';
import type { Client } from './client.ts';
import { OpenExchanges } from './open-exchanges.ts';
import { admitPublish } from './order.ts';
import type { PublishPermit } from './permit.ts';
import type { RefusalEvents } from './refusal-events.ts';
import type { TopicEntry } from './topic-cache.ts';
import { type Close, close, type Delay, type Denial, type Drop } from './verdict.ts';

export class Publishing {
  readonly #client: Client;
  readonly #answers: Answers;
  readonly #events: RefusalEvents;
  /** By alias; sized by the Topic Alias Maximum that the client was told. */
  #aliases: (TopicEntry | undefined)[] | undefined;
  /** QoS 2 identifiers of denied messages of 3.x clients whose handshake is completed for show. */
  #acknowledged: Set<number> | undefined;

  constructor(client: Client, answers: Answers, events: RefusalEvents) {
    this.#client = client;
    this.#answers = answers;
    this.#events = events;
  }

  /**
   * True when it was forwarded and the link takes more, false when the link asks to wait; a fault or a close ends the
   * connection; a delay asks to come again with it; undefined when it was refused and the connection stays.
   */
  publish(packet: PublishView, link: UpstreamLink): boolean | undefined | Close | Delay | Fault {
    const entry = this.#entryOf(packet);
    if (entry === undefined) return TopicAliasInvalid; // [MQTT-3.3.2-9] [MQTT-3.3.2-10]
    packet.topic = entry.topic;
    if (packet.qos === 2 && this.#client.exchanges?.has(packet.packetId) === true) {
      const repeated = openExchange(this.#client, packet.dup);
      if (repeated !== undefined) return this.#repeat(packet, repeated);
    }
    const outcome = admitPublish(this.#client, packet, entry);
    if (outcome.kind === 'delay') return outcome;
    return outcome.kind === 'pass' ? this.#forward(outcome, packet, link) : this.#deny(packet, outcome);
  }

  #forward(_permit: PublishPermit, packet: PublishView, link: UpstreamLink): boolean {
    if (packet.qos > 0) this.#client.inflight++;
    if (packet.qos === 2) {
      this.#client.exchanges ??= new OpenExchanges();
      this.#client.exchanges.begin(packet.packetId);
    }
    turnShare.traffic();
    const { traffic } = this.#client;
    traffic.countIn(packet.qos, packet.end - packet.start);
    if (packet.retain && packet.payloadStart < packet.end) traffic.retainedIn++;
    return link.publish(packet);
  }

  #repeat(packet: PublishView, denial: Close | Drop): Close | undefined {
    if (denial.kind === 'close') {
      this.#tell(packet, denial, 'disconnected');
      return denial;
    }
    this.#tell(packet, denial, 'acknowledged');
    if (this.#client.exchanges?.repeat(packet.packetId) === true) {
      this.#answers.acknowledge(PacketType.Pubrec, packet.packetId, Reason.Success);
    }
    return undefined;
  }

  /** The topic's cache entry, through the client's aliases [MQTT-3.3.2-8, MQTT-3.3.2-12]; undefined for a bad alias. */
  #entryOf(packet: PublishView): TopicEntry | undefined {
    const { bytes, topicStart, topicEnd, topicAlias, repeatsTopic } = packet;
    const { topics } = this.#client;
    if (topicAlias === 0) return repeatsTopic ? topics.recent : topics.lookup(bytes, topicStart, topicEnd);
    if (topicAlias > this.#client.limits.topicAliasMax) return undefined;
    if (topicEnd === topicStart) return this.#aliases?.[topicAlias];
    const entry = topics.lookup(bytes, topicStart, topicEnd);
    this.#aliases ??= [];
    this.#aliases[topicAlias] = entry;
    return entry;
  }

  #deny(packet: PublishView, denial: Denial): Close | undefined {
    const { version, policy } = this.#client;
    const { reason, by, says } = denial;
    if (denial.kind === 'close') {
      this.#tellExcess(denial, 'disconnected');
      return denial;
    }
    if (denial.kind === 'drop') {
      this.#tell(packet, denial, 'dropped');
      return undefined;
    }
    if (version !== 5 && policy.deniedPublish === 'disconnect') {
      this.#tell(packet, denial, 'disconnected');
      return close(reason, by, says);
    }
    if (packet.qos === 0) {
      // QoS 0 has no answer to carry a reason.
      this.#tell(packet, denial, 'dropped');
      return undefined;
    }
    const type = packet.qos === 1 ? PacketType.Puback : PacketType.Pubrec;
    if (version === 5) {
      this.#tell(packet, denial, 'refused');
      this.#answers.refuse(type, packet.packetId, reason, says);
    } else {
      this.#tell(packet, denial, 'acknowledged');
      if (packet.qos === 2) {
        this.#acknowledged ??= new Set();
        this.#acknowledged.add(packet.packetId);
      }
      this.#answers.acknowledge(type, packet.packetId, 0);
    }
    return undefined;
  }

  #tell(packet: PublishView, denial: Denial, action: RefusalAction): void {
    const { topic, qos, retain } = packet;
    const { reason, by, says } = denial;
    this.#client.conduct.refused();
    this.#tellExcess(denial, action === 'acknowledged' ? 'refused' : action);
    if (this.#events.admits()) {
      const facts = this.#client.facts();
      this.#events.tell({ name: 'publish.refused', ...facts, topic, qos, retain, action, reason, by, says });
    } else if (reason === Reason.NotAuthorized) this.#client.traffic.refusalsUntold++;
  }

  #tellExcess({ excess, reason }: Denial, outcome: ExcessOutcome): void {
    if (excess !== undefined) this.#client.inForce.tell(excess, outcome, reason, this.#client.facts());
  }

  /** Whether a PUBREL belongs to a denied message, whose exchange then ends here. */
  release(packetId: number): boolean {
    if (this.#acknowledged?.delete(packetId) !== true) return false;
    this.#answers.acknowledge(PacketType.Pubcomp, packetId, 0);
    return true;
  }

  /** The server has acknowledged: a place in the window is free again. */
  acknowledged(type: AckType, packetId: number, reasonCode: number): void {
    const client = this.#client;
    if (client.exchanges !== undefined) this.#progress(client.exchanges, type, packetId, reasonCode);
    // A 3.x window only bounds what the server has not taken over; a v5 window is the Receive Maximum's [MQTT-4.9].
    const ends =
      type === PacketType.Puback ||
      (type === PacketType.Pubcomp && client.version === 5) ||
      (type === PacketType.Pubrec && (client.version !== 5 || reasonCode >= 0x80));
    if (ends && client.inflight > 0) client.inflight--;
  }

  #progress(exchanges: OpenExchanges, type: AckType, packetId: number, reasonCode: number): void {
    if (type === PacketType.Pubcomp || (type === PacketType.Pubrec && reasonCode >= 0x80)) exchanges.end(packetId);
    else if (type === PacketType.Pubrec) {
      for (let owed = exchanges.received(packetId); owed > 0; owed--) {
        this.#answers.acknowledge(PacketType.Pubrec, packetId, Reason.Success); // [MQTT-4.3.3-10]
      }
    }
  }
}
