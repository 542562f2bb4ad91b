/** The compiled ACL against the plainest reading of the same rules: line by line, with the codec's own filter algebra. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { filterContains, filtersOverlap, topicMatchesFilter } from '../../mqtt/topic.ts';
import { type AclFile, type AclRule, parseAclFile } from './acl-file.ts';
import { buildAuthorizer } from './authorizer.ts';

const word = fc.constantFrom('', 'a', 'b', '$a');
const topicLevels = fc.array(word, { minLength: 1, maxLength: 4 }).filter((levels) => levels.join('/') !== '');
const topic = topicLevels.map((levels) => levels.join('/'));

function filterOf(level: fc.Arbitrary<string>): fc.Arbitrary<string> {
  return fc
    .tuple(fc.array(level, { maxLength: 4 }), fc.boolean())
    .map(([levels, open]) => [...levels, ...(open ? ['#'] : [])].join('/'))
    .filter((filter) => filter !== '');
}

const filter = filterOf(fc.oneof(word, fc.constant('+')));
const pattern = filterOf(fc.oneof(word, fc.constantFrom('+', '%u', '%c', 'x%u', '%c%u')));
const access = fc.constantFrom('read', 'write', 'readwrite', 'deny');
const line = fc.oneof(
  { weight: 3, arbitrary: fc.tuple(access, filter).map(([a, f]) => `topic ${a} ${f}`) },
  { weight: 3, arbitrary: fc.tuple(access, pattern).map(([a, p]) => `pattern ${a} ${p}`) },
  { weight: 1, arbitrary: fc.constantFrom('user a', 'user b') },
);
const aclFile = fc.array(line, { maxLength: 12 }).map((lines) => parseAclFile(lines.join('\n'), 'acl'));
const username = fc.constantFrom('a', 'b', undefined);
const clientId = fc.constantFrom('a', 'b', 'xa');

/** The client's rules with its names filled in, in the order of the file. */
function rulesOf(acl: AclFile, user: string | undefined, client: string): AclRule[] {
  return acl.rules
    .filter(({ kind, username: owner, filter: text }) =>
      kind === 'topic' ? owner === user : user !== undefined || !text.includes('%u'),
    )
    .map((rule) =>
      rule.kind === 'topic'
        ? rule
        : { ...rule, filter: rule.filter.replaceAll('%c', client).replaceAll('%u', user ?? '%u') },
    );
}

function first(rules: AclRule[], accesses: string[], holds: (filter: string) => boolean): AclRule | undefined {
  return rules.find((rule) => accesses.includes(rule.access) && holds(rule.filter));
}

function expected(deny: AclRule | undefined, allow: AclRule | undefined): { allowed: boolean; by: string } {
  if (deny !== undefined) return { allowed: false, by: `acl:acl:${deny.line}` };
  if (allow !== undefined) return { allowed: true, by: `acl:acl:${allow.line}` };
  return { allowed: false, by: 'acl:default' };
}

const RUNS = { numRuns: 1000 };

test('publishing and receiving are decided as by reading line by line', () => {
  fc.assert(
    fc.property(aclFile, username, clientId, fc.array(topic, { maxLength: 6 }), (acl, user, client, topics) => {
      const rules = rulesOf(acl, user, client);
      const rights = buildAuthorizer(acl, { subscribe: 'contained' }).forClient({ username: user, clientId: client });
      for (const name of topics) {
        const matches = (text: string): boolean => topicMatchesFilter(name, text);
        const deny = first(rules, ['deny'], matches);
        assert.deepEqual(rights.publish(name), expected(deny, first(rules, ['write', 'readwrite'], matches)));
        assert.deepEqual(rights.receive(name), expected(deny, first(rules, ['read', 'readwrite'], matches)));
      }
    }),
    RUNS,
  );
});

test('a contained subscription is decided as by reading line by line', () => {
  fc.assert(
    fc.property(aclFile, username, clientId, fc.array(filter, { maxLength: 6 }), (acl, user, client, filters) => {
      const rules = rulesOf(acl, user, client);
      const rights = buildAuthorizer(acl, { subscribe: 'contained' }).forClient({ username: user, clientId: client });
      for (const asked of filters) {
        const contains = (text: string): boolean => filterContains(text, asked);
        const deny = first(rules, ['deny'], contains);
        assert.deepEqual(rights.subscribe(asked), expected(deny, first(rules, ['read', 'readwrite'], contains)));
      }
    }),
    RUNS,
  );
});

test('an overlapping subscription is decided as by reading line by line', () => {
  fc.assert(
    fc.property(aclFile, username, clientId, fc.array(filter, { maxLength: 6 }), (acl, user, client, filters) => {
      const rules = rulesOf(acl, user, client);
      const rights = buildAuthorizer(acl, { subscribe: 'overlapping' }).forClient({ username: user, clientId: client });
      for (const asked of filters) {
        const deny = first(rules, ['deny'], (text) => filterContains(text, asked));
        const overlapping = first(rules, ['read', 'readwrite'], (text) => filtersOverlap(text, asked));
        assert.equal(rights.subscribe(asked).allowed, deny === undefined && overlapping !== undefined, asked);
      }
    }),
    RUNS,
  );
});

test('a contained subscription never lets through what a single delivery would not, but for denies', () => {
  fc.assert(
    fc.property(aclFile, username, clientId, filter, topic, (acl, user, client, asked, name) => {
      const rights = buildAuthorizer(acl, { subscribe: 'contained' }).forClient({ username: user, clientId: client });
      if (!rights.subscribe(asked).allowed || !topicMatchesFilter(name, asked)) return;
      assert.notEqual(rights.receive(name).by, 'acl:default');
    }),
    RUNS,
  );
});
