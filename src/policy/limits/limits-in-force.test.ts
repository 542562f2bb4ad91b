import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import type { GatewayEvent } from '../../base/events.ts';
import { ManualClock } from '../../base/manual-clock.ts';
import type { Excess } from './excess.ts';
import type { LimitName, Scope } from './limit-name.ts';
import type { LimitMap } from './limit-rules.ts';
import { type Limit, readLimit } from './limit-value.ts';
import { LimitsInForce } from './limits-in-force.ts';
import { type Member, Membership } from './membership.ts';
import { parseTarget } from './target.ts';

let clock: ManualClock;
let events: GatewayEvent[];
let limits: LimitsInForce;

function limit(name: LimitName, value: unknown, source = 'test'): Limit {
  const read = readLimit(name, value, source);
  if (typeof read === 'string') throw new Error(read);
  return read;
}

type Written = Partial<Record<LimitName, unknown>>;

function map(written: Written): LimitMap {
  return new Map(Object.entries(written).map(([name, value]) => [name as LimitName, limit(name as LimitName, value)]));
}

function rules(every: Partial<Record<Scope, Written>>, named: Record<string, Written> = {}) {
  return {
    prefixV4: 24,
    prefixV6: 64,
    every: new Map(Object.entries(every).map(([scope, written]) => [scope as Scope, map(written)])),
    named: new Map(Object.entries(named).map(([key, written]) => [key, map(written)])),
  };
}

function member(changes: Partial<Member> = {}): Member {
  return {
    listener: 'mqtts',
    address: '192.0.2.7',
    username: 'ann',
    clientId: 'c1',
    roles: [],
    personal: [],
    ...changes,
  };
}

function join(changes: Partial<Member> = {}): Membership {
  const joined = limits.join(member(changes));
  assert.ok(joined instanceof Membership);
  return joined;
}

function set(target: string, name: LimitName, value: unknown, forMs?: number): void {
  const parsed = parseTarget(target);
  if (typeof parsed === 'string') throw new Error(parsed);
  assert.ok(limits.override(parsed, limit(name, value, 'override'), forMs));
}

function publishes(membership: Membership, count: number): number {
  let passed = 0;
  for (let i = 0; i < count; i++) {
    if (membership.publish?.charge(1, 10, clock.nowMs()) === undefined) passed++;
  }
  return passed;
}

beforeEach(() => {
  clock = new ManualClock();
  events = [];
  limits = new LimitsInForce({ clock, emit: (event) => events.push(event) });
});

describe('where nothing is limited', () => {
  it('nothing is kept and nothing asked', () => {
    assert.equal(limits.admitConnect('mqtts', '192.0.2.7'), undefined);
    assert.equal(limits.admitAuthentication({ ...member() }), undefined);
    const { publish, deliver, subscribe, scopes } = join();
    assert.deepEqual([publish, deliver, subscribe, scopes], [undefined, undefined, undefined, []]);
  });
});

describe('budgets', () => {
  it('are shared by who is in their scope, and the tightest wins', () => {
    limits.setRules(rules({ user: { 'publish.messagesPerSecond': 10 }, client: { 'publish.messagesPerSecond': 8 } }));
    const [a, b] = [join({ clientId: 'a' }), join({ clientId: 'b' })];
    const other = join({ username: 'ben', clientId: 'c' });
    assert.equal(publishes(a, 20), 8);
    assert.equal(a.publish?.charge(1, 1, clock.nowMs())?.scope, 'client');
    assert.equal(publishes(b, 20), 2);
    assert.equal(b.publish?.charge(1, 1, clock.nowMs())?.scope, 'user');
    assert.equal(publishes(other, 20), 8);
  });

  it('outlive a connection until they are full again', () => {
    limits.setRules(rules({ client: { 'publish.messagesPerSecond': 10 } }));
    const first = join();
    assert.equal(publishes(first, 20), 10);
    limits.leave(first);
    assert.equal(publishes(join(), 20), 0, 'coming back gives nothing');
  });

  it('that came with the identity stand beside those of the configuration', () => {
    limits.setRules(rules({ client: { 'publish.messagesPerSecond': 10 } }));
    const narrow = join({ personal: [limit('publish.messagesPerSecond', 3, 'identity:webhook')] });
    assert.equal(publishes(narrow, 20), 3);
    assert.equal(narrow.publish?.charge(1, 1, clock.nowMs())?.limit.source, 'identity:webhook');
    assert.equal(publishes(join({ clientId: 'w', personal: [limit('publish.messagesPerSecond', 99)] }), 20), 10);
  });

  it('of a role and of a listener are found by name', () => {
    limits.setRules(
      rules(
        { listener: { 'publish.messagesPerSecond': 50 } },
        {
          'role sensor': { 'publish.messagesPerSecond': 5 },
          'listener open': { 'publish.messagesPerSecond': 2 },
        },
      ),
    );
    assert.equal(publishes(join({ roles: ['sensor'] }), 20), 5);
    assert.equal(publishes(join({ listener: 'open', clientId: 'x' }), 20), 2);
    assert.equal(publishes(join({ clientId: 'y' }), 20), 20);
  });
});

