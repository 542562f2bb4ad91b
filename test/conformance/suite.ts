/**
 * The frame of every sequence: a claim in one sentence with its clause tags, run once a protocol version against the target.
 * `[MQTT-…]` tags are clauses of MQTT 5.0, `[MQTT311-…]` of 3.1.1; a claim runs for the versions whose tags it carries, and
 * those of 3.1.1 for MQTT 3.1 as well, unless it names its versions.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { ConnectPacket, Packet } from '../../src/mqtt/packet.ts';
import { PacketType, type ProtocolVersion } from '../../src/mqtt/wire.ts';
import { type ConnectInit, connect as connectPacket } from '../kit/packets.ts';
import { RawClient, show } from '../kit/raw-client.ts';
import { PASSWORD, startTarget, TARGET_NAMES, type Target, USERNAME } from '../kit/targets.ts';
import { deviationOf } from './deviations.ts';

const wanted = process.env['SALLYPORT_CONFORMANCE_TARGET'] ?? 'gateway';
const targetName = TARGET_NAMES.find((name) => name === wanted);
assert.ok(targetName, `SALLYPORT_CONFORMANCE_TARGET is one of ${TARGET_NAMES.join(', ')}`);

const VERSION_NAMES = { 3: 'MQTT 3.1', 4: 'MQTT 3.1.1', 5: 'MQTT 5.0' } as const;

/** A session that outlives its connection, in every version: below 5.0 the property is not sent. */
export const KEPT = { cleanStart: false, properties: { sessionExpiryIntervalS: 120 } } as const;

let target: Target;
let sequences = 0;

before(async () => {
  target = await startTarget(targetName);
});
after(() => target?.stop());

/** What a sequence has: clients that are closed when it ends, and names that no other sequence uses. */
export class World {
  readonly version: ProtocolVersion;
  /** At most 20 characters of 0-9 and a-z; client identifiers and topics begin with it. */
  readonly id: string;
  readonly #clients: RawClient[] = [];
  #named = 0;

  constructor(version: ProtocolVersion) {
    this.version = version;
    this.id = `s${(sequences++).toString(36)}v${version}`;
  }

  get target(): Target {
    return target;
  }

  /** A topic of this sequence. */
  topic(rest = 't'): string {
    return `${this.id}/${rest}`;
  }

  /** A client identifier of this sequence; the same name gives the same identifier. */
  clientId(name: string): string {
    return `${this.id}${name}`;
  }

  /** A network connection, nothing sent. */
  async open(version = this.version): Promise<RawClient> {
    const client = await RawClient.open(target.tcp, version);
    this.#clients.push(client);
    return client;
  }

  /** What every CONNECT here has, unless a sequence says otherwise: credentials, and an identifier of its own. */
  init(init: ConnectInit = {}): ConnectInit {
    return { clientId: this.clientId(`c${this.#named++}`), username: USERNAME, password: PASSWORD, ...init };
  }

  connectPacket(init: ConnectInit = {}): ConnectPacket {
    return connectPacket(this.version, this.init(init));
  }

  /** A client whose CONNECT was accepted. */
  async connect(init: ConnectInit = {}, version = this.version): Promise<RawClient> {
    const client = await this.open(version);
    await client.connect(this.init(init));
    return client;
  }

  /** A connection that has sent CONNECT; the answer is the sequence's business. */
  async attempt(init: ConnectInit, version = this.version): Promise<RawClient> {
    const client = await this.open(version);
    client.send(connectPacket(version, this.init(init)));
    return client;
  }

  /**
   * The server ends the connection because of what was sent last. To a v5 client it may say why, and then with one of these
   * reason codes; the gateway always says it. Below 5.0 it says nothing.
   */
  async expectFault(client: RawClient, ...reasons: number[]): Promise<void> {
    const last = await client.next('the end of the connection');
    if (last === 'closed') {
      assert.ok(client.version < 5 || target.name !== 'gateway', `expected DISCONNECT ${reasons}, got the end`);
      return;
    }
    assert.ok(
      client.version === 5 && isRefusal(last, client.connack !== undefined),
      `expected an end, got ${show(last)}`,
    );
    assert.ok(reasons.includes(last.reasonCode), `expected reason ${reasons}, got ${show(last)}`);
    await client.expectClosed();
  }

  dispose(): void {
    for (const client of this.#clients) client.drop();
  }
}

type Refusal = Extract<Packet, { type: typeof PacketType.Disconnect | typeof PacketType.Connack }>;

/** Before its CONNACK a server refuses with CONNACK, after it with DISCONNECT [MQTT-3.14.0-1] [MQTT-3.2.0-2]. */
function isRefusal(packet: Packet, connected: boolean): packet is Refusal {
  return packet.type === (connected ? PacketType.Disconnect : PacketType.Connack) && packet.reasonCode >= 0x80;
}

export interface ClaimOptions {
  versions?: readonly ProtocolVersion[];
}

function versionsOf(text: string): ProtocolVersion[] {
  const versions: ProtocolVersion[] = [];
  if (text.includes('[MQTT311-')) versions.push(3, 4);
  if (text.includes('[MQTT-')) versions.push(5);
  return versions;
}

function nameOf(text: string, version: ProtocolVersion): string {
  const others = version === 5 ? /\s*\[MQTT311-[^\]]*\]/g : /\s*\[MQTT-[^\]]*\]/g;
  return `${VERSION_NAMES[version]}: ${text.replaceAll(others, '')}`;
}

/** One claim of the specification, and the sequence that shows it. */
export function claim(text: string, run: (world: World) => Promise<void>, options: ClaimOptions = {}): void {
  const versions = options.versions ?? versionsOf(text);
  assert.ok(versions.length > 0, `a claim carries a clause tag: ${text}`);
  for (const version of versions) {
    const deviation = deviationOf(wanted, text, version);
    const name = nameOf(text, version);
    it(deviation === undefined ? name : `${name} (known deviation: ${deviation})`, async () => {
      const world = new World(version);
      try {
        if (deviation === undefined) await run(world);
        else await assert.rejects(run(world), `${wanted} no longer deviates: take it off the list`);
      } finally {
        world.dispose();
      }
    });
  }
}

/** Claims of one chapter, run side by side: most of them wait most of the time. */
export function chapter(title: string, claims: () => void): void {
  describe(title, { concurrency: 24 }, claims);
}

/** Claims that need the broker to themselves, one after the other. */
export function alone(title: string, claims: () => void): void {
  describe(title, { concurrency: 1 }, claims);
}
