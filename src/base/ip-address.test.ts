import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  addressesCollide,
  addressFromBytes,
  NetworkSet,
  NetworkSyntaxError,
  networkOf,
  normaliseAddress,
  numberOfV4,
} from './ip-address.ts';

test('an address has one text, however it was written', () => {
  const cases: [string, string | undefined][] = [
    ['192.0.2.1', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['::FFFF:c000:0201', '192.0.2.1'],
    ['0:0:0:0:0:ffff:c000:201', '192.0.2.1'],
    ['2001:DB8:0:0:0:0:0:1', '2001:db8::1'],
    ['fe80::1%eth0', 'fe80::1'],
    ['::', '::'],
    ['::1', '::1'],
    ['192.0.2.01', undefined],
    ['192.0.2', undefined],
    ['', undefined],
    ['localhost', undefined],
    ['::ffff:1.2.3.4.5', undefined],
  ];
  for (const [text, expected] of cases) assert.equal(normaliseAddress(text), expected, text);
});

test('address bytes become the same text as the address written out', () => {
  assert.equal(addressFromBytes(Uint8Array.of(9, 192, 0, 2, 1), 1, 4), '192.0.2.1');
  const v6 = Uint8Array.of(0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1);
  assert.equal(addressFromBytes(v6, 0, 16), '2001:db8::1');
  const mapped = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 1);
  assert.equal(addressFromBytes(mapped, 0, 16), '192.0.2.1');
});

test('two sockets cannot listen at one port where one address takes in the other', () => {
  for (const [a, b] of [
    ['127.0.0.1', '127.0.0.1'],
    ['127.0.0.1', '::ffff:127.0.0.1'],
    ['::', '192.0.2.1'],
    ['::1', '0:0:0:0:0:0:0:0'],
    ['0.0.0.0', '::'],
    ['0.0.0.0', '192.0.2.1'],
  ] as const) {
    assert.ok(addressesCollide(a, b), `${a} ${b}`);
    assert.ok(addressesCollide(b, a), `${b} ${a}`);
  }
  for (const [a, b] of [
    ['127.0.0.1', '127.0.0.2'],
    ['0.0.0.0', '::1'],
    ['localhost', 'localhost'],
  ] as const)
    assert.ok(!addressesCollide(a, b), `${a} ${b}`);
});

test('a dotted address is one number', () => {
  assert.equal(numberOfV4('0.0.0.0'), 0);
  assert.equal(numberOfV4('192.0.2.1'), 0xc000_0201);
  assert.equal(numberOfV4('255.255.255.255'), 0xffff_ffff);
});

test('a network holds its addresses and no others', () => {
  const set = new NetworkSet(['10.0.0.0/8', '192.0.2.7', '2001:db8::/32', '::ffff:198.51.100.0/120']);
  for (const inside of ['10.255.0.1', '192.0.2.7', '2001:db8:1::1', '198.51.100.255'])
    assert.ok(set.has(inside), inside);
  for (const outside of ['11.0.0.1', '192.0.2.8', '2001:db9::1', '198.51.101.0', '::1']) {
    assert.ok(!set.has(outside), outside);
  }
});

test('a network of all addresses of one family holds none of the other', () => {
  assert.ok(new NetworkSet(['::/0']).has('2001:db8::1'));
  assert.ok(!new NetworkSet(['::/0']).has('192.0.2.1'));
  assert.ok(new NetworkSet(['0.0.0.0/0']).has('192.0.2.1'));
  assert.ok(!new NetworkSet(['0.0.0.0/0']).has('2001:db8::1'));
});

test('an empty set holds nobody', () => {
  assert.ok(!new NetworkSet([]).has('127.0.0.1'));
});

test('what is no network is refused by name', () => {
  const bad = [
    '10.0.0.0/33',
    '10.0.0/8',
    'fd00::/129',
    'host',
    '',
    '/8',
    '10.0.0.0/',
    '10.0.0.0/08',
    '10.0.0.0/-1',
    'fe80::1%eth0',
    '::ffff:0:0/95',
  ];
  for (const text of bad) {
    assert.throws(
      () => new NetworkSet([text]),
      (error) => error instanceof NetworkSyntaxError && error.text === text,
      text,
    );
  }
});

test('the network of an address is its first bits, in one text', () => {
  const cases: [address: string, bitsV4: number, bitsV6: number, network: string][] = [
    ['192.0.2.77', 24, 64, '192.0.2.0/24'],
    ['192.0.2.255', 25, 64, '192.0.2.128/25'],
    ['255.255.255.255', 32, 64, '255.255.255.255/32'],
    ['10.1.2.3', 0, 64, '0.0.0.0/0'],
    ['2001:db8:1:2:3::4', 24, 64, '2001:db8:1:2::/64'],
    ['2001:db8:1:2ff:3::4', 24, 56, '2001:db8:1:200::/56'],
    ['::1', 24, 64, '::/64'],
    ['2001:db8::1', 24, 128, '2001:db8::1/128'],
    ['fe80::1:2:3:4', 24, 0, '::/0'],
    ['::1.2.3.4', 24, 64, '::/64'],
    ['::1.2.3.4', 24, 128, '::1.2.3.4/128'],
    ['64:ff9b::192.0.2.33', 24, 112, '64:ff9b::c000:0/112'],
  ];
  for (const [address, bitsV4, bitsV6, network] of cases) {
    assert.equal(networkOf(normaliseAddress(address)!, bitsV4, bitsV6), network, address);
  }
  for (const none of ['', 'local']) assert.equal(networkOf(none, 24, 64), none);
});
