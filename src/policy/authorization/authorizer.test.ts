import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseAclFile } from './acl-file.ts';
import { type AuthorizerOptions, buildAuthorizer } from './authorizer.ts';
import type { AccessDecision, ClientAuthorization } from './decision.ts';

function client(
  acl: string,
  username: string | undefined = 'alice',
  clientId = 'c1',
  subscribe: AuthorizerOptions['subscribe'] = 'contained',
): ClientAuthorization {
  return buildAuthorizer(parseAclFile(acl, 'acl'), { subscribe }).forClient({ username, clientId });
}

function anonymous(acl: string, clientId = 'c1'): ClientAuthorization {
  return buildAuthorizer(parseAclFile(acl, 'acl'), { subscribe: 'contained' }).forClient({
    username: undefined,
    clientId,
  });
}

/** `+` and the author of an allowed answer, `-` and the author of a denial. */
function told(decision: AccessDecision): string {
  return `${decision.allowed ? '+' : '-'}${decision.by}`;
}

test('without an ACL nobody may do anything', () => {
  const rights = buildAuthorizer(undefined, { subscribe: 'overlapping' }).forClient({
    username: 'alice',
    clientId: 'c1',
  });
  for (const decision of [rights.publish('a'), rights.receive('a'), rights.subscribe('a')]) {
    assert.equal(told(decision), '-acl:none');
  }
});

test('what is not granted is denied', () => {
  const rights = client('');
  for (const decision of [rights.publish('a'), rights.receive('a'), rights.subscribe('a')]) {
    assert.equal(told(decision), '-acl:default');
  }
});

test('read is receiving and subscribing, write is publishing, the default is both', () => {
  const rights = client('user alice\ntopic read r\ntopic write w\ntopic readwrite b\ntopic d');
  assert.deepEqual(
    ['r', 'w', 'b', 'd'].map((topic) => told(rights.publish(topic))),
    ['-acl:default', '+acl:acl:3', '+acl:acl:4', '+acl:acl:5'],
  );
  assert.deepEqual(
    ['r', 'w', 'b', 'd'].map((topic) => told(rights.receive(topic))),
    ['+acl:acl:2', '-acl:default', '+acl:acl:4', '+acl:acl:5'],
  );
  assert.deepEqual(
    ['r', 'w', 'b', 'd'].map((topic) => told(rights.subscribe(topic))),
    ['+acl:acl:2', '-acl:default', '+acl:acl:4', '+acl:acl:5'],
  );
});

test('wildcards match as in a subscription', () => {
  const rights = client('user alice\ntopic a/+/c\ntopic b/#\ntopic /+');
  for (const topic of ['a/x/c', 'a//c', 'b', 'b/', 'b/x/y', '/', '/x']) {
    assert.equal(rights.publish(topic).allowed, true, topic);
  }
  for (const topic of ['a/c', 'a/x/c/d', 'a/x', 'bb', '//', 'x', 'A/x/c']) {
    assert.equal(rights.publish(topic).allowed, false, topic);
  }
});

test('a leading wildcard does not reach topics that begin with a dollar sign', () => {
  const rights = client('user alice\ntopic #\ntopic +/uptime\ntopic $SYS/broker/#');
  assert.equal(told(rights.receive('$SYS/other')), '-acl:default');
  assert.equal(told(rights.receive('$x/uptime')), '-acl:default');
  assert.equal(told(rights.receive('$SYS/broker/uptime')), '+acl:acl:4');
  assert.equal(told(rights.receive('a/$SYS')), '+acl:acl:2');
  assert.equal(told(rights.subscribe('$SYS/#')), '-acl:default');
  assert.equal(told(rights.subscribe('$SYS/broker/+')), '+acl:acl:4');
});

test('deny beats allow, whatever the order and whichever is narrower', () => {
  const before = client('user alice\ntopic deny a/secret\ntopic a/#');
  const after = client('user alice\ntopic a/#\ntopic deny a/secret');
  const wider = client('user alice\ntopic deny a/#\ntopic a/secret');
  assert.equal(told(before.publish('a/secret')), '-acl:acl:2');
  assert.equal(told(after.publish('a/secret')), '-acl:acl:3');
  assert.equal(told(wider.publish('a/secret')), '-acl:acl:2');
  assert.equal(told(after.publish('a/open')), '+acl:acl:2');
});

test("a pattern's deny beats a user's own grant, and the other way about", () => {
  assert.equal(told(client('pattern deny a/%u\nuser alice\ntopic a/#').publish('a/alice')), '-acl:acl:1');
  assert.equal(told(client('pattern a/%u\nuser alice\ntopic deny a/#').publish('a/alice')), '-acl:acl:3');
});

