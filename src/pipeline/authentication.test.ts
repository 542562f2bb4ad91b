import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { allow, Bench, testPolicy } from '../../test/kit/pipeline-bench.ts';
import { settled } from '../../test/kit/settled.ts';
import type { AuthPacket, ConnectPacket, Packet } from '../mqtt/packet.ts';
import { PacketType } from '../mqtt/wire.ts';
import { buildAuthenticator } from '../policy/identity/authenticator.ts';
import type {
  AuthenticationResult,
  Credentials,
  EnhancedExchange,
  EnhancedStep,
  IdentityMethod,
} from '../policy/identity/identity.ts';
import type { ConnectionPolicy } from './policy.ts';
import { readWillAuthor } from './will-author.ts';

const METHOD = 'RIDDLE';

function auth(reasonCode: number, data?: string, method = METHOD): AuthPacket {
  const authenticationData = data === undefined ? {} : { authenticationData: Buffer.from(data) };
  return { type: PacketType.Auth, reasonCode, properties: { authenticationMethod: method, ...authenticationData } };
}

function done(result: AuthenticationResult, data?: string): EnhancedStep {
  return data === undefined ? { kind: 'done', result } : { kind: 'done', result, data: Buffer.from(data) };
}

function identityFrom(credentials: Credentials, username: string, facts: object = {}): AuthenticationResult {
  const { clientId } = credentials;
  return { ok: true, identity: { username, clientId, method: 'riddle', credential: 'mark', ...facts } };
}

const WRONG: AuthenticationResult = { ok: false, reason: 0x86, by: 'riddle', says: 'Wrong.', method: 'riddle' };

/** Asks for a name, then for a word: `name:NAME`, `right`. Other data is wrong; `again` asks once more; `slow` never ends. */
class Riddle implements EnhancedExchange {
  readonly #credentials: Credentials;
  #name: string | undefined;

  constructor(credentials: Credentials) {
    this.#credentials = credentials;
  }