describe('a change while connections are open', () => {
  it('takes effect on them, both ways, and tells them', () => {
    const client = join();
    let told = 0;
    client.owner = { limitsChanged: () => void told++ };
    set('client:c1', 'publish.messagesPerSecond', 4);
    assert.equal(told, 1);
    assert.equal(publishes(client, 20), 4);
    set('client:other', 'publish.messagesPerSecond', 1);
    assert.equal(told, 1, 'another client is another matter');
    limits.unset({ scope: 'client', key: 'c1' });
    assert.equal(client.publish, undefined);
    assert.equal(publishes(client, 20), 20);
    limits.setRules(rules({ global: { 'publish.messagesPerSecond': 7 } }));
    assert.equal(publishes(client, 20), 7);
  });

  it('by an override replaces what its scope has otherwise, until it expires', () => {
    limits.setRules(rules({ client: { 'publish.messagesPerSecond': 10 } }));
    const client = join({ personal: [limit('publish.messagesPerSecond', 5)] });
    set('client:c1', 'publish.messagesPerSecond', 50, 60_000);
    assert.equal(publishes(client, 100), 50);
    clock.advance(60_000);
    assert.equal(publishes(client, 100), 5);
    assert.deepEqual(
      events.flatMap((event) => (event.name === 'limit.changed' ? [event.action] : [])),
      ['set', 'expired'],
    );
    assert.equal(clock.pendingCount, 0);
  });

  it('of every client at once leaves the one out that has an override of its own', () => {
    const [a, b] = [join({ clientId: 'a' }), join({ clientId: 'b' })];
    set('client', 'publish.messagesPerSecond', 3);
    set('client:b', 'publish.messagesPerSecond', 6);
    assert.deepEqual([publishes(a, 20), publishes(b, 20)], [3, 6]);
  });

  it('keeps what was used of a budget', () => {
    set('client:c1', 'publish.messagesPerSecond', 10);
    const client = join();
    assert.equal(publishes(client, 5), 5);
    set('client:c1', 'publish.messagesPerSecond', 20);
    assert.equal(publishes(client, 40), 10, 'half was used, so half is left');
  });

  it('of the scale tightens what single clients may do', () => {
    limits.setRules(rules({ client: { 'publish.messagesPerSecond': 100 }, user: { 'publish.messagesPerSecond': 90 } }));
    const client = join();
    limits.scale = 0.1;
    assert.equal(publishes(client, 200), 10);
    limits.scale = 1;
    clock.advance(1000);
    assert.equal(publishes(client, 200), 90);
  });
});

describe('ceilings', () => {
  it('are the tightest of those of user, role, identity and client', () => {
    limits.setRules(
      rules({ user: { packetSizeMax: '8KiB', inflightMax: 5 } }, { 'role cam': { packetSizeMax: '64KiB' } }),
    );
    const { ceilings } = join({ roles: ['cam'], personal: [limit('inflightMax', 9)] });
    assert.deepEqual(ceilings.packetSizeMax, { max: 8192, by: 'limit:user packetSizeMax' });
    assert.deepEqual(ceilings.inflightMax, { max: 5, by: 'limit:user inflightMax' });
  });
});