test('of several rules that decide, the first is named', () => {
  const rights = client('pattern a/%u\nuser alice\ntopic a/#\ntopic a/alice');
  assert.equal(told(rights.publish('a/alice')), '+acl:acl:1');
  assert.equal(told(rights.publish('a/b')), '+acl:acl:3');
});

test('lines before the first user belong to anonymous clients, and to nobody else', () => {
  const acl = 'topic public\nuser alice\ntopic private';
  assert.equal(anonymous(acl).publish('public').allowed, true);
  assert.equal(anonymous(acl).publish('private').allowed, false);
  assert.equal(client(acl).publish('public').allowed, false);
  assert.equal(client(acl).publish('private').allowed, true);
  assert.equal(client(acl, 'bob').publish('private').allowed, false);
});

test("a user's lines may stand in several places", () => {
  const rights = client('user alice\ntopic a\nuser bob\ntopic b\nuser alice\ntopic c');
  assert.deepEqual(
    ['a', 'b', 'c'].map((topic) => rights.publish(topic).allowed),
    [true, false, true],
  );
});

test('names that mean something to JavaScript are names like any other', () => {
  const acl = 'user alice\ntopic a';
  for (const name of ['__proto__', 'constructor', 'toString']) {
    assert.equal(client(acl, name).publish('a').allowed, false);
    assert.equal(client(acl).publish(name).allowed, false);
  }
  assert.equal(client('user __proto__\ntopic constructor', '__proto__').publish('constructor').allowed, true);
});

test('placeholders stand for the client, also within a level and several times', () => {
  const rights = client('pattern %u/%c/#\npattern x/dev-%c.%u/%u\npattern y/%u%c', 'alice', 'c1');
  for (const topic of ['alice/c1', 'alice/c1/z', 'x/dev-c1.alice/alice', 'y/alicec1']) {
    assert.equal(rights.publish(topic).allowed, true, topic);
  }
  for (const topic of ['bob/c1', 'alice/c2', 'x/dev-c1.bob/alice', 'x/dev-c1.alice/bob', '%u/%c/z', 'y/alice']) {
    assert.equal(rights.publish(topic).allowed, false, topic);
  }
});

test('when user name and client identifier are the same, patterns of both hold', () => {
  const rights = client('pattern write a/%c\npattern read a/%u', 'same', 'same');
  assert.equal(told(rights.publish('a/same')), '+acl:acl:1');
  assert.equal(told(rights.receive('a/same')), '+acl:acl:2');
});

test('a pattern without placeholder holds for everybody', () => {
  const acl = 'pattern read news/#';
  assert.equal(client(acl).receive('news/a').allowed, true);
  assert.equal(anonymous(acl).receive('news/a').allowed, true);
});

test('anonymous clients have no part in patterns with %u', () => {
  const acl = 'pattern a/%u\npattern b/%c\npattern c/%u/%c';
  const rights = anonymous(acl);
  assert.equal(rights.publish('b/c1').allowed, true);
  for (const topic of ['a/', 'a/%u', 'a/undefined', 'c//c1', 'c/%u/c1']) {
    assert.equal(rights.publish(topic).allowed, false, topic);
  }
});

test('a name that looks like a placeholder or a replacement is not replaced again', () => {
  const acl = 'pattern a/%u/%c';
  assert.equal(client(acl, '%c', 'x').publish('a/%c/x').allowed, true);
  assert.equal(client(acl, '%c', 'x').publish('a/x/x').allowed, false);
  assert.equal(client(acl, '$&', 'x').publish('a/$&/x').allowed, true);
});

test('CVE-2017-7650: a name with a wildcard, a slash or a control character gains nothing by a pattern', () => {
  const acl = 'pattern a/%u';
  for (const name of ['#', '+', 'b/#', 'b/c', 'b\u0000', '']) {
    assert.equal(told(client(acl, name).receive('a/b')), '-acl:reserved-characters', name);
    assert.equal(told(client('pattern a/%c', 'alice', name).subscribe('a/b')), '-acl:reserved-characters', name);
  }
});

test('such a name is no matter where no pattern uses it', () => {
  assert.equal(client('pattern a/%u', 'alice', 'mosqsub/42-host').publish('a/alice').allowed, true);
  assert.equal(client('user alice\ntopic a', 'alice', '#').publish('a').allowed, true);
});

