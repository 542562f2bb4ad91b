/** The peers of one run: each is started when it is first asked for, and all are ended at the end. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { makeCa, makeCertificate } from '../test/kit/certificates.ts';
import { removeDirectory, temporaryDirectory } from '../test/kit/process.ts';
import { startAedes } from './peers/aedes.ts';
import { type GatewayInit, startGateway } from './peers/gateway.ts';
import { startHaproxy } from './peers/haproxy.ts';
import { startMosquitto } from './peers/mosquitto.ts';
import { startNginx } from './peers/nginx.ts';
import { NotHere, type Peer, type PeerPlace, type ServerCertificate } from './peers/peer.ts';
import { startSink } from './peers/sink.ts';

type Behind = 'mosquitto' | 'sink';

interface Kind {
  readonly title: string;
  /** What it stands before. */
  readonly behind?: Behind;
  start(place: PeerPlace): Promise<Peer>;
}

const MANY_RULES = 100_000;
const FEW_RULES = 10;

/** Grants of single devices, of which one in ten is used by the load: all of them belong to one user. */
function aclOf(rules: number): string[] {
  const lines = ['user bench'];
  for (let i = 0; i < rules - 1; i++) lines.push(`topic readwrite fleet/site-${i % 1000}/device-${i}/+`);
  return [...lines, 'topic readwrite bench/acl/#'];
}

const gatewayWith =
  (init: Partial<GatewayInit>) =>
  (place: PeerPlace): Promise<Peer> =>
    startGateway({ ...place, ...init });

const KINDS = {
  mosquitto: { title: 'Mosquitto', start: startMosquitto },
  embedded: { title: 'Sallyport, embedded broker', start: startGateway },
  aedes: { title: 'Aedes', start: startAedes },
  haproxy: { title: 'HAProxy > Mosquitto', behind: 'mosquitto', start: startHaproxy },
  nginx: { title: 'nginx > Mosquitto', behind: 'mosquitto', start: startNginx },
  gateway: { title: 'Sallyport > Mosquitto', behind: 'mosquitto', start: startGateway },
  'haproxy-sink': { title: 'HAProxy > sink', behind: 'sink', start: startHaproxy },
  'nginx-sink': { title: 'nginx > sink', behind: 'sink', start: startNginx },
  'gateway-sink': { title: 'Sallyport > sink', behind: 'sink', start: startGateway },
  'few-rules': { title: `Sallyport, ${FEW_RULES} rules`, start: gatewayWith({ acl: aclOf(FEW_RULES) }) },
  'many-rules': {
    title: `Sallyport, ${MANY_RULES.toLocaleString('en')} rules`,
    start: gatewayWith({ acl: aclOf(MANY_RULES) }),
  },
} as const satisfies Record<string, Kind>;

export type PeerName = keyof typeof KINDS;

export function titleOf(name: PeerName): string {
  return KINDS[name].title;
}

/** Whether it is the gateway, in one of its roles. */
export function isOurs(name: PeerName): boolean {
  const { start }: Kind = KINDS[name];
  return start === startGateway || name === 'few-rules' || name === 'many-rules';
}

export class Stage {
  readonly #directory: string;
  readonly #certificate: ServerCertificate;
  readonly #running = new Map<PeerName | 'sink' | 'broker behind', Promise<Peer>>();
  readonly #missing = new Map<PeerName, string>();
  readonly #broken = new Set<PeerName>();
  #count = 0;

  private constructor(directory: string, certificate: ServerCertificate) {
    this.#directory = directory;
    this.#certificate = certificate;
  }

  static async open(): Promise<Stage> {
    const ca = await makeCa('Bench CA');
    const certificate = await makeCertificate(ca, { commonName: 'bench', use: 'server' });
    return new Stage(await temporaryDirectory('bench'), certificate);
  }

  /** Why it could not be started. */
  get missing(): ReadonlyMap<PeerName, string> {
    return this.#missing;
  }

  /** Of the missing ones, those that should have started: nothing they need is absent. */
  get broken(): ReadonlySet<PeerName> {
    return this.#broken;
  }

  /** Undefined where it cannot be started; why is kept in `missing`. */
  async peer(name: PeerName): Promise<Peer | undefined> {
    if (this.#missing.has(name)) return undefined;
    const running = this.#running.get(name);
    if (running !== undefined) return running;
    const starting = this.fresh(name);
    this.#running.set(name, starting);
    try {
      return await starting;
    } catch (error) {
      this.#running.delete(name);
      const said = error instanceof Error ? error.message : String(error);
      this.#missing.set(name, error instanceof NotHere ? said : `did not start: ${said}`);
      if (!(error instanceof NotHere)) this.#broken.add(name);
      return undefined;
    }
  }

  /** One more of the kind, with nothing on its clock; the caller ends it. */
  async fresh(name: PeerName): Promise<Peer> {
    const kind: Kind = KINDS[name];
    const behind = kind.behind === undefined ? {} : { behind: (await this.#behind(kind.behind)).port };
    return kind.start({ directory: await this.#place(name), certificate: this.#certificate, ...behind });
  }

  /** Ends a peer that no later measure of the run needs warm. */
  async end(name: PeerName): Promise<void> {
    const running = this.#running.get(name);
    this.#running.delete(name);
    await (await running)?.stop();
  }

  async close(): Promise<void> {
    const peers = await Promise.allSettled(this.#running.values());
    // Those in front first, so that none has to tell of a broker that went away.
    for (const peer of peers.reverse()) if (peer.status === 'fulfilled') await peer.value.stop();
    await removeDirectory(this.#directory);
  }

  #behind(kind: Behind): Promise<Peer> {
    const key = kind === 'sink' ? 'sink' : 'broker behind';
    let running = this.#running.get(key);
    if (running === undefined) {
      running = kind === 'sink' ? startSink() : this.#startBehind();
      this.#running.set(key, running);
    }
    return running;
  }

  async #startBehind(): Promise<Peer> {
    return startMosquitto({ directory: await this.#place('behind'), certificate: this.#certificate });
  }

  async #place(name: string): Promise<string> {
    const directory = join(this.#directory, `${name}-${this.#count++}`);
    await mkdir(directory, { mode: 0o700 });
    return directory;
  }
}
