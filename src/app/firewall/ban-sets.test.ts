import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { GatewayEvent } from '../../base/events.ts';
import { ManualClock } from '../../base/manual-clock.ts';
import { type Ban, parseBanSubject } from '../../policy/detection/bans/ban.ts';
import { BanIndex } from '../../policy/detection/bans/ban-index.ts';
import type { Config } from '../config/config.ts';
import { BanSets } from './ban-sets.ts';
import type { NftOutcome } from './nft.ts';

const RULES = { enabled: true, entriesMax: 100_000 } as Config['firewall'];

/** The book and nft as the sets meet them. */
function stage(rules: Partial<Config['firewall']> = {}) {
  const clock = new ManualClock();
  const events: GatewayEvent[] = [];
  const index = new BanIndex();
  const scripts: string[] = [];
  let handle: number | undefined = 1;
  let failure: Extract<NftOutcome, { ok: false }> | undefined;
  const sets = new BanSets(
    { ...RULES, ...rules },
    {
      clock,
      emit: (event) => events.push(event),
      index,
      run: async (args, input = '') => {
        if (failure !== undefined) return failure;
        if (args[0] === '-a') {
          if (handle === undefined) return { ok: false, says: 'nft: No such file or directory', isAbsent: true };
          return { ok: true, stdout: `table inet sallyport { # handle ${handle}\n}\n` };
        }
        scripts.push(input);
        return { ok: true, stdout: '' };
      },
    },
  );
  const ban = (text: string, forS = 60): Ban => {
    const subject = parseBanSubject(text);
    assert.ok(typeof subject !== 'string');
    const nowMs = clock.nowMs();
    const made: Ban = { subject, reason: '', author: '', sinceMs: nowMs, untilMs: nowMs + forS * 1000, offence: 0 };
    index.put(made);
    sets.banned(made);
    return made;
  };
  const lift = (made: Ban): void => {
    index.delete(made.subject);
    sets.lifted(made);
  };
  /** What was sent in that time. */
  const pass = async (durationMs: number): Promise<string> => {
    const before = scripts.length;
    clock.advance(durationMs);
    for (let turn = 0; turn < 10; turn++) await new Promise(setImmediate);
    return scripts.slice(before).join('');
  };
  const names = (): string[] => events.map(({ name }) => name);
  return {
    sets,
    events,
    names,
    scripts,
    ban,
    lift,
    pass,
    load: (next: number | undefined) => (handle = next),
    fail: (says: string | undefined) =>
      (failure = says === undefined ? undefined : { ok: false, says, isAbsent: false }),
  };
}

describe('the sets of the firewall', () => {
  it('are emptied and filled with what is in force, with the time that is left', async () => {
    const { ban, pass, names } = stage();
    ban('192.0.2.7', 90);
    ban('2001:db8::1', Number.POSITIVE_INFINITY);
    ban('client:d42');
    const sent = await pass(100);
    assert.match(sent, /flush set inet sallyport banned4/);
    assert.match(sent, /add element inet sallyport banned4 \{ 192\.0\.2\.7 timeout 90s \}/);
    assert.match(sent, /add element inet sallyport banned6 \{ 2001:db8::1 \}\n$/);
    assert.doesNotMatch(sent, /d42/);
    assert.deepEqual(names(), []);
  });

  it('get a flood of bans in one run, and the rest in the next', async () => {
    const { ban, pass, scripts } = stage();
    await pass(0);
    const before = scripts.length;
    for (let i = 0; i < 15_000; i++) ban(`10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`);
    const first = await pass(100);
    assert.equal(scripts.length, before + 1);
    assert.equal(first.match(/timeout/g)?.length, 10_000);
    assert.equal((await pass(100)).match(/timeout/g)?.length, 5000);
    assert.equal(await pass(100), '');
  });

  it('lose who is let in again, also where the kernel has let it go before', async () => {
    const { ban, lift, pass } = stage();
    const made = ban('192.0.2.7');
    await pass(100);
    lift(made);
    assert.equal(
      await pass(100),
      'add element inet sallyport banned4 { 192.0.2.7 }\ndelete element inet sallyport banned4 { 192.0.2.7 }\n',
    );
  });

  it('hold of networks in each other the outer one, and then the inner one', async () => {
    const { ban, lift, pass } = stage();
    ban('192.0.2.128/25', 600);
    const outer = ban('192.0.2.0/24', 60);
    assert.match(await pass(100), /banned_networks4 \{ 192\.0\.2\.0\/24 timeout 60s \}/);
    lift(outer);
    const sent = await pass(100);
    assert.match(sent, /flush set inet sallyport banned_networks4\nadd .*\{ 192\.0\.2\.128\/25 timeout 600s \}/);
  });

  it('are filled again when somebody has loaded the ruleset anew', async () => {
    const { ban, pass, load } = stage();
    ban('192.0.2.7', 3600);
    await pass(100);
    assert.equal(await pass(5000), '');
    load(2);
    assert.match(await pass(5000), /flush set[\s\S]*192\.0\.2\.7 timeout 3590s/);
  });

  it('that cannot be changed are told of once, with the cure, tried again, and then complete', async () => {
    const { ban, pass, fail, load, names, events } = stage();
    await pass(0);
    fail('nft is not installed: install the package nftables');
    ban('192.0.2.7', 3600);
    await pass(100);
    ban('192.0.2.8', 3600);
    await pass(5000);
    assert.deepEqual(names(), ['firewall.failed']);
    assert.match(JSON.stringify(events[0]), /install the package nftables/);
    fail(undefined);
    load(undefined);
    await pass(5000);
    assert.deepEqual(names(), ['firewall.failed']);
    load(1);
    assert.match(await pass(5000), /192\.0\.2\.7 timeout \d+s, 192\.0\.2\.8 timeout/);
    assert.deepEqual(names(), ['firewall.failed', 'firewall.recovered']);
  });

  it('take no more than their ceiling, which is told', async () => {
    const { ban, lift, pass, names } = stage({ entriesMax: 2 });
    const first = ban('192.0.2.1');
    ban('192.0.2.2');
    await pass(100);
    ban('192.0.2.3');
    ban('192.0.2.4');
    assert.equal(await pass(100), '');
    assert.deepEqual(names(), ['ceiling.reached']);
    lift(first);
    ban('192.0.2.5');
    assert.match(await pass(100), /192\.0\.2\.5 timeout/);
  });

  it('are left alone where the configuration does not ask for them, until a reload does', async () => {
    const { sets, ban, pass, scripts } = stage({ enabled: false });
    ban('192.0.2.7');
    await pass(60_000);
    assert.deepEqual(scripts, []);
    ban('192.0.2.8');
    sets.apply(RULES);
    assert.match(await pass(0), /192\.0\.2\.8 timeout 60s/);
    sets.apply({ ...RULES, enabled: false });
    ban('192.0.2.9');
    assert.equal(await pass(60_000), '');
  });
});