test('a client that calls itself $SYS gains no $SYS by a pattern that begins with its name', () => {
  for (const acl of ['pattern %c/#', 'pattern %c%u/#', 'pattern a/b\npattern %cx/#']) {
    assert.equal(told(client(acl, 'alice', '$SYS').receive('$SYS/broker/uptime')), '-acl:reserved-characters', acl);
  }
  assert.equal(client('pattern a/%c/#', 'alice', '$SYS').receive('a/$SYS/x').allowed, true);
});

test('a contained subscription is one that a single read grant covers', () => {
  const rights = client('user alice\ntopic read a/+/c\ntopic read b/#\ntopic write w/#\ntopic deny b/secret/#');
  for (const filter of ['a/x/c', 'a/+/c', 'b', 'b/#', 'b/+', 'b/+/x', 'b/+/#']) {
    assert.equal(rights.subscribe(filter).allowed, true, filter);
  }
  for (const filter of ['#', '+/#', 'a/#', 'a/+/+', '+/x/c', 'w/#', 'w/x', '+']) {
    assert.equal(told(rights.subscribe(filter)), '-acl:default', filter);
  }
  for (const filter of ['b/secret', 'b/secret/#', 'b/secret/+/x']) {
    assert.equal(told(rights.subscribe(filter)), '-acl:acl:5', filter);
  }
});

test('an overlapping subscription is one that some read grant answers in part', () => {
  const acl =
    'pattern read p/%u/x\nuser alice\ntopic read a/+/c\ntopic read b/#\ntopic write w/#\ntopic deny b/secret/#';
  const rights = client(acl, 'alice', 'c1', 'overlapping');
  for (const filter of ['#', '+/#', 'a/#', 'a/+/+', '+/x/c', '+', 'p/#', 'p/+/x', 'p/alice/+', '+/alice/#']) {
    assert.equal(rights.subscribe(filter).allowed, true, filter);
  }
  for (const filter of ['w/#', 'w/x', 'c/#', 'a/x', 'p/bob/#', 'p/+/y', '$SYS/#']) {
    assert.equal(told(rights.subscribe(filter)), '-acl:default', filter);
  }
  assert.equal(told(rights.subscribe('b/secret/#')), '-acl:acl:6');
});

test('in overlapping mode, a filter of many plusses over many rules is refused, not walked to the end', () => {
  const lines = Array.from({ length: 20_000 }, (_, i) => `topic read a/${i}/x`);
  const rights = client(`user alice\n${lines.join('\n')}`, 'alice', 'c1', 'overlapping');
  assert.equal(told(rights.subscribe('+/+/y')), '-acl:filter-too-broad');
  assert.equal(rights.subscribe('+/+/x').allowed, true);
  assert.equal(told(rights.subscribe('a/19999/x')), '+acl:acl:20001');
});

test('a repeated question has the same answer, as the same object', () => {
  const rights = client('user alice\ntopic a');
  assert.equal(rights.publish('a'), rights.publish('a'));
  assert.equal(rights.receive('a'), rights.receive('a'));
});

test('kept answers do not mix clients, directions or topics', () => {
  const authorizer = buildAuthorizer(parseAclFile('pattern write w/%u\npattern read r/%u', 'acl'), {
    subscribe: 'contained',
  });
  const alice = authorizer.forClient({ username: 'alice', clientId: 'c1' });
  const bob = authorizer.forClient({ username: 'bob', clientId: 'c2' });
  for (let round = 0; round < 2; round++) {
    assert.deepEqual(
      [alice.publish('w/alice'), bob.publish('w/alice')].map(({ allowed }) => allowed),
      [true, false],
    );
    assert.deepEqual(
      [alice.receive('w/alice'), alice.receive('r/alice')].map(({ allowed }) => allowed),
      [false, true],
    );
  }
});

test('more topics than are kept are answered all the same, long ones too', () => {
  const rights = client('user alice\ntopic a/+\ntopic deny a/7');
  for (let round = 0; round < 2; round++) {
    for (let i = 0; i < 1000; i++) assert.equal(rights.publish(`a/${i}`).allowed, i !== 7);
  }
  assert.equal(rights.publish(`a/${'x'.repeat(10_000)}`).allowed, true);
  assert.equal(rights.publish(`b/${'x'.repeat(10_000)}`).allowed, false);
});

test('a topic of thousands of levels is answered', () => {
  const rights = client('user alice\ntopic a/#\ntopic +/+/+/+');
  assert.equal(rights.publish(`a${'/'.repeat(60_000)}`).allowed, true);
  assert.equal(rights.publish('/'.repeat(60_000)).allowed, false);
});