describe('connects', () => {
  it('are counted by address and network, and both windows hold', () => {
    limits.setRules(rules({ address: { connects: '3/1s, 5/1m' }, network: { connects: '6/1m' } }));
    const tries = (address: string, count: number) =>
      Array.from({ length: count }, () => limits.admitConnect('mqtts', address)?.by);
    assert.deepEqual(tries('192.0.2.1', 4), [undefined, undefined, undefined, 'limit:address connects']);
    clock.advance(1000);
    assert.equal(tries('192.0.2.1', 4).filter((by) => by === undefined).length, 2);
    assert.deepEqual(tries('192.0.2.2', 2), [undefined, 'limit:network connects']);
    assert.deepEqual(tries('192.0.3.1', 1), [undefined]);
  });

  it('of one IPv6 network are together, whatever their last 64 bits', () => {
    limits.setRules(rules({ network: { connects: '2/1m' } }));
    const by = ['2001:db8::1', '2001:db8::2:0:0:1', '2001:db8::3'].map(
      (address) => limits.admitConnect('l', address)?.by,
    );
    assert.deepEqual(by, [undefined, undefined, 'limit:network connects']);
  });

  it('counts connections that stand where a reload has put them, and where they end', () => {
    const narrow = rules({ network: { connectionsMax: 2 } });
    const wide = { ...narrow, prefixV4: 16 };
    const mayConnect = (address: string): boolean => limits.admitConnect('l', address) === undefined;
    limits.setRules(narrow);
    for (const address of ['192.0.2.1', '192.0.3.1']) limits.connected('l', address);
    assert.ok(mayConnect('192.0.2.9'));
    limits.setRules(wide);
    assert.ok(!mayConnect('192.0.2.9'), 'both are in 192.0.0.0/16');
    limits.disconnected('l', '192.0.2.1');
    assert.ok(mayConnect('192.0.2.9'));
    limits.connected('l', '192.0.2.9');
    limits.setRules(narrow);
    limits.connected('l', '192.0.2.8');
    assert.ok(!mayConnect('192.0.2.7'));
    for (const address of ['192.0.2.9', '192.0.2.8', '192.0.3.1']) limits.disconnected('l', address);
    for (const again of [wide, narrow]) {
      limits.setRules(again);
      limits.connected('l', '192.0.2.1');
      assert.ok(mayConnect('192.0.2.1'), 'nothing is left of those that have gone');
      limits.disconnected('l', '192.0.2.1');
    }
  });

  it('beyond the connections that an address may have are refused, until one has gone', () => {
    limits.setRules(rules({ address: { connectionsMax: 2 } }));
    limits.connected('l', '192.0.2.1');
    limits.connected('l', '192.0.2.1');
    assert.equal(limits.admitConnect('l', '192.0.2.1')?.by, 'limit:address connectionsMax');
    assert.equal(limits.admitConnect('l', '192.0.2.2'), undefined);
    limits.disconnected('l', '192.0.2.1');
    assert.equal(limits.admitConnect('l', '192.0.2.1'), undefined);
  });

  it('remember no more addresses than they may, and say so when one is forgotten that was not done', () => {
    limits = new LimitsInForce({ clock, emit: (event) => events.push(event), rememberedMax: 10 });
    limits.setRules(rules({ address: { connects: '1/1h' } }));
    for (let i = 0; i < 50; i++) assert.equal(limits.admitConnect('l', `192.0.2.${i}`), undefined);
    assert.equal(limits.admitConnect('l', '192.0.2.49')?.limit, 'connects');
    assert.equal(limits.admitConnect('l', '192.0.2.0'), undefined, 'forgotten');
    assert.equal(events.filter(({ name }) => name === 'ceiling.reached').length, 1);
  });
});

describe('logins', () => {
  const applicant = (address: string, username = 'ann') => ({ listener: 'l', address, username, clientId: 'c' });

  it('that fail too often are refused before anything is done for them', () => {
    limits.setRules(rules({ address: { authenticationFailures: '3/1m' } }));
    for (let i = 0; i < 3; i++) {
      assert.equal(limits.admitAuthentication(applicant('192.0.2.1', `user${i}`)), undefined);
      limits.authenticated(applicant('192.0.2.1', `user${i}`), false);
    }
    assert.equal(limits.admitAuthentication(applicant('192.0.2.1', 'x'))?.by, 'limit:address authenticationFailures');
    assert.equal(limits.admitAuthentication(applicant('192.0.2.2', 'x')), undefined);
    clock.advance(20_000);
    assert.equal(limits.admitAuthentication(applicant('192.0.2.1', 'x')), undefined);
  });

  it('that succeed cost nothing, so that a fleet behind one address is welcome', () => {
    limits.setRules(rules({ address: { authenticationFailures: '3/1m' } }));
    for (let i = 0; i < 100; i++) {
      assert.equal(limits.admitAuthentication(applicant('192.0.2.1', `u${i}`)), undefined);
      limits.authenticated(applicant('192.0.2.1', `u${i}`), true);
    }
  });

  it('of a user whom others guess at are let in from where the user has logged in before', () => {
    limits.setRules(rules({ user: { authenticationFailures: '3/1m' } }));
    limits.authenticated(applicant('192.0.2.1'), true);
    for (let i = 0; i < 3; i++) limits.authenticated(applicant('198.51.100.9'), false);
    assert.equal(limits.admitAuthentication(applicant('198.51.100.9'))?.by, 'limit:user authenticationFailures');
    assert.equal(limits.admitAuthentication(applicant('192.0.2.1')), undefined);
    limits.authenticated(applicant('192.0.2.1'), false);
    assert.equal(limits.admitAuthentication(applicant('192.0.2.1'))?.scope, 'user', 'one failure there ends the trust');
  });

  it('are limited as attempts too, where that is asked for', () => {
    limits.setRules(rules({ client: { authentications: '2/1m' } }));
    const by = [1, 2, 3].map((i) => limits.admitAuthentication(applicant(`192.0.2.${i}`))?.by);
    assert.deepEqual(by, [undefined, undefined, 'limit:client authentications']);
  });
});

