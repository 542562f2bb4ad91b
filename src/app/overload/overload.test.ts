import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { Bench, testPolicy } from '../../../test/kit/pipeline-bench.ts';
import { settled } from '../../../test/kit/settled.ts';
import type { GatewayEvent } from '../../base/events.ts';
import type { Connection } from '../../pipeline/connection.ts';
import { ADMISSION_DEFAULTS } from '../../transports/admission.ts';
import { descriptorCount, descriptorLimit, type MeasureName, memoryOfSystem, type Reading } from './measures.ts';
import { Overload, type OverloadOptions } from './overload.ts';

const OPTIONS: OverloadOptions = {
  ...ADMISSION_DEFAULTS,
  enabled: true,
  eventLoopDelayMaxMs: 500,
  memoryMaxBytes: undefined,
  descriptorsMax: undefined,
  upstreamQueueMaxBytes: 1_000_000,
  idleAfterMs: 60_000,
  idlePerAddressMaxPercent: 10,
  knownGood: { connectedMinMs: 300_000, packetsPerSecondMax: 50 },
};

type Kind = 'anonymous' | 'named' | 'silent';

/** Overload control over real connections, with measures that say what the test tells them. */
class Room {
  readonly benches: Bench[] = [];
  readonly events: GatewayEvent[] = [];
  readonly readings: Reading[] = [{ measure: 'memory', value: 0, limit: 100 }];
  scale = 1;
  connectionsMax = 1000;
  readonly lead = new Bench(5);
  readonly overload: Overload;

  constructor(options: Partial<OverloadOptions> = {}) {
    const subjects = {
      connections: (): Iterable<Connection> => this.open.map(({ connection }) => connection),
      listeners: () => [{ name: 'test', connectionsMax: this.connectionsMax, connections: this.open.length }],
      setScale: (scale: number): void => {
        this.scale = scale;
      },
    };
    const services = { clock: this.lead.clock, emit: (event: GatewayEvent): void => void this.events.push(event) };
    this.overload = new Overload({ ...OPTIONS, ...options }, subjects, services);
    this.overload.start({ read: () => this.readings, close: () => {} });
  }

  get open(): Bench[] {
    return this.benches.filter((bench) => !bench.downstream.ended);
  }

  /** A client; anonymous, or a user that publishes once, or one that says nothing. */
  async join(kind: Kind, address = '192.0.2.7', clientId = `${kind}-${this.benches.length}`): Promise<Bench> {
    const policy = testPolicy();
    const authenticate = () => {
      const username = kind === 'anonymous' ? undefined : 'tester';
      return Promise.resolve({ ok: true, identity: { username, clientId, method: 'test', credential: '' } } as const);
    };
    const authenticator = { ...policy.authenticator, authenticate };
    const bench = new Bench(5, { ...policy, authenticator }, { clock: this.lead.clock, address });
    await bench.open({ clientId, keepAliveS: 1200 });
    await settled();
    this.benches.push(bench);
    this.pass(1);
    if (kind === 'named') bench.send(bench.publish('ok/1'));
    return bench;
  }

  pass(ms: number): void {
    this.lead.clock.advance(ms);
  }

  /** Pressure for so many samples. */
  press(value: number, samples: number, measure: MeasureName = 'memory'): void {
    this.readings[0] = { measure, value, limit: 100 };
    for (let i = 0; i < samples; i++) this.pass(500);
  }

  named<Name extends GatewayEvent['name']>(name: Name): Extract<GatewayEvent, { name: Name }>[] {
    return this.events.filter((event): event is Extract<GatewayEvent, { name: Name }> => event.name === name);
  }

  get shed(): (string | undefined)[] {
    return this.named('connection.shed').map(({ clientId }) => clientId);
  }
}

