/** A listener: one bound port, the ceilings in front of it, and settings that change while connections live on. */
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import type { WebSocket } from 'ws';
import type { Chance } from '../base/chance.ts';
import type { Clock, Timer } from '../base/clock.ts';
import type { ConnectionFacts, Emit } from '../base/events.ts';
import { normaliseAddress } from '../base/ip-address.ts';
import { turnShare } from '../base/turn-share.ts';
import { Reason } from '../mqtt/reason.ts';
import type { Accept, DownstreamFacts } from '../pipeline/downstream.ts';
import type { AcceptGate } from './accept-gate.ts';
import { ADMISSION_DEFAULTS, Admission } from './admission.ts';
import type { ByteStreamDeps } from './byte-stream.ts';
import { DirectSocket } from './direct-socket.ts';
import { acceptEarly } from './early-accept.ts';
import { flushQueue } from './flush-queue.ts';
import { Greeting, type Host } from './greeting.ts';
import { HALF_OPEN_EVICTED, HalfOpenPlace } from './half-open.ts';
import { ListenerError, listenError, placed } from './listener-error.ts';
import { type ListenerOptions, type ListenerSettings, type ListenerType, settle } from './listener-options.ts';
import { type Rejection, Rejections } from './rejections.ts';
import { SocketDownstream } from './socket-downstream.ts';
import { loadTls, type TlsMaterial } from './tls-context.ts';
import { TlsGate } from './tls-gate.ts';
import { WebSocketDownstream } from './websocket-downstream.ts';
import { WebSocketGate } from './websocket-gate.ts';

export interface ListenerDeps {
  clock: Clock;
  chance: Chance;
  emit: Emit;
  /** Without one, everybody may connect. */
  gate?: AcceptGate;
  /** What an OCSP responder has said of one of our certificates, as DER; undefined when nothing is at hand. */
  stapleFor?: (certificate: Buffer) => Buffer | undefined;
  /** Shared by processes that share ports; without it each listener makes its own. At least 32 bytes. */
  ticketSecret?: Uint8Array;
  /** Shared by all listeners of a process; without it each has its own. */
  admission?: Admission;
  /** Begins every connection's identifier, where several processes write one log. */
  connectionIdPrefix?: string;
}

export interface Listener {
  readonly name: string;
  readonly type: ListenerType;
  /** As bound. */
  readonly address: string;
  readonly port: number;
  /** In force now; an update that must be undone takes them back. */
  readonly options: ListenerOptions;
  /** Sockets at the moment, those in a handshake included. */
  readonly connections: number;
  readonly connectionsMax: number;
  /** TLS handshakes so far, by result and version, such as `ok TLSv1.3`. */
  readonly handshakes: ReadonlyMap<string, number>;
  /** In force now, with when they expire. */
  readonly certificates: readonly { readonly subject: string; readonly expiresAtMs: number }[];
  /**
   * Takes new settings; open connections live on under the old ones. Throws `ListenerError`, and then nothing has changed.
   * Name, type, host and port are what the listener is: to change them, open another.
   */
  update(options: ListenerOptions): void;
  /**
   * No new connections. Those without their hand-over are dropped, after `graceMs` where they are given some; the others live on.
   * Resolves when none is without.
   */
  stopAccepting(graceMs?: number): Promise<void>;
  /** Stops accepting and cuts what is open. Resolves when the port is free and every connection has been told. */
  closeAll(): Promise<void>;
}

const BACKLOG = 1024;
const NO_HANDSHAKES: ReadonlyMap<string, number> = new Map();
const TICKET_SECRET_BYTES = 32;
const FAILURE_NOTICE_MS = 1000;
const DAY_MS = 86_400_000;
const EVERY_ADDRESS: readonly string[] = ['::', '0.0.0.0'];
const EXPIRY_NOTICE_DAYS = 30;

/** A connection that was let in. */
interface Admitted {
  readonly facts: Pick<DownstreamFacts, 'connectionId' | 'listener' | 'address' | 'port'>;
  /** It comes from a trusted proxy. */
  readonly isProxys: boolean;
  readonly place: HalfOpenPlace;
  raw?: Socket;
}

/** Who looks after a socket. */
interface Owner {
  /** Among those without a CONNACK, until it has one. */
  readonly place: HalfOpenPlace | undefined;
  destroy(): void;
}

let lastConnectionNumber = 0;

/** Binds the port and accepts. Rejects with `ListenerError`. */
export async function openListener(options: ListenerOptions, accept: Accept, deps: ListenerDeps): Promise<Listener> {
  try {
    const listener = new SocketListener(options, accept, deps);
    await listener.listen();
    return listener;
  } catch (error) {
    throw placed(error, options.place);
  }
}

