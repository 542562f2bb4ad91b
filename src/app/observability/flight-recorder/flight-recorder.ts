/** The flight recorder of one process: a tape for each connection, and recordings of those that an incident is about. */
import { BoundedMap } from '../../../base/bounded-map.ts';
import type { Clock } from '../../../base/clock.ts';
import type { Emit, GatewayEvent } from '../../../base/events.ts';
import type { Client } from '../../../pipeline/client.ts';
import type { Downstream, DownstreamHandler } from '../../../pipeline/downstream.ts';
import { isMeantBy } from '../../../pipeline/membership.ts';
import { BAN_KINDS, type Ban } from '../../../policy/detection/bans/ban.ts';
import type { Config } from '../../config/config.ts';
import type { TopicSpelling } from '../topic-hash.ts';
import { RecordedDownstream, RecordedHandler, Tape } from './recorded-connection.ts';
import { type Recording, recordedPackets } from './recording.ts';
import type { RecordingsFolder } from './recordings-folder.ts';

/** Headers of a packet that are kept: a long topic is cut. */
const HEADERS_MAX_BYTES = 256;
/** Connections that have ended and may still be asked for: an incident is often recognised after them. */
const ENDED_MAX = 64;
/** Of one incident, at most so many connections are written. */
const PER_INCIDENT_MAX = 8;
/** Written by itself within a minute, and for one connection and incident once in that time. */
const WRITTEN_PER_MINUTE_MAX = 30;
const MINUTE_MS = 60_000;
/** Recordings grow old without a new one, too. */
const TIDIED_EVERY_MS = 60 * MINUTE_MS;

export interface FlightRecorderOptions {
  readonly clock: Clock;
  /** Told of what was written; not of what the recorder itself observes. */
  readonly emit: Emit;
  readonly config: Config['flightRecorder'];
  readonly folder: RecordingsFolder;
  readonly spell: TopicSpelling;
}

interface Reel {
  readonly tape: Tape;
  readonly client: Client;
}

