import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { parsePolicyFile } from '../policy-file.ts';
import { describeBroken } from './proof-words.ts';
import { proveAll } from './prover.ts';

const TIERED = readFileSync(new URL('../../../../docs/examples/tiered-access.yaml', import.meta.url), 'utf8');

/** What is said of one more assertion at the end of the example; undefined where it holds. */
function saysOf(assertion: string, text = TIERED): string | undefined {
  const policy = parsePolicyFile(`${text}  - ${assertion}\n`, 'p');
  const [proof] = proveAll(policy, policy.assertions.slice(-1));
  return proof?.outcome === 'holds' ? undefined : describeBroken(proof!).says;
}

const CASES: readonly (readonly [assertion: string, says: string])[] = [
  [
    'never: anonymous publish site/#',
    'an anonymous client in group operations, from 10.20.0.1, may publish to site/y2/command. That is by role operator, line 39: allow publish on site/+/command/#, from 10.20.0.0/16.',
  ],
  [
    'never: user ann receive $SYS/#',
    'user ann through listener mqtts may receive from $SYS. That is by role admin, line 55: allow subscribe, receive on $SYS/#.',
  ],
  [
    'always: role operator publish site/+/command/#',
    'a client in group operations may not publish to site/y2/command, retained. That is by role everyone, line 10: deny publish on site/+/command/#, retained.',
  ],
  [
    'always: role engineer subscribe site/+/config/#',
    'a client in group engineering may not subscribe to site/+/config/#. No grant applies; the nearest is in role engineer, line 47: allow publish, subscribe, receive on site/+/config/#, within mon-fri 06:00-20:00 Europe/Berlin, with TLS.',
  ],
  ['always: everyone publish x', 'a client may not publish to x. No grant covers it.'],
];

test('a broken assertion is told with the client, the topic, the message and the grant, and nothing that does not matter', () => {
  for (const [assertion, says] of CASES) assert.equal(saysOf(assertion), `\`${assertion}\` is broken: ${says}`);
});

test('the moment, the size and the listener are told where they decide', () => {
  const policy = `roles:
  r:
    grants:
      - { allow: publish, topics: a, when: { payloadMax: 9 } }
      - { deny: publish, topics: a, when: { hours: "sat-sun 00:00-24:00 UTC", listener: l } }
assignments: [{ roles: r, to: everyone }]
assertions:
`;
  assert.match(
    saysOf('always: everyone publish a', policy)!,
    /through listener l may not publish to a, at S\w+ [\d-]+ /,
  );
  const quiet = policy.replace(/.*deny.*\n/, '');
  assert.match(saysOf('always: everyone publish a', quiet)!, /No grant applies; the nearest is in role r, line 4/);
  assert.equal(saysOf('{ always: everyone publish a, when: { payloadMax: 9 } }', quiet), undefined);
});

test('what cannot be decided says so', () => {
  const policy = parsePolicyFile(TIERED, 'p');
  const assertion = policy.assertions[0]!;
  const { says, cure } = describeBroken({ assertion, outcome: 'undecided', why: 'it is too hard' });
  assert.match(says, /cannot be decided, because it is too hard\.$/);
  assert.match(cure, /Narrow/);
});
