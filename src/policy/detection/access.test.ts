import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { times, Watchtower } from '../../../test/kit/detection.ts';

describe('unauthorized access', () => {
  it('is repeated refusals, those that were held back included', () => {
    const tower = new Watchtower('unauthorizedAccess');
    tower.refusedPublish('a');
    tower.refusedPublish('b', { suppressed: 30 });
    assert.equal(tower.detections.length, 0);
    tower.sample({ refusalsUntold: 30 });
    const [client] = tower.detections;
    assert.deepEqual(client!.subject, { kind: 'clientId', value: 'pump-7' });
    assert.equal(client!.evidence.count, 32);
    assert.equal(client!.metric, 'aws:num-authorization-failures');
  });

  it('is not what a ceiling refuses, nor one wrong topic once a minute', () => {
    const tower = new Watchtower('unauthorizedAccess');
    times(100, () => tower.refusedPublish('a', { reason: 0x97 }));
    times(100, () => {
      tower.refusedPublish('a');
      tower.pass(60_000);
    });
    assert.equal(tower.detections.length, 0);
  });

  it('of many clients is that of the source they share', () => {
    const tower = new Watchtower('unauthorizedAccess');
    times(200, (i) => tower.refusedSubscribe('a', { clientId: `c${i}` }));
    assert.deepEqual(tower.detections[0]!.subject, { kind: 'address', value: '192.0.2.9' });
  });
});

describe('a topic scan', () => {
  it('is many different topics that are refused, and not one that is refused often', () => {
    const tower = new Watchtower('topicScan');
    times(100, () => tower.refusedPublish('a/b'));
    assert.equal(tower.detections.length, 0);
    times(40, (i) => tower.refusedPublish(`plant/${i}/set`));
    assert.deepEqual(tower.detections[0]!.subject, { kind: 'clientId', value: 'pump-7' });
    assert.ok(tower.detections[0]!.evidence.examples.length > 1);
  });

  it('is a flood of new topics that are granted', () => {
    const tower = new Watchtower('topicScan');
    times(20, () => {
      tower.sample({ messagesIn: 300, topicsNew: 300, topicLatest: 'x/299' });
      tower.pass(1000);
    });
    assert.match(tower.detections[0]!.says, /published to \d+ topics that it had not used before/);
  });
});

describe('wildcard harvesting', () => {
  it('is filters that take in everything, refused or granted', () => {
    const tower = new Watchtower('wildcardHarvesting');
    tower.refusedSubscribe('#');
    tower.refusedSubscribe('devices/#');
    tower.refusedSubscribe('$share/g/+/#');
    assert.equal(tower.detections.length, 0);
    tower.sample({ broadFilters: 1 });
    assert.deepEqual(tower.detections[0]!.subject, { kind: 'clientId', value: 'pump-7' });
    assert.deepEqual(tower.detections[0]!.evidence.examples, ['$share/g/+/#']);
  });

  it('is not a dashboard that holds one', () => {
    const tower = new Watchtower('wildcardHarvesting');
    tower.sample({ broadFilters: 1 });
    times(100, () => tower.refusedSubscribe('devices/+/state'));
    assert.equal(tower.detections.length, 0);
  });
});

describe("probing of the broker's own topics", () => {
  it('is three refusals below $SYS or $CONTROL', () => {
    const tower = new Watchtower('sysProbing');
    tower.refusedSubscribe('$SYS/#');
    tower.refusedSubscribe('$SYSTEM/x');
    tower.refusedSubscribe('$share/g/$SYS/broker/clients');
    assert.equal(tower.detections.length, 0);
    tower.refusedPublish('$CONTROL/dynamic-security/v1');
    assert.equal(tower.detections.length, 1);
    assert.equal(tower.detections[0]!.technique, 'T0842');
  });
});

describe('abuse of Wills', () => {
  it('is Wills that are refused', () => {
    const tower = new Watchtower('willAbuse');
    times(5, (i) => tower.refusedWill(`alarm/${i}`));
    assert.deepEqual(
      tower.detections.map(({ subject }) => subject.kind),
      ['clientId', 'address'],
    );
  });

  it('is breaking off over and over so that the Will is published, and not leaving in order', () => {
    const tower = new Watchtower('willAbuse');
    times(50, () => tower.closed(true, { clientId: 'pump-7' }));
    assert.equal(tower.detections.length, 0);
    times(10, () => tower.closed(true, { clientId: 'pump-7', will: 'alarm' }));
    assert.match(tower.detections[0]!.says, /broke off 10 times/);
  });
});