describe('overload', () => {
  it('makes strangers wait first, then everybody, and says so', async () => {
    const room = new Room();
    room.press(75, 3);
    assert.equal(room.overload.admission.room.doors, 'strangers');
    room.press(90, 3);
    assert.equal(room.overload.admission.room.doors, 'shut');
    assert.deepEqual(
      room.named('overload.entered').map(({ stage, measure, value, limit }) => [stage, measure, value, limit]),
      [
        [1, 'memory', 75, 100],
        [2, 'memory', 90, 100],
      ],
    );
    room.press(0, 20);
    assert.equal(room.overload.admission.room.doors, 'open');
    assert.deepEqual(
      room.named('overload.left').map(({ stage }) => stage),
      [2, 1],
    );
  });

  it('sheds anonymous clients first, then others, the newest of each first, bit by bit, with 0x89', async () => {
    const room = new Room();
    for (const kind of ['named', 'anonymous', 'named', 'anonymous'] as const) await room.join(kind);
    room.press(90, 6);
    assert.deepEqual(room.shed, ['anonymous-3']);
    room.press(90, 3);
    assert.deepEqual(room.shed, ['anonymous-3', 'anonymous-1', 'named-2', 'named-0']);
    const [disconnect] = room.benches[3]!.received();
    assert.equal((disconnect as { reasonCode: number }).reasonCode, 0x89);
    const [event] = room.named('connection.shed');
    assert.partialDeepStrictEqual(event, { by: 'overload:memory', action: 'shed', reason: 0x89 });
  });

  it('keeps known-good clients, and halves what everybody may do in the last stage', async () => {
    const room = new Room();
    await room.join('named');
    room.pass(300_000);
    await room.join('named');
    room.press(96, 9);
    assert.equal(room.overload.stage, 3);
    assert.equal(room.scale, 0.5);
    room.press(96, 20);
    assert.deepEqual(room.shed, ['named-1']);
    room.press(0, 40);
    assert.equal(room.scale, 1);
  });

  it('lets go of known-good clients only where all would be lost with them', async () => {
    for (const [measure, stays] of [
      ['eventLoopDelay', true],
      ['memory', false],
    ] as const) {
      const room = new Room();
      await room.join('named');
      room.pass(300_000);
      room.press(101, 12, measure);
      assert.equal(room.open.length, stays ? 1 : 0, measure);
    }
  });

  it('knows the addresses of known-good clients, of those that have left, too', async () => {
    const room = new Room();
    const left = await room.join('named', '198.51.100.1');
    await room.join('named', '198.51.100.2');
    room.pass(300_000);
    await room.join('named', '198.51.100.3');
    left.downstream.ended = true;
    room.overload.gone(left.connection.client);
    room.press(75, 3);
    const waits = ['198.51.100.1', '198.51.100.2', '198.51.100.3'].map((address) =>
      room.overload.admission.room.mustWait(address),
    );
    assert.deepEqual(waits, [false, false, true]);
  });

  it('is not looked for where it is turned off, and ends when it is', async () => {
    const off = new Room({ enabled: false });
    off.press(200, 20);
    assert.equal(off.overload.stage, 0);
    const room = new Room();
    room.press(96, 9);
    room.overload.configure({ ...OPTIONS, enabled: false });
    assert.equal(room.overload.admission.room.doors, 'open');
    assert.equal(room.scale, 1);
  });
});

describe('idle connections', () => {
  it('give way when the listener is nearly full, those of the address with most of them first, the longest idle first', async () => {
    const room = new Room({ idlePerAddressMaxPercent: 100 });
    room.connectionsMax = 18;
    const listens = await room.join('silent', '192.0.2.9');
    listens.connection.client.holds('ok/1');
    await room.join('silent', '192.0.2.1', 'single');
    for (let i = 0; i < 16; i++) await room.join('silent', '192.0.2.2', `held-${i}`);
    assert.equal(room.shed.length, 0);
    room.pass(61_000);
    assert.deepEqual(room.shed, ['held-0', 'held-1', 'held-2']);
    assert.equal(listens.downstream.ended, false);
  });

  it('of one address have a ceiling of their own, however empty the listener is', async () => {
    const room = new Room({ idlePerAddressMaxPercent: 1 });
    for (let i = 0; i < 15; i++) await room.join('silent', '192.0.2.2', `held-${i}`);
    room.pass(66_000);
    assert.deepEqual(room.shed, ['held-0', 'held-1', 'held-2', 'held-3', 'held-4']);
    assert.deepEqual([...new Set(room.named('connection.shed').map(({ by }) => by))], ['limit:idlePerAddressMax']);
  });

  it('are not those of clients that have said something lately', async () => {
    const room = new Room({ idlePerAddressMaxPercent: 1 });
    for (let i = 0; i < 15; i++) await room.join('silent', '192.0.2.2');
    room.pass(50_000);
    for (const bench of room.benches) bench.send(bench.publish('ok/1'));
    room.pass(50_000);
    assert.deepEqual(room.shed, []);
  });
});

describe('what the system gives', () => {
  it('is the least of host and control group', (t) => {
    const directory = mkdtempSync(join(tmpdir(), 'sallyport-cgroup-'));
    t.after(() => rmSync(directory, { recursive: true }));
    const file = join(directory, 'memory.max');
    for (const [text, bytes] of [
      ['max\n', 1000],
      ['600\n', 600],
      ['9223372036854771712\n', 1000],
      ['', 1000],
    ] as const) {
      writeFileSync(file, text);
      assert.equal(memoryOfSystem([file, join(directory, 'none')], 1000), bytes, JSON.stringify(text));
    }
  });

  it('has a number of descriptors on Linux, and how many are open', { skip: process.platform !== 'linux' }, () => {
    assert.ok(descriptorLimit()! >= descriptorCount()!);
    assert.ok(descriptorCount()! > 2);
    assert.equal(descriptorLimit('/nowhere'), undefined);
    assert.equal(descriptorCount('/nowhere'), undefined);
  });
});