describe('connections of a user', () => {
  it('are counted by client identifier: one that comes back replaces itself', () => {
    limits.setRules(rules({ user: { connectionsMax: 2 } }));
    const a = join({ clientId: 'a' });
    join({ clientId: 'b' });
    const over = limits.join(member({ clientId: 'c' })) as Excess;
    assert.deepEqual([over.by, over.value, over.source], ['limit:user connectionsMax', '2', 'test']);
    const again = join({ clientId: 'a' });
    limits.leave(a);
    assert.ok(!(limits.join(member({ clientId: 'c' })) instanceof Membership), 'a is still there');
    limits.leave(again);
    join({ clientId: 'c' });
  });
});

describe('topics', () => {
  it('have the limits of every filter that takes them in', () => {
    limits.setRules(rules({}, { 'topic video/#': { 'publish.messagesPerSecond': 2, packetSizeMax: '4KiB' } }));
    assert.deepEqual(limits.topicFilters('audio/1'), []);
    const filters = limits.topicFilters('video/1');
    assert.deepEqual(filters, ['video/#']);
    set('topic:video/+', 'publish.messagesPerSecond', 1);
    assert.deepEqual(limits.topicFilters('video/1'), ['video/#', 'video/+']);
    assert.equal(limits.topicStates(['video/#'])[0]?.budgets.length, 1);
    limits.unset({ scope: 'topic', key: 'video/+' });
    assert.deepEqual(limits.topicFilters('video/1'), ['video/#']);
  });
});

describe('an excess', () => {
  it('is told with its limit, value and source, and then only once in a while', () => {
    limits.setRules(rules({ address: { connects: '1/1h' } }));
    limits.admitConnect('l', '192.0.2.1');
    for (let i = 0; i < 5; i++) {
      limits.tell(limits.admitConnect('l', '192.0.2.1')!, 'refused', 0x9f, { listener: 'l', address: '192.0.2.1' });
    }
    clock.advance(10_000);
    limits.tell(limits.admitConnect('l', '192.0.2.1')!, 'refused', 0x9f, { listener: 'l', address: '192.0.2.1' });
    const told = events.filter((event) => event.name === 'limit.exceeded');
    assert.equal(told.length, 2);
    assert.deepEqual(told[0], {
      name: 'limit.exceeded',
      listener: 'l',
      address: '192.0.2.1',
      limit: 'connects',
      scope: 'address',
      key: '192.0.2.1',
      value: '1/1h',
      source: 'test',
      action: 'refused',
      reason: 0x9f,
      by: 'limit:address connects',
      says: 'one address has connects 1/1h, and this is more',
    });
    assert.equal(told[1]?.suppressed, 4);
  });
});

describe('several processes', () => {
  it('have an even part each of what connections share, until they are told otherwise', () => {
    limits = new LimitsInForce({ clock, emit: (event) => events.push(event), processes: 4 });
    limits.setRules(
      rules({ user: { 'publish.messagesPerSecond': 100 }, client: { 'publish.messagesPerSecond': 100 } }),
    );
    const client = join();
    assert.equal(publishes(client, 200), 25);
    assert.deepEqual([...limits.demands()], [['user ann', 2]]);
    limits.setShares(new Map([['user ann', 0.9]]));
    clock.advance(1000);
    assert.equal(publishes(client, 200), 90);
  });
});

describe('a target', () => {
  it('is a scope and whom it means', () => {
    const cases: [text: string, scope: Scope, key: string | undefined][] = [
      ['global', 'global', ''],
      ['client:d42', 'client', 'd42'],
      ['client:a:b', 'client', 'a:b'],
      ['client', 'client', undefined],
      ['address:::ffff:192.0.2.1', 'address', '192.0.2.1'],
      ['network:192.0.2.77/24', 'network', '192.0.2.0/24'],
      ['network:2001:db8::5/64', 'network', '2001:db8::/64'],
      ['topic:video/#', 'topic', 'video/#'],
    ];
    for (const [text, scope, key] of cases) assert.deepEqual(parseTarget(text), { scope, key }, text);
  });

  it('that is none is refused with how it would look', () => {
    const cases: [text: string, says: RegExp][] = [
      ['', /no scope; it is one of global/],
      ['clint:x', /did you mean client\?/],
      ['global:x', /there is one/],
      ['client:', /names no client; it looks like client:d42/],
      ['client:a\nb', /names no client/],
      ['address:example.org', /names no address/],
      ['network:192.0.2.0', /names no network/],
      ['network:192.0.2.0/33', /names no network/],
      ['topic:a/#/b', /names no topic/],
      ['role', /name the role/],
    ];
    for (const [text, says] of cases) assert.match(String(parseTarget(text)), says, text);
  });
});
