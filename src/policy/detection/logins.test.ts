import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { times, Watchtower } from '../../../test/kit/detection.ts';

describe('brute force', () => {
  it('is told of its source with the failure that reaches the threshold, and a ban follows', () => {
    const tower = new Watchtower('bruteForce');
    times(9, () => tower.failedLogin());
    assert.equal(tower.detections.length, 0);
    tower.failedLogin();
    const [source, name] = tower.detections;
    assert.deepEqual(source!.subject, { kind: 'address', value: '192.0.2.9' });
    assert.deepEqual(source!.responses, ['ban']);
    assert.equal(source!.score, 1);
    assert.equal(source!.evidence.count, 10);
    assert.deepEqual(source!.evidence.examples, ['root']);
    assert.equal(source!.says, '192.0.2.9 failed to log in 10 times.');
    assert.deepEqual(name!.subject, { kind: 'username', value: 'root' });
  });

  it('never acts on the name that was guessed at: its bearer is the victim', () => {
    const tower = new Watchtower('bruteForce', { response: ['ban', 'disconnect', 'log'] });
    times(10, (i) => tower.failedLogin({ address: `198.51.100.${i}`, username: 'ada' }));
    const [only, ...more] = tower.detections;
    assert.deepEqual(more, []);
    assert.deepEqual(only!.subject, { kind: 'username', value: 'ada' });
    assert.deepEqual(only!.responses, ['log']);
    const banning = new Watchtower('bruteForce', { response: ['ban'] });
    times(10, (i) => banning.failedLogin({ address: `198.51.100.${i}` }));
    assert.deepEqual(banning.detections[0]!.responses, ['alert']);
  });

  it('is not what people who mistype, a failing backend and a revoked certificate do', () => {
    const tower = new Watchtower('bruteForce');
    times(60, () => {
      tower.failedLogin();
      tower.failedLogin({}, { reason: 0x88 });
      tower.failedLogin({}, { method: 'certificate', reason: 0x87 });
      tower.pass(10 * 60_000);
    });
    assert.equal(tower.detections.length, 0);
  });

  it('is seen too where it is slow: one failure in six minutes, for a night', () => {
    const tower = new Watchtower('bruteForce', { slowFailures: 40 });
    let hours = 0;
    while (tower.detections.length === 0 && hours < 24) {
      tower.failedLogin();
      tower.pass(360_000);
      hours += 0.1;
    }
    assert.match(tower.detections[0]!.says, /failed to log in 40 times over hours/);
    assert.ok(hours > 3 && hours < 8, `after ${hours} hours`);
  });

  it('of an IPv6 address is that of its network, whatever address of it comes', () => {
    const tower = new Watchtower('bruteForce');
    times(10, (i) => tower.failedLogin({ address: `2001:db8:0:7::${i + 1}`, username: `u${i}` }));
    assert.deepEqual(tower.detections[0]!.subject, { kind: 'network', value: '2001:db8:0:7::/64' });
    assert.match(tower.detections[0]!.says, /^Network 2001:db8:0:7::\/64 failed/);
  });

  it('shows examples that are few and short, whatever a peer sends', () => {
    const tower = new Watchtower('bruteForce');
    times(10, (i) => tower.failedLogin({ username: `${i}${'x'.repeat(65_000)}`, address: '192.0.2.1' }));
    const { examples } = tower.detections[0]!.evidence;
    assert.equal(examples.length, 5);
    for (const example of examples) assert.ok(example.length <= 65);
    const names = new Watchtower('bruteForce');
    times(10, (i) => names.failedLogin({ username: 'y'.repeat(65_000), address: `192.0.2.${i}` }));
    assert.ok(names.detections[0]!.says.length < 200);
    assert.equal(names.detections[0]!.subject.value.length, 65_000);
  });
});

describe('credential stuffing', () => {
  it('is many names from one source', () => {
    const tower = new Watchtower('credentialStuffing');
    times(30, () => tower.failedLogin({ username: 'ada' }));
    assert.equal(tower.detections.length, 0);
    times(10, (i) => tower.failedLogin({ username: `user${i}` }));
    const [source] = tower.detections;
    assert.deepEqual(source!.subject, { kind: 'address', value: '192.0.2.9' });
    assert.match(source!.says, /failed to log in as 8 different users/);
    assert.deepEqual(source!.responses, ['ban']);
  });

  it('is one name from many sources, which is told and not acted on', () => {
    const tower = new Watchtower('credentialStuffing');
    times(12, (i) => tower.failedLogin({ username: 'ada', address: `203.0.113.${i}` }));
    const [name] = tower.detections;
    assert.deepEqual(name!.subject, { kind: 'username', value: 'ada' });
    assert.deepEqual(name!.responses, ['alert']);
  });

  it('is seen over hours: a new name every ten minutes', () => {
    const tower = new Watchtower('credentialStuffing');
    let names = 0;
    while (tower.detections.length === 0 && names < 200) {
      tower.failedLogin({ username: `user${names++}` });
      tower.pass(600_000);
    }
    assert.match(tower.detections[0]!.says, /over hours/);
    assert.ok(names < 60, `after ${names} names`);
  });
});

describe('client identifier takeover', () => {
  it('is connecting under identifiers that are refused, and not one that is only too long', () => {
    const tower = new Watchtower('clientIdTakeover');
    times(20, () => tower.refusedConnect('limit:clientIdLengthMax', 0x85));
    times(20, () => tower.refusedConnect('upstream', 0x88));
    assert.equal(tower.detections.length, 0);
    times(5, (i) => tower.refusedConnect('upstream', 0x85, { clientId: `victim-${i}` }));
    const [source] = tower.detections;
    assert.deepEqual(source!.subject, { kind: 'address', value: '192.0.2.9' });
    assert.ok(source!.evidence.examples.includes('victim-3'));
  });
});

describe('flapping', () => {
  it('is a client that connects over and over, and not one that comes back now and then', () => {
    const tower = new Watchtower('flapping');
    times(100, () => {
      tower.connected();
      tower.pass(30_000);
    });
    assert.equal(tower.detections.length, 0);
    times(16, () => tower.connected());
    assert.deepEqual(tower.detections[0]!.subject, { kind: 'clientId', value: 'pump-7' });
    assert.equal(tower.detections[0]!.metric, 'aws:num-disconnects');
  });
});

describe('a shared credential', () => {
  it('is one certificate in many networks, or under many client identifiers', () => {
    const tower = new Watchtower('sharedCredential');
    const certificate = 'ab'.repeat(32);
    times(10, () => tower.connected({ certificate }));
    assert.equal(tower.detections.length, 0);
    times(5, (i) => tower.connected({ certificate, address: `198.51.${i}.1` }));
    assert.deepEqual(tower.detections[0]!.subject, { kind: 'certificate', value: certificate });
    assert.match(tower.detections[0]!.says, /^Certificate abababababababab… is in use from 4 networks\.$/);
    const other = new Watchtower('sharedCredential');
    times(5, (i) => other.connected({ certificate, clientId: `copy-${i}` }));
    assert.match(other.detections[0]!.says, /4 client identifiers/);
  });

  it('is a user that more use than a small fleet', () => {
    const tower = new Watchtower('sharedCredential');
    times(20, (i) => tower.connected({ clientId: `device-${i}` }));
    assert.equal(tower.detections.length, 0);
    times(30, (i) => tower.connected({ clientId: `device-${20 + i}` }));
    assert.deepEqual(tower.detections[0]!.subject, { kind: 'username', value: 'ada' });
  });
});
