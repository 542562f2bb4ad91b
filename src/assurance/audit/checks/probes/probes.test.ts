import { describeChecks } from '../../../../../test/kit/check-fixtures.ts';
import { NOTHING_DECLARED } from '../../audit-file/schema.ts';
import { type Fact, known, unknown } from '../../model/fact.ts';
import type { ProbeFacts } from '../../probe/facts.ts';
import { probes } from './probes.ts';

const URL = 'mqtt://broker.example:1883';
const fact = <T>(value: T): Fact<T> => known(value, URL);
const NOT_TRIED = unknown('consent-missing', 'Say --active.');

/** An endpoint of which nothing is known. */
const NOTHING: ProbeFacts = {
  endpoint: { url: URL, scheme: 'mqtt', host: 'broker.example', port: 1883, path: '', logins: [], isActive: false },
  profile: NOTHING_DECLARED.profile,
  anonymous: NOT_TRIED,
  anyPassword: NOT_TRIED,
  defaults: NOT_TRIED,
  readable: NOT_TRIED,
  sys: NOT_TRIED,
  published: NOT_TRIED,
  control: NOT_TRIED,
  retained: NOT_TRIED,
  packetLimit: NOT_TRIED,
  takeover: NOT_TRIED,
  inheritance: NOT_TRIED,
  throttling: NOT_TRIED,
  silence: NOT_TRIED,
  keepAlive: NOT_TRIED,
  clientIds: NOT_TRIED,
  withoutCertificate: NOT_TRIED,
  will: NOT_TRIED,
  malformed: NOT_TRIED,
  foreignOrigin: NOT_TRIED,
  proxyHeader: NOT_TRIED,
};

type Fixture = Partial<ProbeFacts>;
const EVERY_ENDPOINT = { cannot: 'every endpoint can be asked this' };
const WEBSOCKET: Fixture = { endpoint: { ...NOTHING.endpoint, scheme: 'wss' } };
const MUTUAL: Fixture = { profile: { ...NOTHING.profile, mutualTls: true } };

describeChecks<ProbeFacts, Fixture>({
  family: probes,
  collect: async (fixture) => ({ ...NOTHING, ...fixture }),
  fixtures: {
    P01: {
      pass: { anonymous: fact({ v311: 5, v5: 0x87 }) },
      fail: { anonymous: fact({ v311: 5, v5: 0 }) },
      'not-applicable': EVERY_ENDPOINT,
      unknown: {},
    },
    P02: {
      pass: { anyPassword: fact(5) },
      fail: { anyPassword: fact(0) },
      'not-applicable': EVERY_ENDPOINT,
      unknown: {},
    },
    P03: {
      pass: { defaults: fact([]) },
      fail: { defaults: fact(['admin']) },
      'not-applicable': { anyPassword: fact(0), defaults: fact(['admin']) },
      unknown: {},
    },
    P04: {
      pass: { readable: fact([]) },
      fail: { readable: fact(['#']) },
      'not-applicable': EVERY_ENDPOINT,
      unknown: {},
    },
    P05: {
      pass: { sys: fact({ topics: 0, version: undefined }) },
      fail: { sys: fact({ topics: 3, version: 'x' }) },
      'not-applicable': EVERY_ENDPOINT,
      unknown: {},
    },
    P06: {
      pass: { published: fact({ answer: 0, isDelivered: false }) },
      fail: { published: fact({ answer: 0, isDelivered: true }) },
      'not-applicable': EVERY_ENDPOINT,
      unknown: {},
    },
    P07: {
      pass: { control: fact({ $SYS: 0x87, $CONTROL: 'closed' }) },
      fail: { control: fact({ $SYS: 0x87, $CONTROL: 0 }) },
      'not-applicable': EVERY_ENDPOINT,
      unknown: {},
    },
    P08: {
      pass: { retained: fact(false) },
      fail: { retained: fact(true) },
      'not-applicable': EVERY_ENDPOINT,
      unknown: {},
    },
    P09: {
      pass: { packetLimit: fact(262_144) },
      fail: { packetLimit: fact(0) },
      'not-applicable': EVERY_ENDPOINT,
      unknown: {},
    },
    P10: {
      pass: { takeover: fact(false) },
      fail: { takeover: fact(true) },
      'not-applicable': EVERY_ENDPOINT,
      unknown: {},
    },
    P11: {
      pass: { inheritance: fact(false) },
      fail: { inheritance: fact(true) },
      'not-applicable': EVERY_ENDPOINT,
      unknown: {},
    },
    P12: {
      pass: { throttling: fact({ attempts: 50, answered: 10 }) },
      fail: { throttling: fact({ attempts: 50, answered: 50 }) },
      'not-applicable': { anyPassword: fact(0) },
      unknown: {},
    },
    P13: {
      pass: { silence: fact(10) },
      fail: { silence: fact('later') },
      'not-applicable': EVERY_ENDPOINT,
      unknown: {},
    },
    P14: {
      pass: { keepAlive: fact(1200) },
      fail: { keepAlive: fact(undefined) },
      'not-applicable': EVERY_ENDPOINT,
      unknown: {},
    },
    P15: {
      pass: { clientIds: fact({ empty: 0, long: 2 }) },
      fail: { clientIds: fact({ empty: 2, long: 0 }) },
      'not-applicable': EVERY_ENDPOINT,
      unknown: {},
    },
    P16: {
      pass: { ...MUTUAL, withoutCertificate: fact('closed') },
      fail: { ...MUTUAL, withoutCertificate: fact(0) },
      'not-applicable': {},
      unknown: MUTUAL,
    },
    P17: {
      pass: { will: fact({ mayPublish: false, isDelivered: false }) },
      fail: { will: fact({ mayPublish: false, isDelivered: true }) },
      'not-applicable': { will: fact({ mayPublish: true, isDelivered: true }) },
      unknown: {},
    },
    P18: {
      pass: { malformed: fact([]) },
      fail: { malformed: fact(['U+0000 in a topic']) },
      'not-applicable': EVERY_ENDPOINT,
      unknown: {},
    },
    P19: {
      pass: { ...WEBSOCKET, foreignOrigin: fact(false) },
      fail: { ...WEBSOCKET, foreignOrigin: fact(true) },
      'not-applicable': {},
      unknown: WEBSOCKET,
    },
    P20: {
      pass: { proxyHeader: fact(false) },
      fail: { proxyHeader: fact(true) },
      'not-applicable': EVERY_ENDPOINT,
      unknown: {},
    },
  },
});
