import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { times, Watchtower } from '../../../test/kit/detection.ts';
import { Reason } from '../../mqtt/reason.ts';

describe('malformed packets', () => {
  it('are laid to their source, and a ban follows', () => {
    const tower = new Watchtower('malformedPackets');
    times(9, () => tower.fault('truncated'));
    tower.rejected('websocket');
    assert.deepEqual(tower.detections[0]!.subject, { kind: 'address', value: '192.0.2.9' });
    assert.deepEqual(tower.detections[0]!.responses, ['ban']);
    assert.deepEqual(tower.detections[0]!.evidence.examples, ['truncated', 'websocket']);
  });

  it('are not those that are only too large, nor those that a broker sends', () => {
    const tower = new Watchtower('malformedPackets');
    times(50, () => tower.fault('packet_too_large'));
    times(50, () => {
      const cause = { reason: 0x81, by: 'codec:truncated', says: 'broken' };
      const fault = { fault: 'truncated', clause: 'x', sender: 'server' } as const;
      tower.see({ name: 'packet.faulted', ...fault, ...tower.facts(), ...cause });
    });
    assert.equal(tower.detections.length, 0);
  });
});

describe('oversized packets', () => {
  it('are counted from their headers', () => {
    const tower = new Watchtower('oversizedPackets');
    times(5, () => tower.fault('packet_too_large', { clientId: 'cam' }));
    assert.equal(tower.detections[0]!.metric, 'aws:message-byte-size');
    assert.deepEqual(tower.detections[0]!.responses, ['alert']);
  });
});

describe('a connect flood', () => {
  it('is connections that come to nothing, and not a fleet that comes back after an outage', () => {
    const tower = new Watchtower('connectFlood');
    times(5000, () => tower.closed(true));
    assert.equal(tower.detections.length, 0);
    times(100, () => tower.closed(false));
    assert.deepEqual(tower.detections[0]!.subject, { kind: 'address', value: '192.0.2.9' });
  });

  it('of one network is seen where no address of it is', () => {
    const tower = new Watchtower('connectFlood');
    times(1000, (i) => tower.closed(false, { address: `203.0.113.${i % 250}` }));
    assert.deepEqual(
      tower.detections.map(({ subject }) => subject),
      [{ kind: 'network', value: '203.0.113.0/24' }],
    );
  });

  it('counts failed handshakes with what was held back, and not what a full house or a ban turns away', () => {
    const tower = new Watchtower('connectFlood');
    times(500, () => tower.rejected('limit:connectionsMax'));
    times(500, () => tower.rejected('ban:operator'));
    times(500, () => tower.closed(false, { by: 'ban:detector' }));
    times(500, () => tower.closed(false, { by: 'limit:hashQueueMax', reason: Reason.ServerBusy }));
    times(500, () => tower.closed(false, { by: 'upstream', reason: Reason.ServerUnavailable }));
    assert.equal(tower.detections.length, 0);
    tower.rejected('tls');
    tower.rejected('tls', {}, 150);
    assert.equal(tower.detections.length, 1);
  });
});

describe('a distributed attack', () => {
  it('is the same from many addresses that each stay below every threshold', () => {
    const tower = new Watchtower();
    times(120, (i) => tower.failedLogin({ address: `203.${i}.113.7`, username: `u${i}`, clientId: `c${i}` }));
    assert.deepEqual(
      tower.detections.map(({ detector, subject }) => [detector, subject]),
      [['distributedAttack', { kind: 'listener', value: 'mqtts' }]],
    );
    const [attack] = tower.detections;
    assert.match(attack!.says, /^Listener mqtts saw the same from 100 sources: failed login\.$/);
    assert.equal(attack!.metric, 'aws:source-ip-address');
    assert.deepEqual(attack!.responses, ['alert']);
  });

  it('is not many addresses with many patterns, nor one that repeats itself', () => {
    const tower = new Watchtower('distributedAttack');
    times(90, (i) => tower.fault(`fault_${i % 3}`, { address: `203.${i}.113.7` }));
    times(5000, () => tower.fault('truncated'));
    assert.equal(tower.detections.length, 0);
  });
});

