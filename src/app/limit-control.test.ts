import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { ManualClock } from '../base/manual-clock.ts';
import { LimitsInForce } from '../policy/limits/limits-in-force.ts';
import { Membership } from '../policy/limits/membership.ts';
import { configFrom } from './config/load.ts';
import { OperatorError } from './config/problem.ts';
import { type GatewayLimits, limitControl, setLimits, showLimits, unsetLimits } from './limit-control.ts';

let clock: ManualClock;
let inForce: LimitsInForce;
let limits: GatewayLimits;

beforeEach(() => {
  clock = new ManualClock();
  inForce = new LimitsInForce({ clock, emit: () => undefined });
  limits = limitControl(inForce, clock);
});

describe('an operator', () => {
  it('sets several limits at once, for a time, and sees them', () => {
    const set = setLimits(limits, ['client:d42', '10m', 'publish.bytesPerSecond=2KB', 'inflightMax=5'], 'ann');
    assert.deepEqual(set, [
      {
        target: 'client:d42',
        limit: 'publish.bytesPerSecond',
        value: '2KB',
        source: 'override by ann',
        expiresInMs: 600_000,
      },
      { target: 'client:d42', limit: 'inflightMax', value: '5', source: 'override by ann', expiresInMs: 600_000 },
    ]);
    clock.advance(600_000);
    assert.deepEqual(limits.overrides(), []);
  });

  it('changes nothing where any part is wrong', () => {
    const cases: [words: string[], says: RegExp][] = [
      [[], /Name whom/],
      [['clint:x', '', 'inflightMax=1'], /did you mean client\?$/],
      [['client:x', ''], /Say what to set/],
      [['client:x', '', 'inflightMax'], /has no value/],
      [['client:x', '', 'inflightMx=1'], /did you mean inflightMax\?$/],
      [['client:x', '', 'connects=1/1s'], /no limit of the scope client/],
      [['client:x', '', 'inflightMax=1', 'publish.messagesPerSecond=0'], /lets nothing through/],
      [['client:x', '', 'publish.messagesPerSecond=10/1m burst 0'], /no packet fits/],
      [['client:x', '10', 'inflightMax=1'], /no time that an override can last/],
      [['client:x', '0s', 'inflightMax=1'], /no time/],
      [['client:x', '999d', 'inflightMax=1'], /no time/],
      [['client:x', '', '__proto__=1'], /no limit "__proto__"/],
    ];
    for (const [words, says] of cases) {
      assert.throws(
        () => setLimits(limits, words, 'ann'),
        (error: Error) => error instanceof OperatorError && says.test(error.message),
        words.join(' '),
      );
    }
    assert.deepEqual(limits.overrides(), []);
  });

  it('sets none for a listener or a network that nobody is counted by', () => {
    const { config } = configFrom('sallyport.yaml', 'listeners: [{ name: mqtts, type: tcp, port: 0 }]\n');
    const set = (target: string) => setLimits(limits, [target, '', 'connects=1/1s'], 'ann', config).length;
    assert.throws(() => set('listener:mqtt'), /There is no listener "mqtt"; did you mean mqtts\?$/);
    assert.throws(() => set('network:192.0.2.128/25'), /count as \/24 and \/64, .*: name network:192\.0\.2\.0\/24\.$/);
    assert.throws(() => set('network:2001:db8::/32'), /name network:2001:db8::\/64\.$/);
    assert.deepEqual(limits.overrides(), []);
    for (const target of [
      'listener:mqtts',
      'network:192.0.2.0/24',
      'network:::ffff:192.0.3.0/120',
      'network',
      'global',
    ])
      assert.equal(set(target), 1, target);
  });

  it('takes one back, or all, and is told where there is none', () => {
    setLimits(limits, ['client:d42', '', 'inflightMax=5', 'topicAliasMax=1', 'userPropertiesMax=1'], 'ann');
    assert.equal(unsetLimits(limits, ['client:d42', 'inflightMax']), 1);
    assert.equal(unsetLimits(limits, ['client:d42']), 2);
    assert.throws(() => unsetLimits(limits, ['client:d42']), /no such override of client:d42/);
  });

  it('sees of a connected client all that holds for it, with what is left', async () => {
    setLimits(limits, ['user:ann', '', 'publish.messagesPerSecond=10'], 'ann');
    setLimits(limits, ['client:d42', '', 'publish.messagesPerSecond=5', 'inflightMax=3'], 'ann');
    const client = inForce.join({
      listener: 'l',
      address: '192.0.2.1',
      username: 'ann',
      clientId: 'd42',
      roles: [],
      personal: [],
    });
    assert.ok(client instanceof Membership);
    client.publish?.charge(2, 0, clock.nowMs());
    const { limits: rows } = await showLimits(limits, ['client:d42']);
    assert.deepEqual(
      rows.map(({ scope, limit, buckets }) => [scope, limit, buckets?.[0]?.level]),
      [
        ['user', 'publish.messagesPerSecond', 8],
        ['client', 'publish.messagesPerSecond', 3],
        ['client', 'inflightMax', undefined],
      ],
    );
  });
});
