import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Stages } from './stages.ts';

function after(stages: Stages, share: number, samples: number): number {
  for (let i = 0; i < samples; i++) stages.take(share);
  return stages.stage;
}

describe('a stage of overload', () => {
  it('is entered when pressure lasts, one after the other', () => {
    const stages = new Stages();
    assert.equal(after(stages, 2, 2), 0);
    assert.equal(after(stages, 2, 1), 1);
    assert.equal(after(stages, 2, 3), 2);
    assert.equal(after(stages, 2, 3), 3);
    assert.equal(after(stages, 2, 100), 3);
  });

  it('is not entered for a spike', () => {
    const stages = new Stages();
    for (let i = 0; i < 100; i++) {
      assert.equal(after(stages, 5, 2), 0);
      stages.take(0.1);
    }
  });

  it('is as high as the pressure', () => {
    assert.equal(after(new Stages(), 0.69, 100), 0);
    assert.equal(after(new Stages(), 0.7, 100), 1);
    assert.equal(after(new Stages(), 0.85, 100), 2);
    assert.equal(after(new Stages(), 0.95, 100), 3);
  });

  it('is held where pressure swings between the two thresholds', () => {
    const stages = new Stages();
    after(stages, 0.75, 3);
    for (let i = 0; i < 100; i++) assert.equal(after(stages, i % 2 === 0 ? 0.61 : 0.84, 2), 1);
  });

  it('is left slowly, one after the other', () => {
    const stages = new Stages();
    after(stages, 1, 9);
    assert.equal(after(stages, 0, 5), 3);
    assert.equal(after(stages, 0, 1), 2);
    assert.equal(after(stages, 0, 6), 1);
    assert.equal(after(stages, 0, 6), 0);
    assert.equal(after(stages, 0, 6), 0);
  });
});
