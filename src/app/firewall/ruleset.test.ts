import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Config } from '../config/config.ts';
import { loadConfig } from '../config/load.ts';
import { disjointNetworks } from './disjoint-networks.ts';
import { rulesetOf, TABLE, withoutTable } from './ruleset.ts';

const EXAMPLE = new URL('../../../deploy/nftables/example.yaml', import.meta.url);
const PRINTED = new URL('../../../deploy/nftables/example.nft', import.meta.url);

const { config: example } = await loadConfig(fileURLToPath(EXAMPLE));
const ruled = (firewall: Partial<Config['firewall']>): string =>
  rulesetOf({ ...example, firewall: { ...example.firewall, ...firewall } });

describe('the ruleset', () => {
  // After a change: UPDATE_GOLDEN=1 node --test src/app/firewall/ruleset.test.ts
  it('of the example is the one in deploy/nftables', () => {
    const text = `${withoutTable(TABLE)}${rulesetOf(example)}`;
    if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(PRINTED, text);
    assert.equal(text, readFileSync(PRINTED, 'utf8'));
  });

  it('drops nothing but what concerns MQTT where the rest is not its own', () => {
    const text = ruled({ defaultDrop: false });
    assert.match(text, /policy accept/);
    assert.doesNotMatch(text, /icmp|established|dport \{ 22 \}/);
  });

  it('lets everybody come where no source is named, and no IPv6 where only IPv4 sources are', () => {
    assert.doesNotMatch(ruled({ sources: [] }), /iif != "lo"/);
    const text = ruled({ sources: ['10.0.0.0/8'] });
    assert.match(text, /iif != "lo" ip saddr != \{ 10\.0\.0\.0\/8 \} counter drop/);
    assert.match(text, /iif != "lo" meta nfproto ipv6 counter drop/);
  });

  it('limits no rate where none is set', () => {
    assert.doesNotMatch(ruled({ connectionsPerSecond: 0 }), /rate/);
  });

  it('refuses a port that the system chooses, with its place', () => {
    const [first] = example.listeners;
    assert.throws(() => rulesetOf({ ...example, listeners: [{ ...first!, port: 0 }] }), /example\.yaml:\d+: .*port: 0/);
  });
});

describe('networks of a set', () => {
  it('are each in no other, in one form, by family', () => {
    const given = [
      '10.1.0.0/16',
      '10.0.0.0/8',
      '10.9.9.9',
      '::ffff:192.0.2.7',
      '2001:db8::1/32',
      '2001:db8:1::/48',
      '192.0.2.7/32',
    ];
    assert.deepEqual(disjointNetworks(given), { v4: ['10.0.0.0/8', '192.0.2.7'], v6: ['2001:db8::/32'] });
  });
});
