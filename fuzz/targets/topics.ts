/** Topics, filters and their relations: fast answers must be the ones that the definitions give. */
import assert from 'node:assert/strict';
import { filterContains, filtersOverlap, topicMatchesFilter } from '../../src/mqtt/topic.ts';
import type { Random } from '../random.ts';
import type { Target } from '../target.ts';

const LEVELS = ['', 'a', 'b', '$x'];
const FILTER_LEVELS = ['', 'a', 'b', '$x', '+', '+'];

function randomTopic(random: Random): string {
  // A topic has at least one character [MQTT-4.7.3-1].
  return Array.from({ length: 1 + random.below(4) }, () => random.pick(LEVELS)).join('/') || '/';
}

function randomFilter(random: Random): string {
  const levels = Array.from({ length: 1 + random.below(4) }, () => random.pick(FILTER_LEVELS));
  if (random.oneIn(3)) levels.push('#');
  return levels.join('/') || '+';
}

/** [MQTT-4.7.1-2] [MQTT-4.7.2-1], said as plainly as can be. */
function matchesByDefinition(topic: string, filter: string): boolean {
  const [t, f] = [topic.split('/'), filter.split('/')];
  if (topic.startsWith('$') && (f[0] === '+' || f[0] === '#')) return false;
  for (let i = 0; i < f.length; i++) {
    if (f[i] === '#') return true;
    if (i >= t.length || (f[i] !== '+' && f[i] !== t[i])) return false;
  }
  return t.length === f.length;
}

export const topicsTarget: Target = {
  name: 'topics',
  round(random) {
    const [topic, a, b] = [randomTopic(random), randomFilter(random), randomFilter(random)];
    const [inA, inB] = [matchesByDefinition(topic, a), matchesByDefinition(topic, b)];
    // A filter with # also matches its parent: `a/#` matches `a` [MQTT5 4.7.1.2].
    const parent = (filter: string): boolean =>
      filter.endsWith('/#') && matchesByDefinition(topic, filter.slice(0, -2)) && !filter.startsWith('#');
    const [fullA, fullB] = [inA || parent(a), inB || parent(b)];
    assert.equal(topicMatchesFilter(topic, a), fullA, `${topic} against ${a}`);
    if (filterContains(a, b) && fullB) assert(fullA, `${a} contains ${b}, so it matches ${topic}`);
    if (fullA && fullB) assert(filtersOverlap(a, b), `${a} and ${b} both match ${topic}`);
    assert.equal(filtersOverlap(a, b), filtersOverlap(b, a), 'overlap has no direction');
    return 1;
  },
};
