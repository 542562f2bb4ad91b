import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemChance } from '../../base/chance.ts';
import { ANY_CLIENT_ID, bindClientId, ClientIdPattern, type ClientIdRules } from './client-id-rules.ts';

function bind(given: string, username: string | undefined, rules: Partial<ClientIdRules>): string {
  const bound = bindClientId(given, username, { ...ANY_CLIENT_ID, ...rules }, systemChance);
  return bound.ok ? bound.clientId : `refused: ${bound.says}`;
}

function pattern(source: string): ClientIdPattern {
  const parsed = ClientIdPattern.parse(source);
  if (typeof parsed === 'string') assert.fail(parsed);
  return parsed;
}

test('without a rule every identifier is taken, and an empty one is made up', () => {
  assert.equal(bind('x', 'pump', {}), 'x');
  assert.match(bind('', 'pump', {}), /^auto-[0-9a-f]{24}$/);
  assert.match(bind('', undefined, {}), /^auto-[0-9a-f]{24}$/);
});

test('an identifier that has to be the user name is that, also where none was brought', () => {
  const rules = { form: 'username' } as const;
  assert.equal(bind('pump', 'pump', rules), 'pump');
  assert.equal(bind('', 'pump', rules), 'pump');
  for (const [given, username] of [
    ['Pump', 'pump'],
    ['pump2', 'pump'],
    ['pump', undefined],
    ['', undefined],
  ] as const) {
    assert.match(bind(given, username, rules), /^refused/, `${given} ${username}`);
  }
});

test('an identifier that has to begin with the user name does, and nothing in a name is special', () => {
  const rules = { form: 'prefix', template: '%u:' } as const;
  assert.equal(bind('pump:1', 'pump', rules), 'pump:1');
  assert.match(bind('', 'pump', rules), /^pump:[0-9a-f]{24}$/);
  assert.equal(bind('$&:1', '$&', rules), '$&:1');
  for (const given of ['pump', 'pumpx:1', 'xpump:1', 'PUMP:1'])
    assert.match(bind(given, 'pump', rules), /^refused/, given);
  assert.match(bind('pump:1', undefined, rules), /^refused/);
  assert.equal(bind('line4-7', undefined, { form: 'prefix', template: 'line4-' }), 'line4-7');
});

test('a pattern is matched whole, and its group username is the user name', () => {
  const plain = { form: 'pattern', pattern: pattern('[a-z]+-[0-9]+') } as const;
  assert.equal(bind('pump-1', 'whoever', plain), 'pump-1');
  for (const given of ['', 'pump-', 'xpump-1 ', '9pump-1x'])
    assert.match(bind(given, 'whoever', plain), /^refused/, given);
  for (const source of ['(?P<username>[a-z]+)-[0-9]+', '(?<username>[a-z]+)-[0-9]+']) {
    const bound = { form: 'pattern', pattern: pattern(source) } as const;
    assert.equal(bind('pump-1', 'pump', bound), 'pump-1');
    assert.match(bind('pump-1', 'valve', bound), /^refused/);
    assert.match(bind('pump-1', undefined, bound), /^refused/);
  }
});

test('a pattern that would hang the runtime’s own engine takes time in proportion to the text', () => {
  const rules = { form: 'pattern', pattern: pattern('(a+)+(a|a)*b') } as const;
  // Exponential in the runtime's engine: this would outlive every timeout of the test.
  assert.match(bind('a'.repeat(2000), 'u', rules), /^refused/);
});

test('a pattern that is none is told, also where only the runtime knows what it means', () => {
  for (const source of ['(', 'a(?=b)', '(a)\\1', '[z-a]'])
    assert.equal(typeof ClientIdPattern.parse(source), 'string', source);
});

test('where identifiers are assigned, nobody brings one', () => {
  const rules = { form: 'assigned', template: '%u-', empty: 'refuse' } as const;
  assert.match(bind('', 'pump', rules), /^pump-[0-9a-f]{24}$/);
  assert.notEqual(bind('', 'pump', rules), bind('', 'pump', rules));
  assert.match(bind('pump-1', 'pump', rules), /^refused/);
  assert.match(bind('', undefined, rules), /^refused/);
});

test('an empty identifier is refused where that is the rule', () => {
  for (const form of ['any', 'username', 'prefix'] as const) {
    assert.match(bind('', 'pump', { form, template: '%u-', empty: 'refuse' }), /^refused/, form);
  }
});
