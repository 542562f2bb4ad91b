import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { times, Watchtower } from '../../../test/kit/detection.ts';
import { DETECTORS } from './registry.ts';

describe('an attack that goes on', () => {
  it('is told again when it has doubled, and otherwise once a minute at most', () => {
    const tower = new Watchtower('malformedPackets', { halfLife: '10s' });
    times(10, () => tower.fault('truncated'));
    assert.equal(tower.detections.length, 1);
    times(9, () => tower.fault('truncated'));
    assert.equal(tower.detections.length, 1);
    times(2, () => tower.fault('truncated'));
    assert.deepEqual(
      tower.detections.map(({ repetition }) => repetition),
      [1, 2],
    );
    times(240, () => {
      times(2, () => tower.fault('truncated'));
      tower.pass(1000);
    });
    assert.equal(tower.named('attack.detected').length, 2 + 3);
    assert.equal(tower.named('attack.ended').length, 0);
  });

  it('is over when its score has fallen to half, and may begin anew', () => {
    const tower = new Watchtower('malformedPackets', { halfLife: '10s' });
    times(15, () => tower.fault('truncated'));
    tower.pass(15_000);
    assert.equal(tower.named('attack.ended').length, 0);
    tower.pass(1000);
    const [ended] = tower.named('attack.ended');
    assert.deepEqual(ended, {
      name: 'attack.ended',
      detector: 'malformedPackets',
      subjectKind: 'address',
      subject: '192.0.2.9',
      durationMs: 16_000,
      scoreMax: 1.5,
    });
    times(10, () => tower.fault('truncated'));
    assert.equal(tower.detections.at(-1)!.repetition, 1);
  });

  it('is told with what decided, in the same call', () => {
    const tower = new Watchtower('virtualPatches');
    times(3, () => tower.fault('topic_empty', { clientId: 'x', username: 'u' }, 'virtual-patch:CVE-2021-34432'));
    const [event] = tower.named('attack.detected');
    const { connectionId, ...rest } = event!;
    assert.match(connectionId!, /^c\d$/);
    assert.deepEqual(rest, {
      name: 'attack.detected',
      detector: 'virtualPatches',
      subjectKind: 'address',
      subject: '192.0.2.9',
      score: 1,
      severity: 'critical',
      technique: 'T0819',
      says: '192.0.2.9 sent 3 packets that are known to bring down brokers.',
      count: 3,
      threshold: 3,
      windowMs: 3_600_000,
      examples: ['virtual-patch:CVE-2021-34432'],
      responses: ['ban'],
      repetition: 1,
      listener: 'mqtts',
      address: '192.0.2.9',
      clientId: 'x',
      username: 'u',
    });
  });
});

describe('detectors', () => {
  it('have a name that is their key, and say what they see', () => {
    for (const [name, { contract }] of Object.entries(DETECTORS)) {
      assert.equal(contract.name, name);
      assert.match(contract.technique, /^T[01]\d{3}(\.\d{3})?$/);
      if (contract.metric !== undefined) assert.match(contract.metric, /^aws:[a-z-]+$/);
      assert.ok(contract.sees.length > 10 && contract.says.length > 10);
    }
  });

  it('see nothing where they are switched off, one by one or all', () => {
    const one = new Watchtower(undefined, {}, { malformedPackets: { enabled: false } });
    times(50, () => one.fault('truncated'));
    assert.equal(one.detections.length, 0);
    const all = new Watchtower(undefined, {}, { enabled: false });
    times(50, () => all.fault('truncated'));
    times(500, () => all.failedLogin());
    assert.equal(all.detections.length, 0);
  });

  it('take no more memory than configured, say that they are full once, and still find the attacker among a million', () => {
    const tower = new Watchtower('malformedPackets', {}, { trackedMax: 4096 });
    times(200_000, (i) => {
      tower.fault('truncated', { address: `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}` });
      if (i % 10_000 === 0) tower.fault('truncated', { address: '192.0.2.66' });
    });
    assert.deepEqual(
      tower.detections.map(({ subject }) => subject.value),
      ['192.0.2.66'],
    );
    assert.equal(tower.detectors.tableBytes, 4096 * 16);
    assert.equal(tower.named('ceiling.reached').length, 1);
  });

  it('keep a bounded number of attacks', () => {
    const tower = new Watchtower('malformedPackets', { faultsPerAddress: 1 });
    times(10_050, (i) => tower.fault('truncated', { address: `10.0.${i >> 8}.${i & 255}` }));
    assert.equal(tower.detectors.attacks, 10_000);
    assert.equal(tower.named('ceiling.reached').length, 1);
  });

  it('go on where a reload leaves their settings, and begin anew where it changes them', () => {
    const tower = new Watchtower('malformedPackets');
    times(9, () => tower.fault('truncated'));
    tower.reconfigure('malformedPackets', { faultsPerAddress: 10 }, []);
    tower.fault('truncated');
    assert.equal(tower.detections.length, 1);
    tower.reconfigure('malformedPackets', { faultsPerAddress: 5 }, ['malformedPackets']);
    times(4, () => tower.fault('truncated'));
    assert.equal(tower.detections.length, 1);
    tower.fault('truncated');
    assert.equal(tower.detections.length, 2);
  });
});