describe('a publish flood', () => {
  it('is a high rate that lasts, and not a burst', () => {
    const tower = new Watchtower('publishFlood');
    tower.sample({ messagesIn: 10_000, bytesIn: 1_000_000 });
    assert.equal(tower.detections.length, 0);
    times(60, () => {
      tower.sample({ messagesIn: 2500, bytesIn: 100_000 });
      tower.pass(1000);
    });
    assert.match(tower.detections[0]!.says, /publishes 2\d\d\d messages a second/);
    assert.equal(tower.detections[0]!.metric, 'aws:num-messages-sent');
  });

  it('is a high volume too', () => {
    const tower = new Watchtower('publishFlood', { bytesPerSecond: '1MB' });
    times(60, () => {
      tower.sample({ messagesIn: 3, bytesIn: 1_500_000 });
      tower.pass(1000);
    });
    assert.match(tower.detections[0]!.says, /bytes a second/);
  });
});

describe('hoarding of QoS 2 exchanges', () => {
  it('is many that stay open, and not many that come and go', () => {
    const tower = new Watchtower('qos2Hoarding');
    times(100, () => {
      tower.sample({ messagesIn: 500, openQos2: 200, openQos2Ms: 900 });
      tower.pass(1000);
    });
    assert.equal(tower.detections.length, 0);
    tower.sample({ openQos2: 60, openQos2Ms: 31_000 });
    assert.match(tower.detections[0]!.says, /keeps 60 QoS 2 exchanges open, the oldest for 31 s/);
  });
});

describe('a flood of retained messages', () => {
  it('is many topics, and not one that is retained anew', () => {
    const tower = new Watchtower('retainedFlood');
    times(60, () => tower.sample({ messagesIn: 100, retainedIn: 100, topicsNew: 0 }));
    assert.equal(tower.detections.length, 0);
    times(21, () => tower.sample({ messagesIn: 100, retainedIn: 100, topicsNew: 100, topicLatest: 'r/9' }));
    assert.match(tower.detections[0]!.says, /stored 2\d\d\d retained messages/);
  });
});

describe('slow connections', () => {
  it('are many idle clients of one source', () => {
    const tower = new Watchtower('slowConnections');
    times(20, () => {
      times(60, (i) => tower.sample({ clientId: `slow-${i}`, isIdle: true, ageMs: 300_000, spanMs: 30_000 }));
      tower.pass(30_000);
    });
    assert.match(tower.detections[0]!.says, /holds \d+ clients that do nothing/);
    assert.ok(tower.detections.every(({ evidence }) => evidence.count <= 61));
  });

  it('are not a few sleepy devices, nor clients that have only just come', () => {
    const tower = new Watchtower('slowConnections');
    times(50, () => {
      times(10, (i) => tower.sample({ clientId: `sleepy-${i}`, isIdle: true, ageMs: 300_000, spanMs: 30_000 }));
      times(500, (i) => tower.sample({ clientId: `fresh-${i}`, isIdle: true, ageMs: 30_000, spanMs: 30_000 }));
      tower.pass(30_000);
    });
    assert.equal(tower.detections.length, 0);
  });

  it('are connections that are never finished', () => {
    const tower = new Watchtower('slowConnections');
    times(50, () => tower.refusedConnect('limit:connectTimeout', Reason.ServerBusy));
    assert.equal(tower.detections.length, 0);
    times(10, () => tower.refusedConnect('limit:connectTimeout', Reason.MaximumConnectTime));
    tower.rejected('limit:handshakeTimeout', {}, 9);
    assert.match(tower.detections[0]!.says, /left 20 connections unfinished/);
  });
});

describe('hits of virtual patches', () => {
  it('are laid to their source, unless an honest client may send such a packet', () => {
    const tower = new Watchtower('virtualPatches');
    times(10, () => tower.fault('unsubscribe_empty', {}, 'virtual-patch:CVE-2024-8376'));
    times(10, () => tower.fault('truncated'));
    assert.equal(tower.detections.length, 0);
    times(3, () => tower.fault('topic_empty', {}, 'virtual-patch:CVE-2021-34432'));
    assert.equal(tower.detections[0]!.severity, 'critical');
    assert.deepEqual(tower.detections[0]!.evidence.examples, ['virtual-patch:CVE-2021-34432']);
  });
});