class SocketListener implements Listener, Host {
  readonly name: string;
  readonly type: ListenerType;
  options: ListenerOptions;
  address = '';
  port = 0;
  readonly tls: TlsGate | undefined;
  readonly webSocket: WebSocketGate | undefined;
  readonly admission: Admission;
  readonly #accept: Accept;
  readonly #deps: ListenerDeps;
  readonly #server: Server;
  readonly #rejections: Rejections;
  /** Every open socket, with who looks after it: first its greeting, then its downstream. */
  readonly #owners = new Map<Socket, Owner>();
  /** Those that the gate counts, with the address that they are counted under. */
  readonly #counted = new Map<Socket, string>();
  /** One for all sockets, whose method it is to the runtime. */
  readonly #onGone: (this: Socket) => void;
  #onGreeted: (() => void) | undefined;
  #settings: ListenerSettings;
  #downstreamDeps: ByteStreamDeps;
  #material: TlsMaterial | undefined;
  #expiryWatch: Timer | undefined;
  #accepting = false;
  /** Let in before it was a socket, which it becomes within the same call. */
  #admitted: Admitted | undefined;
  #failedAtMs = -FAILURE_NOTICE_MS;
  /** Where all connections arrive; undefined where that may be any address of the machine. */
  #arriveAt: string | undefined;