  step(data: Uint8Array | undefined): Promise<EnhancedStep | undefined> {
    const text = Buffer.from(data ?? '').toString();
    if (text === 'throw') return Promise.reject(new Error('boom'));
    if (text === 'slow') return new Promise(() => undefined);
    if (text.startsWith('name:')) this.#name = text.slice(5);
    else if (text === 'right' && this.#name !== undefined) {
      const role = this.#credentials.oneTimeCode;
      const facts = role === undefined ? {} : { roles: [role] };
      return Promise.resolve(done(identityFrom(this.#credentials, this.#name, facts), 'well done'));
    } else if (text !== '' && text !== 'again') return Promise.resolve(done(WRONG));
    return Promise.resolve({ kind: 'continue', data: Buffer.from('and now?') });
  }
}

const riddle: IdentityMethod = {
  name: 'riddle',
  enhanced: [{ name: METHOD, begin: (credentials) => new Riddle(credentials) }],
  authenticate: () => undefined,
  stillValid: () => true,
};

function policy(changes: Partial<ConnectionPolicy> = {}): ConnectionPolicy {
  return testPolicy({
    authenticator: buildAuthenticator([riddle]),
    authorizer: { forClient: ({ roles }) => allow(roles?.includes('wide') === true ? '#' : 'ok/#') },
    ...changes,
  });
}

function begin(data?: string, method = METHOD): Partial<ConnectPacket> {
  const authenticationData = data === undefined ? {} : { authenticationData: Buffer.from(data) };
  const connect = new Bench(5).connectPacket({ properties: { authenticationMethod: method, ...authenticationData } });
  const { username: _username, password: _password, ...rest } = connect;
  return rest;
}

async function exchange(bench: Bench, ...packets: Packet[]): Promise<Packet[]> {
  for (const packet of packets) {
    bench.send(packet);
    await settled();
  }
  return bench.received();
}

/** Connected as `ada` by the method. */
async function connected(of = policy()): Promise<Bench> {
  const bench = new Bench(5, of);
  const [, connack] = await exchange(bench, begin('name:ada') as ConnectPacket, auth(0x18, 'right'));
  assert.partialDeepStrictEqual(connack, { type: PacketType.Connack, reasonCode: 0 });
  return bench;
}

function reasonsOf(packets: Packet[]): [type: number, reasonCode: number][] {
  return packets.map((packet) => [packet.type, (packet as { reasonCode: number }).reasonCode]);
}

describe('enhanced authentication', () => {
  it('goes on in AUTH packets until CONNACK, which carries its method and last data [MQTT-4.12.0-2] [MQTT-4.12.0-3] [MQTT-4.12.0-5]', async () => {
    const bench = new Bench(5, policy());
    const packets = await exchange(bench, begin() as ConnectPacket, auth(0x18, 'name:ada'), auth(0x18, 'right'));
    const challenge = { authenticationMethod: METHOD, authenticationData: new Uint8Array(Buffer.from('and now?')) };
    assert.deepEqual(packets.slice(0, 2), [
      { type: PacketType.Auth, reasonCode: 0x18, properties: challenge },
      { type: PacketType.Auth, reasonCode: 0x18, properties: challenge },
    ]);
    assert.partialDeepStrictEqual(packets[2], {
      type: PacketType.Connack,
      reasonCode: 0,
      properties: { authenticationMethod: METHOD, authenticationData: Buffer.from('well done') },
    });
    assert.partialDeepStrictEqual(bench.named('authentication.succeeded'), [{ username: 'ada', method: 'riddle' }]);
  });

  it('is between the client and us: the server sees a plain CONNECT', async () => {
    const bench = await connected();
    const [[, connect]] = bench.link.named('connect') as [[string, ConnectPacket]];
    assert.deepEqual(connect.properties, {});
  });

  it('takes AUTH that came right behind the CONNECT only when it is its turn', async () => {
    const bench = new Bench(5, policy());
    bench.send(begin('name:ada') as ConnectPacket, auth(0x18, 'right'));
    await settled();
    await settled();
    assert.deepEqual(reasonsOf(bench.received()), [
      [PacketType.Auth, 0x18],
      [PacketType.Connack, 0],
    ]);
  });

  it('by a method that is not offered is refused with 0x8C [MQTT-4.12.0-1]', async () => {
    for (const method of ['SCRAM-SHA-1', 'riddle', '']) {
      const bench = new Bench(5, policy());
      assert.deepEqual(reasonsOf(await exchange(bench, begin('x', method) as ConnectPacket)), [
        [PacketType.Connack, 0x8c],
      ]);
      assert.equal(bench.downstream.ended, true);
      assert.equal(bench.link.calls.length, 0);
    }
  });

  for (const [what, packet, reason, by] of [
    ['a wrong answer', auth(0x18, 'wrong'), 0x86, 'riddle'],
    ['another method [MQTT-4.12.0-5]', auth(0x18, 'right', 'OTHER'), 0x82, 'codec:authentication_method_changed'],
    ['a re-authentication before CONNACK', auth(0x19, 'right'), 0x82, 'codec:auth_unexpected'],
    ['a PINGREQ [MQTT-3.1.2-30]', { type: PacketType.Pingreq }, 0x82, 'codec:packet_during_authentication'],
    ['a second CONNECT', begin('name:ada'), 0x82, 'virtual-patch:CVE-2021-34431'],
    ['a method that throws inside', auth(0x18, 'throw'), 0x80, 'authentication:internal'],
  ] as [string, Packet, number, string][]) {
    it(`ends with CONNACK ${reason.toString(16)} after ${what} [MQTT-4.12.0-4], and the server hears nothing`, async () => {
      const bench = new Bench(5, policy());
      const [, connack] = await exchange(bench, begin('name:ada') as ConnectPacket, packet);
      assert.deepEqual(reasonsOf([connack!]), [[PacketType.Connack, reason]]);
      assert.equal(bench.downstream.ended, true);
      assert.equal(bench.link.calls.length, 0);
      const [event] = [...bench.named('authentication.failed'), ...bench.named('packet.faulted')];
      assert.equal(event?.by, by);
    });
  }

  it('ends after eight packets, however patient the method is', async () => {
    const bench = new Bench(5, policy());
    const again = Array.from({ length: 8 }, () => auth(0x18, 'again'));
    const packets = await exchange(bench, begin('again') as ConnectPacket, ...again);
    assert.deepEqual(reasonsOf(packets).at(-1), [PacketType.Connack, 0x87]);
    assert.equal(packets.length, 9);
  });

  it('has the deadline of the CONNECT, however often the client speaks', async () => {
    const bench = new Bench(5, policy());
    await exchange(bench, begin('again') as ConnectPacket);
    bench.clock.advance(6000);
    await exchange(bench, auth(0x18, 'again'));
    bench.clock.advance(4000);
    assert.deepEqual(reasonsOf(bench.received()), [[PacketType.Connack, 0x87]]);
    assert.equal(bench.clock.pendingCount, 0);
  });

  it('that the client gives up leaves nothing behind', async () => {
    const bench = new Bench(5, policy());
    await exchange(bench, begin('slow') as ConnectPacket);
    bench.connection.onClosed({ by: 'peer', says: '', bytesIn: 1, bytesOut: 1 });
    assert.equal(bench.clock.pendingCount, 0);
    assert.deepEqual(bench.named('authentication.failed'), []);
  });

  it('proves no other name than the one that the CONNECT gave', async () => {
    const bench = new Bench(5, policy());
    const packets = await exchange(
      bench,
      { ...begin('name:ada'), username: 'grace' } as ConnectPacket,
      auth(0x18, 'right'),
    );
    assert.deepEqual(reasonsOf(packets).at(-1), [PacketType.Connack, 0x87]);
    assert.equal(bench.named('authentication.failed')[0]!.by, 'identity:username');
  });

  it('sends no packet that is larger than the client takes [MQTT-3.1.2-24]', async () => {
    const bench = new Bench(5, policy());
    const { properties, ...connect } = begin('again') as ConnectPacket;
    const packets = await exchange(bench, { ...connect, properties: { ...properties, maximumPacketSizeBytes: 20 } });
    assert.deepEqual(reasonsOf(packets), [[PacketType.Connack, 0x95]]);
  });

  it('that a reload overtakes is judged by the new policy', async () => {
    const bench = new Bench(5, policy());
    await exchange(bench, begin('name:ada') as ConnectPacket);
    bench.connection.applyPolicy(policy({ generation: 2, authenticator: buildAuthenticator([]) }));
    const packets = await exchange(bench, auth(0x18, 'right'));
    assert.deepEqual(reasonsOf(packets).at(-1), [PacketType.Connack, 0x87]);
    assert.equal(bench.link.calls.length, 0);
  });
});

describe('re-authentication', () => {
  it('ends with AUTH 0x00, and traffic goes on meanwhile', async () => {
    const bench = await connected();
    const packets = await exchange(
      bench,
      auth(0x19, 'name:ada'),
      bench.publish('ok/1', { qos: 1 }),
      auth(0x18, 'right'),
      { type: PacketType.Pingreq },
    );
    assert.deepEqual(
      packets.map((packet) => packet.type),
      [PacketType.Auth, PacketType.Auth, PacketType.Pingresp],
    );
    assert.partialDeepStrictEqual(packets[1], {
      reasonCode: 0,
      properties: { authenticationMethod: METHOD, authenticationData: Buffer.from('well done') },
    });
    assert.equal(bench.link.named('publish').length, 1);
    assert.equal(bench.link.named('authenticate').length, 0);
    assert.equal(bench.downstream.ended, false);
  });

  it('renews the rights: what was denied may be allowed, and what was allowed is decided anew', async () => {
    const bench = await connected();
    const wide = auth(0x19, 'name:ada');
    wide.properties.userProperties = [['totp', 'wide']];
    await exchange(bench, bench.publish('secret/1'), wide, auth(0x18, 'right'), bench.publish('secret/1'));
    assert.equal(bench.link.named('publish').length, 1);
    await exchange(bench, auth(0x19, 'name:ada'), auth(0x18, 'right'), bench.publish('secret/1'));
    assert.equal(bench.link.named('publish').length, 1);
  });

  it('tells the server who leaves the Will now, by the proof that counts', async () => {
    const bench = new Bench(5, policy());
    const will = { topic: 'ok/gone', payload: Buffer.from('bye'), qos: 0, retain: false, properties: {} } as const;
    await exchange(bench, { ...begin('name:ada'), will } as ConnectPacket, auth(0x18, 'right'));
    const wide = auth(0x19, 'name:ada');
    wide.properties.userProperties = [['totp', 'wide']];
    await exchange(bench, wide, auth(0x18, 'right'));
    const [[, text] = []] = bench.link.named('renewed');
    const author = readWillAuthor(text as string | undefined);
    const { method, credential } = bench.connection.client.identity!;
    assert.deepEqual([author?.subject.username, author?.subject.roles], ['ada', ['wide']]);
    assert.deepEqual(author?.proof, { method, credential });
  });

  it('as somebody else ends the connection', async () => {
    const bench = await connected();
    const packets = await exchange(bench, auth(0x19, 'name:grace'), auth(0x18, 'right'));
    assert.deepEqual(reasonsOf(packets), [
      [PacketType.Auth, 0x18],
      [PacketType.Disconnect, 0x87],
    ]);
    assert.equal(bench.named('authentication.failed')[0]!.by, 'identity:username');
  });

  for (const [what, packets, reason] of [
    ['a wrong answer', [auth(0x19, 'name:ada'), auth(0x18, 'wrong')], 0x87],
    ['wrong data at once', [auth(0x19, 'wrong')], 0x87],
    ['another method than at CONNECT [MQTT-4.12.1-1]', [auth(0x19, 'name:ada', 'OTHER')], 0x82],
    ['a second one before the first has ended', [auth(0x19, 'name:ada'), auth(0x19, 'name:ada')], 0x82],
    ['an answer that nobody asked for', [auth(0x18, 'right')], 0x82],
  ] as [string, AuthPacket[], number][]) {
    it(`by ${what} ends the connection with ${reason.toString(16)} [MQTT-4.12.1-2]`, async () => {
      const bench = await connected();
      const answers = await exchange(bench, ...packets);
      assert.deepEqual(reasonsOf(answers).at(-1), [PacketType.Disconnect, reason]);
      assert.equal(bench.downstream.ended, true);
      assert.equal(bench.link.named('close').length, 1);
    });
  }

  it('that takes too long ends the connection', async () => {
    const bench = await connected();
    await exchange(bench, auth(0x19, 'slow'));
    bench.clock.advance(10_000);
    assert.deepEqual(reasonsOf(bench.received()), [[PacketType.Disconnect, 0x87]]);
  });

  it('of a client that had named no method is a protocol error [MQTT-4.12.0-7]', async () => {
    const bench = new Bench(5);
    await bench.open();
    const packets = await exchange(bench, auth(0x19, 'name:tester'));
    assert.deepEqual(reasonsOf(packets), [[PacketType.Disconnect, 0x82]]);
  });

  it('renews the time that the identity lasts', async () => {
    const lasting: IdentityMethod = {
      ...riddle,
      enhanced: [
        {
          name: METHOD,
          begin: (credentials) => ({
            step: () => {
              const expiresAtMs = bench.clock.epochMs() + 30_000;
              return Promise.resolve(done(identityFrom(credentials, 'ada', { expiresAtMs })));
            },
          }),
        },
      ],
    };
    const bench = new Bench(5, policy({ authenticator: buildAuthenticator([lasting]) }));
    await exchange(bench, begin() as ConnectPacket);
    bench.clock.advance(29_000);
    await exchange(bench, auth(0x19));
    bench.clock.advance(29_999);
    assert.equal(bench.downstream.ended, false);
    bench.clock.advance(1);
    assert.deepEqual(reasonsOf(bench.received()).at(-1), [PacketType.Disconnect, 0x87]);
  });
});

describe('a user name that is a secret', () => {
  it('shows up in no event, and not in what is kept of the CONNECT', async () => {
    const method: IdentityMethod = {
      name: 'token',
      authenticate: (credentials) =>
        Promise.resolve(credentials.username === 'secret-good' ? identityFrom(credentials, 'ada') : WRONG),
      stillValid: () => true,
      isSecret: (username) => username.startsWith('secret'),
    };
    for (const username of ['secret-good', 'secret-bad']) {
      const bench = new Bench(5, policy({ authenticator: buildAuthenticator([method]) }));
      await bench.open({ username });
      bench.connection.onClosed({ by: 'peer', says: '', bytesIn: 1, bytesOut: 1 });
      assert.doesNotMatch(JSON.stringify(bench.events), /secret/);
      if (username === 'secret-good') {
        assert.equal(bench.connection.client.connect?.username, 'ada');
        assert.doesNotMatch(JSON.stringify(bench.connection.client.connect), /secret/);
      }
    }
  });
});

describe('a one-time code', () => {
  it('reaches the method and not the server; other user properties reach both', async () => {
    const seen: (string | undefined)[] = [];
    const method: IdentityMethod = {
      name: 'code',
      authenticate: (credentials) => {
        seen.push(credentials.oneTimeCode);
        return Promise.resolve(identityFrom(credentials, 'ada'));
      },
      stillValid: () => true,
    };
    const bench = new Bench(5, policy({ authenticator: buildAuthenticator([method]) }));
    const userProperties: [string, string][] = [
      ['totp', '123456'],
      ['site', 'basel'],
    ];
    await bench.open({ properties: { userProperties } });
    const [[, connect]] = bench.link.named('connect') as [[string, ConnectPacket]];
    assert.deepEqual(seen, ['123456']);
    assert.deepEqual(connect.properties, { userProperties: [['site', 'basel']] });
  });
});