export class FlightRecorder {
  readonly #options: FlightRecorderOptions;
  #config: Config['flightRecorder'];
  readonly #open = new Map<string, Reel>();
  readonly #ended = new BoundedMap<string, Reel>({
    entriesMax: ENDED_MAX,
    onEvict: (_, { tape }) => {
      this.#endedBytes -= tape.sizeBytes;
    },
  });
  /** INVARIANT: together never more than `memoryMax`. */
  #openBytes = 0;
  #endedBytes = 0;
  /** Connection and incident of those that were written in this minute. */
  readonly #written = new Set<string>();
  #minuteEndsMs = 0;
  #isFullTold = false;
  #isFailing = false;
  /** Files are written one after another. */
  #writing: Promise<void> = Promise.resolve();

  constructor(options: FlightRecorderOptions) {
    this.#options = options;
    this.#config = options.config;
    this.#tidyLater(0);
  }

  /** For connections that come from now on. */
  configure(config: Config['flightRecorder']): void {
    this.#config = config;
  }

  /** Makes the connection of a socket, with the recorder between them where it is on and has room. */
  accept(downstream: Downstream, make: (downstream: Downstream) => DownstreamHandler & { readonly client: Client }) {
    const { isEnabled, memoryPerConnectionBytes, memoryMaxBytes, payloadMaxBytes } = this.#config;
    if (!isEnabled) return make(downstream);
    const { clock } = this.#options;
    const rules = { bytesMax: HEADERS_MAX_BYTES + payloadMaxBytes, withPayloads: payloadMaxBytes > 0 };
    if (!this.#makeRoom(Tape.sizeOf(memoryPerConnectionBytes, rules), memoryMaxBytes)) {
      this.#tellFull(memoryMaxBytes);
      return make(downstream);
    }
    const tape = new Tape(downstream.facts, clock, memoryPerConnectionBytes, rules);
    const connection = make(new RecordedDownstream(downstream, tape));
    const { connectionId } = downstream.facts;
    const reel = { tape, client: connection.client };
    this.#open.set(connectionId, reel);
    this.#openBytes += tape.sizeBytes;
    return new RecordedHandler(connection, tape, () => {
      this.#open.delete(connectionId);
      this.#openBytes -= tape.sizeBytes;
      this.#ended.set(connectionId, reel);
      this.#endedBytes += tape.sizeBytes;
    });
  }

  /** Those that have ended make room, the oldest first. False where those that are open leave none. */
  #makeRoom(neededBytes: number, memoryMaxBytes: number): boolean {
    if (this.#openBytes + neededBytes > memoryMaxBytes) return false;
    for (const [connectionId, { tape }] of this.#ended.entries()) {
      if (this.#openBytes + this.#endedBytes + neededBytes <= memoryMaxBytes) break;
      this.#ended.delete(connectionId);
      this.#endedBytes -= tape.sizeBytes;
    }
    return true;
  }

  /** What the tapes take. */
  get memoryBytes(): number {
    return this.#openBytes + this.#endedBytes;
  }

  #tellFull(limit: number): void {
    if (this.#isFullTold) return;
    this.#isFullTold = true;
    const says = 'the flight recorder has no memory for further connections, and does not record them';
    this.#options.emit({ name: 'ceiling.reached', ceiling: 'flightRecorder.memoryMax', limit, says });
  }

  /** What is kept of a client or a connection, those that have ended included. */
  recordingsOf(id: string, incident: string): Recording[] {
    return this.#reels((reel) => reel.client.clientId === id || reel.tape.facts.connectionId === id).map((reel) =>
      this.#recording(reel, incident),
    );
  }

  #reels(isMeant: (reel: Reel) => boolean): Reel[] {
    return [...this.#open.values(), ...this.#ended.values()].filter(isMeant);
  }

  #recording({ tape, client }: Reel, incident: string): Recording {
    const { connectionId, listener, address, port, localAddress = '0.0.0.0', localPort = 0 } = tape.facts;
    const { clock, spell } = this.#options;
    return {
      connectionId,
      clientId: client.clientId ?? null,
      username: client.username ?? null,
      listener,
      client: { address, port },
      server: { address: localAddress, port: localPort },
      incident,
      writtenAt: new Date(Math.round(clock.epochMs())).toISOString(),
      overwritten: tape.fromClient.overwritten + tape.toClient.overwritten,
      packets: recordedPackets(tape, tape.aheadMs, spell),
    };
  }

  // --- incidents ---

  /** Sees the events of this process. */
  observe(event: GatewayEvent): void {
    if (event.name === 'packet.faulted' && this.#writesFor('fault')) {
      this.#incident(`fault:${event.fault}`, (reel) => reel.tape.facts.connectionId === event.connectionId);
    } else if (event.name === 'attack.detected' && this.#writesFor('detection')) {
      const { detector, connectionId, subject: value, subjectKind } = event;
      const kind = BAN_KINDS.find((known) => known === subjectKind);
      const isMeant = kind === undefined ? () => false : isMeantBy({ kind, value });
      this.#incident(
        `detector:${detector}`,
        ({ tape, client }) => tape.facts.connectionId === connectionId || isMeant(client),
      );
    }
  }

  /** Somebody is banned; whoever is meant is still connected. */
  banned({ subject, author }: Ban): void {
    if (!this.#writesFor('ban')) return;
    const isMeant = isMeantBy(subject);
    this.#incident(`ban:${author}`, ({ client }) => isMeant(client));
  }

  #writesFor(incident: Config['flightRecorder']['incidents'][number]): boolean {
    return this.#open.size + this.#ended.size > 0 && this.#config.incidents.includes(incident);
  }

  /** What is on the tapes is taken now; the disk has its time. */
  #incident(incident: string, isMeant: (reel: Reel) => boolean): void {
    const nowMs = this.#options.clock.nowMs();
    if (nowMs >= this.#minuteEndsMs) {
      this.#minuteEndsMs = nowMs + MINUTE_MS;
      this.#written.clear();
    }
    for (const reel of this.#reels(isMeant).slice(0, PER_INCIDENT_MAX)) {
      const key = `${reel.tape.facts.connectionId} ${incident}`;
      if (this.#written.has(key) || this.#written.size >= WRITTEN_PER_MINUTE_MAX) continue;
      this.#written.add(key);
      if (this.#written.size === WRITTEN_PER_MINUTE_MAX) this.#tellMany();
      const recording = this.#recording(reel, incident);
      this.#writing = this.#writing.then(() => this.#write(recording));
    }
  }

  #tellMany(): void {
    const says = 'so many recordings were written within a minute; further incidents of it are not recorded';
    this.#options.emit({
      name: 'ceiling.reached',
      ceiling: 'flightRecorder.perMinute',
      limit: WRITTEN_PER_MINUTE_MAX,
      says,
    });
  }

  async #write(recording: Recording): Promise<void> {
    const { folder, emit } = this.#options;
    try {
      const path = await folder.write(recording);
      if (this.#isFailing) emit({ name: 'storage.recovered', path: folder.directory });
      this.#isFailing = false;
      const { connectionId, clientId, incident, packets } = recording;
      emit({
        name: 'recording.written',
        connection: connectionId,
        ...(clientId === null ? {} : { clientId }),
        incident,
        packets: packets.length,
        path: `${path}.pcapng`,
      });
      await this.#tidy();
    } catch (error) {
      if (this.#isFailing) return;
      this.#isFailing = true;
      emit({
        name: 'storage.failed',
        path: folder.directory,
        says: `a recording could not be written: ${(error as Error).message}`,
      });
    }
  }

  #tidyLater(delayMs: number): void {
    this.#options.clock.after(delayMs, () => {
      // What the disk refuses here it will refuse when something is written, and is told then.
      if (this.#config.isEnabled) this.#writing = this.#writing.then(() => this.#tidy().catch(() => undefined));
      this.#tidyLater(TIDIED_EVERY_MS);
    });
  }

  async #tidy(): Promise<void> {
    const { folder, clock, emit } = this.#options;
    for (const { bound, limit, recordings } of await folder.tidy(this.#config, clock.epochMs())) {
      const says = `${recordings} ${recordings === 1 ? 'recording was' : 'recordings were'} removed, the oldest first`;
      emit({ name: 'ceiling.reached', ceiling: `flightRecorder.${bound}`, limit, says });
    }
  }

  /** Resolves when what was begun is on disk. */
  settled(): Promise<void> {
    return this.#writing;
  }
}