  constructor(options: ListenerOptions, accept: Accept, deps: ListenerDeps) {
    this.name = options.name;
    this.type = options.type;
    this.options = options;
    this.#accept = accept;
    this.#deps = deps;
    this.#settings = settle(options);
    this.#material = this.#loadTls(options);
    this.#downstreamDeps = this.#makeDownstreamDeps();
    this.#rejections = new Rejections(deps.clock, deps.emit);
    this.admission = deps.admission ?? new Admission(ADMISSION_DEFAULTS, deps.clock);
    const overWebSocket = options.type === 'ws' || options.type === 'wss';
    if (this.#material !== undefined) {
      const ticketSecret = deps.ticketSecret ?? deps.chance.bytes(TICKET_SECRET_BYTES);
      const { clock, stapleFor } = deps;
      const alpn = overWebSocket ? 'http/1.1' : 'mqtt';
      this.tls = new TlsGate(this.#material, alpn, { clock, ticketSecret, ...(stapleFor && { stapleFor }) });
    }
    if (overWebSocket) this.webSocket = new WebSocketGate(this.#settings);
    // Nothing is read before a greeting reads it.
    this.#server = createServer({ noDelay: true, allowHalfOpen: true, pauseOnConnect: true });
    this.#server.on('connection', (socket) => this.#onConnection(socket));
    const gone = (socket: Socket): void => this.#gone(socket);
    this.#onGone = function onGone() {
      gone(this);
    };
  }

  get connections(): number {
    return this.#owners.size;
  }

  get connectionsMax(): number {
    return this.#settings.connectionsMax;
  }

  get handshakes(): Listener['handshakes'] {
    return this.tls?.tally ?? NO_HANDSHAKES;
  }

  get certificates(): Listener['certificates'] {
    return this.#material?.certificates ?? [];
  }

  async listen(): Promise<void> {
    const { host, port } = this.options;
    try {
      await new Promise<void>((resolve, reject) => {
        this.#server.once('error', reject);
        this.#server.listen({ host, port, backlog: BACKLOG }, () => {
          this.#server.removeListener('error', reject);
          resolve();
        });
      });
    } catch (error) {
      this.tls?.close();
      throw listenError(this.name, host, port, error as NodeJS.ErrnoException);
    }
    acceptEarly(this.#server, (address, port, accepted) => {
      const admitted = this.#judge(address, port);
      if (admitted === undefined) return 'away';
      if (this.type === 'tcp') {
        this.#greet(admitted, new DirectSocket(accepted));
        return 'taken';
      }
      this.#admitted = admitted;
      return 'in';
    });
    const bound = this.#server.address() as AddressInfo;
    this.address = bound.address;
    this.port = bound.port;
    if (!EVERY_ADDRESS.includes(bound.address)) this.#arriveAt = normaliseAddress(bound.address);
    this.#accepting = true;
    this.#server.on('error', (error) => this.#onAcceptFailed(error));
    this.#deps.emit({
      name: 'listener.opened',
      listener: this.name,
      address: this.address,
      port: this.port,
      type: this.type,
    });
    this.#tellCertificates();
  }

  /** Such as running out of file descriptors: the listener goes on when there are some again, and says so once a second. */
  #onAcceptFailed(error: Error): void {
    const nowMs = this.#deps.clock.nowMs();
    if (nowMs - this.#failedAtMs < FAILURE_NOTICE_MS) return;
    this.#failedAtMs = nowMs;
    this.#deps.emit({ name: 'listener.failed', listener: this.name, says: error.message });
  }

  update(options: ListenerOptions): void {
    try {
      this.#update(options);
    } catch (error) {
      throw placed(error, options.place);
    }
  }

  #update(options: ListenerOptions): void {
    const { host, port } = this.options;
    if (options.name !== this.name || options.type !== this.type || options.host !== host || options.port !== port) {
      throw new ListenerError('needs_reopening', this.name, 'name, type, host and port change only with a restart');
    }
    const [oldPsk, psk] = [this.options.tls?.psk, options.tls?.psk];
    if ((oldPsk === undefined) !== (psk === undefined) || oldPsk?.identityHint !== psk?.identityHint) {
      const says = 'whether clients have pre-shared keys, and the hint to them, change only with a restart';
      throw new ListenerError('needs_reopening', this.name, says);
    }
    const settings = settle(options);
    const material = this.#loadTls(options);
    this.options = options;
    this.#settings = settings;
    this.#downstreamDeps = this.#makeDownstreamDeps();
    this.webSocket?.swap(settings);
    if (material === undefined) return;
    this.tls?.swap(material);
    const before = this.#material;
    this.#material = material;
    if (before?.certificates.map(fingerprint).join() !== material.certificates.map(fingerprint).join()) {
      this.#tellCertificates();
    }
  }

  async stopAccepting(graceMs = 0): Promise<void> {
    if (!this.#accepting) return;
    this.#accepting = false;
    this.#server.close();
    this.#expiryWatch?.cancel();
    this.tls?.close();
    this.#deps.emit({ name: 'listener.closed', listener: this.name });
    if (graceMs > 0 && this.#greetings().length > 0) {
      await new Promise<void>((resolve) => {
        this.#onGreeted = resolve;
        this.#deps.clock.after(graceMs, resolve);
      });
    }
    for (const greeting of this.#greetings()) greeting.destroy();
  }

  #greetings(): Greeting[] {
    return [...this.#owners.values()].filter((owner) => owner instanceof Greeting);
  }

  /** A connection has been handed over, or is gone. */
  #greeted(): void {
    if (!this.#accepting && this.#greetings().length === 0) this.#onGreeted?.();
  }

  async closeAll(): Promise<void> {
    void this.stopAccepting();
    const gone = [...this.#owners.keys()].map(
      (socket) => new Promise<void>((resolve) => socket.once('close', () => resolve())),
    );
    for (const owner of this.#owners.values()) owner.destroy();
    await Promise.all(gone);
    // TLS and WebSocket tell of a socket's end one turn after the socket itself.
    await new Promise<void>((resolve) => setImmediate(resolve));
    await turnShare.whenIdle();
  }

  #loadTls(options: ListenerOptions): TlsMaterial | undefined {
    if ((options.type !== 'tls' && options.type !== 'wss') || options.tls === undefined) return undefined;
    return loadTls(options.name, options.tls, this.#deps.clock.epochMs());
  }

  #makeDownstreamDeps(): ByteStreamDeps {
    return { clock: this.#deps.clock, queue: flushQueue, closeGraceMs: this.#settings.closeGraceMs };
  }

  /** Lets a connection in, or tells of its rejection. `remote` is undefined where it was reset between the kernel's accept and ours. */
  #judge(remote: string | undefined, port: number): Admitted | undefined {
    const address = remote === undefined ? undefined : normaliseAddress(remote);
    if (address === undefined) return undefined;
    lastConnectionNumber += 1;
    const connectionId = `${this.#deps.connectionIdPrefix ?? ''}c${lastConnectionNumber}`;
    const facts = { connectionId, listener: this.name, address, port };
    const settings = this.#settings;
    // A trusted proxy's connection is judged when its header has named the client.
    const isProxys = settings.proxyMode !== 'off' && settings.proxyTrusted.has(address);
    const rejection =
      this.#ceiling(isProxys ? undefined : address) ??
      (isProxys ? undefined : this.#deps.gate?.admit(this.name, address));
    if (rejection !== undefined) {
      this.#rejections.add(facts, rejection);
      return undefined;
    }
    const drop = (): void => this.#makeRoom(admitted);
    if (this.#isFull) this.admission.halfOpen.makeRoom(this, address);
    const place = this.admission.halfOpen.enter({ address: isProxys ? undefined : address, door: this, drop });
    if (!(place instanceof HalfOpenPlace)) {
      this.#rejections.add(facts, place);
      if (!isProxys) this.#deps.gate?.released?.(this.name, address);
      return undefined;
    }
    const admitted: Admitted = { facts, isProxys, place };
    return admitted;
  }

  #onConnection(accepted: Socket): void {
    const admitted = this.#admitted ?? this.#judge(accepted.remoteAddress, accepted.remotePort ?? 0);
    this.#admitted = undefined;
    if (admitted === undefined) accepted.resetAndDestroy();
    else this.#greet(admitted, accepted);
  }

  #greet(admitted: Admitted, raw: Socket): void {
    const { facts, isProxys, place } = admitted;
    admitted.raw = raw;
    const greeting = new Greeting(this, raw, place, facts);
    this.#owners.set(raw, greeting);
    raw.on('close', this.#onGone);
    if (!isProxys) this.#count(raw, facts.address);
    greeting.begin(this.#settings);
  }

  /** One that stands in the door goes, so that another comes in. */
  #makeRoom({ raw, facts }: Admitted): void {
    const owner = raw === undefined ? undefined : this.#owners.get(raw);
    this.#rejections.add(facts, HALF_OPEN_EVICTED);
    owner?.destroy();
  }

  get #isFull(): boolean {
    return this.#owners.size >= this.#settings.connectionsMax;
  }

  /** A full listener takes whoever comes in the place of one of a crowd without CONNACK. */
  #ceiling(address: string | undefined): Rejection | undefined {
    const { connectionsMax } = this.#settings;
    if (!this.#isFull) return undefined;
    if (address !== undefined && this.admission.halfOpen.canMakeRoom(this, address)) return undefined;
    const says = `the listener has its ${connectionsMax} connections`;
    return { by: 'limit:connectionsMax', reason: Reason.ServerBusy, says };
  }

  admit({ raw, address, place }: Greeting): Rejection | undefined {
    const rejection = this.#deps.gate?.admit(this.name, address);
    if (rejection === undefined) this.#count(raw, address);
    return rejection ?? place.moveTo(address);
  }

  #count(raw: Socket, address: string): void {
    if (this.#deps.gate?.released !== undefined) this.#counted.set(raw, address);
  }

  #gone(raw: Socket): void {
    const owner = this.#owners.get(raw);
    this.#owners.delete(raw);
    this.#greeted();
    owner?.place?.leave();
    const address = this.#counted.get(raw);
    if (address === undefined) return;
    this.#counted.delete(raw);
    this.#deps.gate?.released?.(this.name, address);
  }

  /** Asked of the system only where it cannot be known. */
  localAddressOf(raw: Socket): string {
    return this.#arriveAt ?? normaliseAddress(raw.localAddress ?? '') ?? '';
  }

  deadline(run: () => void, times = 1): Timer {
    return this.#deps.clock.after(this.#settings.handshakeTimeoutMs * times, run);
  }

  takeSocket(greeting: Greeting, socket: Socket, facts: DownstreamFacts, first: Buffer): void {
    const downstream = new SocketDownstream(socket, facts, this.#downstreamDeps, greeting);
    this.#owners.set(greeting.raw, downstream);
    this.#greeted();
    downstream.start(this.#accept, first);
  }

  takeWebSocket(greeting: Greeting, socket: WebSocket, facts: DownstreamFacts): void {
    const downstream = new WebSocketDownstream(socket, facts, this.#downstreamDeps, greeting);
    this.#owners.set(greeting.raw, downstream);
    this.#greeted();
    downstream.start(this.#accept);
  }

  reject({ connectionId, listener, address, port }: ConnectionFacts, rejection: Rejection): void {
    this.#rejections.add({ connectionId, listener, address, port }, rejection);
  }

  /** Says what is loaded, and from then on daily what is about to expire. */
  #tellCertificates(): void {
    for (const { subject, fingerprint, expiresAtMs } of this.#material?.certificates ?? []) {
      const expiresAt = new Date(expiresAtMs).toISOString();
      this.#deps.emit({ name: 'certificate.loaded', listener: this.name, subject, fingerprint, expiresAt });
    }
    this.#watchExpiry();
  }

  #watchExpiry(): void {
    this.#expiryWatch?.cancel();
    if (this.#material === undefined) return;
    const nowMs = this.#deps.clock.epochMs();
    for (const { subject, expiresAtMs } of this.#material.certificates) {
      const daysLeft = Math.floor((expiresAtMs - nowMs) / DAY_MS);
      if (daysLeft >= EXPIRY_NOTICE_DAYS) continue;
      const expiresAt = new Date(expiresAtMs).toISOString();
      this.#deps.emit({ name: 'certificate.expiring', listener: this.name, subject, expiresAt, daysLeft });
    }
    this.#expiryWatch = this.#deps.clock.after(DAY_MS, () => this.#watchExpiry());
  }
}

function fingerprint(certificate: { fingerprint: string }): string {
  return certificate.fingerprint;
}
