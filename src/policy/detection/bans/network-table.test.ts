import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { NetworkSet, networkOf, normaliseAddress } from '../../../base/ip-address.ts';
import { NetworkTable } from './network-table.ts';

const address = fc.oneof(fc.ipV4(), fc.ipV6()).map((text) => normaliseAddress(text)!);
const network = fc
  .tuple(address, fc.integer({ min: 0, max: 128 }))
  .map(([base, bits]) => networkOf(base, bits % 33, bits));

test('an address is found in a network exactly when it lies in one', () => {
  fc.assert(
    fc.property(fc.array(network, { maxLength: 8 }), fc.array(address, { maxLength: 8 }), (networks, addresses) => {
      const table = new NetworkTable<string>();
      for (const each of networks) table.set(each, each);
      assert.equal(table.size, new Set(networks).size);
      for (const each of [...addresses, ...networks.map((text) => text.slice(0, text.indexOf('/')))]) {
        assert.equal(table.find(each) !== undefined, new NetworkSet(networks).has(each), each);
      }
    }),
  );
});

test('of networks that contain each other the most specific answers, and the wider one when that is gone', () => {
  const table = new NetworkTable<string>();
  for (const each of ['10.0.0.0/8', '10.1.0.0/16', '2001:db8::/32']) table.set(each, each);
  assert.equal(table.find('10.1.2.3'), '10.1.0.0/16');
  assert.equal(table.containing('10.1.0.0/16'), '10.1.0.0/16');
  assert.equal(table.containing('10.0.0.0/12'), '10.0.0.0/8');
  assert.equal(table.containing('0.0.0.0/4'), undefined);
  assert.equal(table.delete('10.1.0.0/16'), true);
  assert.equal(table.delete('10.1.0.0/16'), false);
  assert.equal(table.find('10.1.2.3'), '10.0.0.0/8');
  assert.equal(table.find('2001:db8::1'), '2001:db8::/32');
  assert.deepEqual([...table.values()], ['10.0.0.0/8', '2001:db8::/32']);
});

test('no network of one family takes in addresses of the other', () => {
  const table = new NetworkTable<string>();
  table.set('::/0', 'six');
  assert.equal(table.find('192.0.2.1'), undefined);
  table.set('0.0.0.0/0', 'four');
  assert.equal(table.find('192.0.2.1'), 'four');
  assert.equal(table.find('2001:db8::1'), 'six');
});
