import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { describe, it, test } from 'node:test';
import {
  makeCa,
  makeCertificate,
  makeCrl,
  makeIntermediate,
  type TestCertificate,
} from '../../../test/kit/certificates.ts';
import { eventually } from '../../../test/kit/eventually.ts';
import { ocspAnswer } from '../../../test/kit/ocsp-answers.ts';
import type { GatewayEvent } from '../../base/events.ts';
import { ManualClock } from '../../base/manual-clock.ts';
import { buildCertificateGuard, type CertificateGuardOptions } from './certificate-guard.ts';
import type { CertificateFacts } from './identity.ts';
import { KnownAuthorities, TrustedRoots } from './revocation/certificate-path.ts';
import { DistributionPoints, type Fetch } from './revocation/distribution-points.ts';
import { FileLists } from './revocation/file-lists.ts';
import { PublishedList } from './revocation/published-list.ts';
import { Responders } from './revocation/responders.ts';
import { listsInFile, type RevocationList, readRevocationList } from './revocation/revocation-list.ts';
import type { RevocationSource } from './revocation/source.ts';
import { certificateFacts } from './x509/certificate-facts.ts';

const HOUR_MS = 3_600_000;
const PLACE = 'http://ca.example.org/ca.crl';
const root = await makeCa('Device Root');
const plant = await makeIntermediate(root, 'Plant CA');
const [first, second, third] = (await Promise.all(
  ['a', 'b', 'c'].map((commonName) => makeCertificate(root, { commonName, use: 'client', crlUris: [PLACE] })),
)) as [TestCertificate, TestCertificate, TestCertificate];

function factsOf(certificate: TestCertificate, ...chain: TestCertificate[]): CertificateFacts {
  const facts = certificateFacts(new X509Certificate(certificate.certificatePem))!;
  const sent = chain.map(({ certificatePem }) => new X509Certificate(certificatePem).raw);
  return { ...facts, chain: [...facts.chain, ...sent] };
}

function derOf(pem: string): Uint8Array {
  return listsInFile(Buffer.from(pem))[0]!;
}

/** A list of the root, valid from `fromMs` for two hours. */
async function listOf(fromMs: number, ...revoked: TestCertificate[]): Promise<Uint8Array> {
  const dates = { thisUpdate: new Date(fromMs), nextUpdate: new Date(fromMs + 2 * HOUR_MS) };
  return derOf(await makeCrl(root, revoked, dates));
}

class Bench {
  readonly clock = new ManualClock(Date.now());
  readonly events: GatewayEvent[] = [];
  readonly known = new KnownAuthorities();
  readonly roots = new TrustedRoots(root.certificatePem, this.known);
  readonly fetched: string[] = [];
  readonly kept = new Map<string, Uint8Array>();
  changes = 0;
  server: Fetch = () => Promise.resolve('no connection');

  points(): DistributionPoints {
    return new DistributionPoints({
      clock: this.clock,
      chance: { bytes: (length) => Buffer.alloc(length), below: () => 0 },
      emit: (event) => this.events.push(event),
      fetch: (url, bounds) => {
        this.fetched.push(url);
        return this.server(url, bounds);
      },
      cache: {
        load: (url) => Promise.resolve(this.kept.get(url)),
        store: async (url, der) => void this.kept.set(url, der),
      },
      pause: () => Promise.resolve(),
      onChange: () => this.changes++,
    });
  }

  guard(source: RevocationSource | undefined, changes: Partial<CertificateGuardOptions> = {}) {
    return buildCertificateGuard({
      listener: 'mqtts',
      roots: this.roots,
      pins: undefined,
      revocation: source && { sources: [source], mode: 'hard-fail', timeoutMs: 3000 },
      clock: this.clock,
      emit: (event) => this.events.push(event),
      ...changes,
    });
  }

  named<Name extends GatewayEvent['name']>(name: Name): Extract<GatewayEvent, { name: Name }>[] {
    return this.events.filter((event): event is Extract<GatewayEvent, { name: Name }> => event.name === name);
  }

  /** With the list's own end, there are two that wait while it is current. */
  isRefreshAwaited(): boolean {
    return this.clock.pendingCount === (this.isCurrent ? 2 : 1);
  }

  get isCurrent(): boolean {
    const until = this.named('revocation.refreshed').at(-1)?.nextUpdate ?? 0;
    return new Date(until).getTime() > this.clock.epochMs();
  }

  /** What was missing to tell, at the last login that waited for a word. */
  missing(): string {
    return this.named('revocation.stale').at(-1)?.says ?? '';
  }

  /** Moves the clock, and waits until what it started has come to its end. */
  async advance(byMs: number, until: () => boolean | Promise<boolean>): Promise<void> {
    this.clock.advance(byMs);
    await eventually('what the clock started', until);
  }
}

test('a list is fetched once, and anew before it goes out of date; what it then names is told', async () => {
  const bench = new Bench();
  const startMs = bench.clock.epochMs();
  const points = bench.points();
  const guard = bench.guard(points);
  bench.server = () => listOf(startMs);
  const facts = factsOf(first);
  const answers = await Promise.all([guard.admit(facts), guard.admit(factsOf(second))]);
  assert.deepEqual(answers, [undefined, undefined]);
  assert.equal(bench.fetched.length, 1);
  assert.equal(bench.changes, 1);

  bench.server = () => listOf(startMs + HOUR_MS, first);
  await bench.advance(HOUR_MS, () => bench.changes === 2);
  assert.equal(bench.fetched.length, 2);
  assert.partialDeepStrictEqual(guard.objection(facts), { reason: 0x87, says: 'certificate revoked', isRevoked: true });
  assert.equal(guard.objection(factsOf(second)), undefined);
  assert.equal(bench.named('revocation.refreshed').length, 2);
  assert.equal(bench.named('revocation.stale').length, 0);
  points.close();
  assert.equal(bench.clock.pendingCount, 0);
});

test('a list that cannot be refreshed is good to its end, then stale, and is tried for again and again', async () => {
  const bench = new Bench();
  const guard = bench.guard(bench.points());
  const startMs = bench.clock.epochMs();
  bench.server = () => listOf(startMs);
  const live = factsOf(first);
  await guard.admit(live);
  bench.server = () => Promise.resolve('no connection');
  await bench.advance(HOUR_MS, () => bench.fetched.length === 2);
  assert.equal(bench.named('revocation.stale').length, 0);
  assert.equal(await guard.admit(factsOf(second)), undefined);
  await bench.advance(HOUR_MS + 1, () => bench.named('revocation.stale').length > 0);
  assert.match(bench.named('revocation.stale')[0]!.says, /out of date since/);
  assert.partialDeepStrictEqual(await guard.admit(factsOf(second)), { by: 'revocation:hard-fail', isRevoked: false });
  assert.equal(guard.objection(live), undefined, 'who was let in stays');
  const before = bench.fetched.length;
  await bench.advance(900_000, () => bench.fetched.length > before);
  bench.server = () => listOf(bench.clock.epochMs());
  await bench.advance(900_000, () => bench.changes === 2);
  assert.equal(await guard.admit(factsOf(second)), undefined);
});

test('an older list, played back on the way, does not make good again what was revoked', async () => {
  const bench = new Bench();
  const guard = bench.guard(bench.points());
  const startMs = bench.clock.epochMs();
  bench.server = () => listOf(startMs, first);
  assert.equal((await guard.admit(factsOf(first)))?.isRevoked, true);
  bench.server = () => listOf(startMs - 1000);
  // The older one has been turned down when the next attempt waits.
  await bench.advance(HOUR_MS, () => bench.fetched.length === 2 && bench.clock.pendingCount === 2);
  assert.equal((await guard.admit(factsOf(first)))?.isRevoked, true);
});

test('a list from the cache serves at once, while the server is asked for a newer one', async () => {
  const bench = new Bench();
  const startMs = bench.clock.epochMs();
  bench.kept.set(PLACE, await listOf(startMs - HOUR_MS));
  const newer = await listOf(startMs, first);
  bench.server = () => Promise.resolve(newer);
  const guard = bench.guard(bench.points());
  assert.equal(await guard.admit(factsOf(first)), undefined);
  assert.equal(bench.fetched.length, 0);
  await bench.advance(0, () => bench.kept.get(PLACE) === newer);
  assert.equal(guard.objection(factsOf(first))?.isRevoked, true);
});

test('garbage in the cache is passed over', async () => {
  const bench = new Bench();
  bench.kept.set(PLACE, Buffer.alloc(1000, 0x30));
  bench.server = () => listOf(bench.clock.epochMs());
  assert.equal(await bench.guard(bench.points()).admit(factsOf(first)), undefined);
});

test('a login waits no longer than it was told, and the list still counts when it comes', async () => {
  const bench = new Bench();
  const guard = bench.guard(bench.points());
  let answer: (der: Uint8Array) => void = () => undefined;
  bench.server = () => new Promise((resolve) => (answer = resolve));
  const late = guard.admit(factsOf(first));
  bench.clock.advance(3000);
  assert.partialDeepStrictEqual(await late, { by: 'revocation:hard-fail' });
  answer(await listOf(bench.clock.epochMs()));
  await bench.advance(0, () => bench.changes === 1);
  assert.equal(await guard.admit(factsOf(first)), undefined);
});

test('a server that does not answer is not asked by every login', async () => {
  const bench = new Bench();
  const guard = bench.guard(bench.points(), {});
  for (let i = 0; i < 5; i++) assert.notEqual(await guard.admit(factsOf(first)), undefined);
  assert.equal(bench.fetched.length, 1);
});

test('soft-fail lets in what nobody knows, never without an event, and never what is revoked', async () => {
  const bench = new Bench();
  const points = bench.points();
  const guard = bench.guard(points, { revocation: { sources: [points], mode: 'soft-fail', timeoutMs: 3000 } });
  assert.equal(await guard.admit(factsOf(first)), undefined);
  assert.equal(await guard.admit(factsOf(first)), undefined);
  const told = bench.named('revocation.stale').filter((event) => 'action' in event);
  assert.equal(told.length, 2);
  assert.partialDeepStrictEqual(told[0]!, { listener: 'mqtts', subject: 'CN=a', action: 'allowed' });
  assert.match(told[0]!.says, /cannot be had: no connection/);
});

test('each authority on the way needs a word, not only the last', async () => {
  const bench = new Bench();
  const client = await makeCertificate(plant, { commonName: 'd', use: 'client' });
  const publish = async (place: string, pem: string): Promise<PublishedList> => {
    const list = await readRevocationList(derOf(pem), () => Promise.resolve());
    if (typeof list === 'string') assert.fail(list);
    return new PublishedList(place, list);
  };
  const ofPlant = await publish('plant.crl', await makeCrl(plant, []));
  const ofRoot = await publish('root.crl', await makeCrl(root, []));
  const revoking = await publish('root.crl', await makeCrl(root, [plant]));
  const admit = (...lists: PublishedList[]) =>
    bench.guard(new FileLists(lists, bench.clock)).admit(factsOf(client, plant));
  assert.equal(await admit(ofPlant, ofRoot), undefined);
  assert.equal((await admit(ofPlant))?.reason, 0x88);
  assert.match(bench.missing(), /no revocation list and no responder speaks of CN=Plant CA/);
  assert.equal((await admit(ofRoot))?.reason, 0x88);
  assert.match(bench.missing(), /speaks of CN=d/);
  assert.equal((await admit(ofPlant, revoking))!.isRevoked, true);
});

test('a list of an authority with the same name and another key says nothing', async () => {
  const bench = new Bench();
  const namesake = await makeCa('Device Root');
  const list = await readRevocationList(derOf(await makeCrl(namesake, [first])), () => Promise.resolve());
  if (typeof list === 'string') assert.fail(list);
  const lists = new FileLists([new PublishedList('forged.crl', list)], bench.clock);
  const objection = await bench.guard(lists).admit(factsOf(first));
  assert.equal(objection?.isRevoked, false);
  assert.match(bench.missing(), /forged\.crl is not signed by its issuer/);
  assert.deepEqual(await lists.forged(bench.roots.authorities), ['forged.crl']);
});

test('an intermediate that was seen once is remembered for sessions that do not send it again', async () => {
  const bench = new Bench();
  const client = await makeCertificate(plant, { commonName: 'd', use: 'client' });
  assert.equal(bench.roots.pathOf(factsOf(client)), undefined);
  assert.equal(bench.roots.pathOf(factsOf(client, plant))?.length, 2);
  assert.equal(bench.roots.pathOf(factsOf(client))?.length, 2);
});

test('a root that is no longer trusted is an objection only for those who had a path to it', async () => {
  const bench = new Bench();
  const client = await makeCertificate(plant, { commonName: 'd', use: 'client' });
  const [pathed, unpathed] = [factsOf(first), factsOf(client)];
  const guard = bench.guard(undefined);
  assert.equal(await guard.admit(pathed), undefined);
  assert.equal(await guard.admit(unpathed), undefined);
  const others = new TrustedRoots((await makeCa('Other')).certificatePem, bench.known);
  const later = bench.guard(undefined, { roots: others });
  assert.equal(later.objection(pathed)?.by, 'certificate:trust');
  assert.equal(later.objection(unpathed), undefined);
});

test('pins keep out what is not pinned, before anybody is asked', async () => {
  const bench = new Bench();
  const pins = { fingerprints: new Set([first.fingerprint]), file: 'pins' };
  bench.server = () => listOf(bench.clock.epochMs());
  const guard = bench.guard(bench.points(), { pins });
  assert.partialDeepStrictEqual(await guard.admit(factsOf(second)), { by: 'certificate:pins:pins', reason: 0x87 });
  assert.equal(bench.fetched.length, 0);
  assert.equal(await guard.admit(factsOf(first)), undefined);
});

test('a responder that fails is left alone for a while, and asked anew afterwards', async () => {
  const bench = new Bench();
  const asked: string[] = [];
  const responders = new Responders({
    clock: bench.clock,
    chance: { bytes: (length) => Buffer.alloc(length), below: () => 0 },
    ask: (url) => {
      asked.push(url);
      return Promise.resolve('no connection');
    },
    onChange: () => assert.fail('nothing has changed'),
  });
  const client = await makeCertificate(root, { commonName: 'o', use: 'client', ocspUri: 'http://ocsp.example.org/' });
  const guard = bench.guard(responders);
  for (let i = 0; i < 3; i++) {
    // Where the responder stands, and what is wrong with it, is nothing that clients need to know.
    assert.partialDeepStrictEqual(await guard.admit(factsOf(client)), {
      reason: 0x88,
      says: 'it is not known whether the certificate is revoked',
    });
    assert.match(bench.missing(), /ocsp\.example\.org.*no connection/);
  }
  assert.equal(asked.length, 1);
  bench.clock.advance(300_000);
  await guard.admit(factsOf(client));
  assert.equal(asked.length, 2);
  assert.notEqual(await guard.admit(factsOf(third)), undefined);
  assert.match(bench.missing(), /no responder speaks of CN=c/);
});

test('a list is fetched at once when the date was set past its end', async () => {
  const bench = new Bench();
  const guard = bench.guard(bench.points());
  const startMs = bench.clock.epochMs();
  bench.server = () => listOf(bench.clock.epochMs());
  assert.equal(await guard.admit(factsOf(first)), undefined);
  bench.clock.setEpoch(startMs + 24 * HOUR_MS);
  assert.equal(await guard.admit(factsOf(first)), undefined);
  assert.equal(bench.fetched.length, 2);
});

test('a list with a date that is yet to come gives way to one with the right date', async () => {
  const bench = new Bench();
  const guard = bench.guard(bench.points());
  const startMs = bench.clock.epochMs();
  bench.server = () => listOf(startMs + 24 * HOUR_MS);
  assert.equal((await guard.admit(factsOf(first)))?.by, 'revocation:hard-fail');
  assert.match(bench.missing(), /from the future: check the clocks/);
  bench.server = () => listOf(startMs, second);
  await bench.advance(30_000, () => bench.changes === 2);
  assert.equal(await guard.admit(factsOf(first)), undefined);
  assert.equal((await guard.admit(factsOf(second)))?.isRevoked, true);
});

/** How often a place is asked in half an hour, with a look at the clock each minute. */
async function askedInHalfAnHour(bench: Bench): Promise<number> {
  const before = bench.fetched.length;
  for (let minute = 0; minute < 30; minute++) {
    const asked = bench.fetched.length;
    bench.clock.advance(60_000);
    // The next attempt waits again once this one has come to its end.
    await eventually('the attempt to end', () => bench.fetched.length === asked || bench.isRefreshAwaited());
  }
  return bench.fetched.length - before;
}

test('a place that goes on giving out a list that is out of date is asked ever less', async () => {
  const bench = new Bench();
  const list = await listOf(bench.clock.epochMs() - 24 * HOUR_MS, second);
  bench.server = () => Promise.resolve(list);
  const guard = bench.guard(bench.points());
  assert.equal((await guard.admit(factsOf(first)))?.by, 'revocation:hard-fail');
  assert.match(bench.missing(), /out of date since/);
  assert.equal((await guard.admit(factsOf(second)))?.isRevoked, true, 'whom it names it names');
  const asked = await askedInHalfAnHour(bench);
  assert.ok(asked >= 3 && asked <= 10, `asked ${asked} times`);
  assert.ok(bench.named('revocation.stale').length > 3, 'and each failure is told');
});

test('a list that is published at the last moment is asked for ever closer to it, and not all the time', async () => {
  const bench = new Bench();
  const list = await listOf(bench.clock.epochMs());
  bench.server = () => Promise.resolve(list);
  const guard = bench.guard(bench.points());
  assert.equal(await guard.admit(factsOf(first)), undefined);
  // An hour at most, then at three quarters of its life.
  await bench.advance(HOUR_MS, () => bench.isRefreshAwaited());
  await bench.advance(HOUR_MS / 2, () => bench.isRefreshAwaited());
  assert.equal(bench.fetched.length, 3);
  const asked = await askedInHalfAnHour(bench);
  assert.ok(asked >= 5 && asked <= 15, `asked ${asked} times`);
});

test('that a list from a file goes out of date is told when the date says so, whoever sets it', () => {
  for (const [shiftMs, toldAfterMs] of [
    [3 * HOUR_MS, HOUR_MS],
    [-HOUR_MS, 3 * HOUR_MS],
  ] as const) {
    const bench = new Bench();
    const startMs = bench.clock.epochMs();
    const list = { issuer: new Uint8Array(), entries: 0, thisUpdateMs: startMs, nextUpdateMs: startMs + 2 * HOUR_MS };
    const lists = new FileLists([new PublishedList('a.crl', list as unknown as RevocationList)], bench.clock);
    lists.watch((event) => bench.events.push(event));
    bench.clock.setEpoch(startMs + shiftMs);
    bench.clock.advance(toldAfterMs - 1);
    assert.equal(bench.named('revocation.stale').length, 0);
    bench.clock.advance(1);
    assert.match(bench.missing(), /out of date since/);
    lists.unwatch();
    assert.equal(bench.clock.pendingCount, 0);
  }
});

describe('a responder', async () => {
  const client = await makeCertificate(root, { commonName: 'p', use: 'client', ocspUri: 'http://ocsp.example.org/' });

  /** One that answers with its own date, which `responder.setEpoch` sets. */
  const asking = (bench: Bench) => {
    const responder = { status: 'good' as 'good' | 'revoked', lifeMs: HOUR_MS / 2, aheadMs: 0, asked: 0 };
    const source = new Responders({
      clock: bench.clock,
      chance: { bytes: (length) => Buffer.alloc(length), below: () => 0 },
      ask: () => {
        responder.asked++;
        const thisUpdateMs = bench.clock.epochMs() + responder.aheadMs;
        const nextUpdateMs = thisUpdateMs + responder.lifeMs;
        return Promise.resolve(ocspAnswer(root, client, { status: responder.status, thisUpdateMs, nextUpdateMs }));
      },
      onChange: () => bench.changes++,
    });
    return { responder, guard: bench.guard(source) };
  };

  it('is asked again soon when the date was wrong and is right again', async () => {
    const bench = new Bench();
    const { responder, guard } = asking(bench);
    const startMs = bench.clock.epochMs();
    bench.clock.setEpoch(startMs + 24 * HOUR_MS);
    responder.aheadMs = -24 * HOUR_MS;
    assert.equal((await guard.admit(factsOf(client)))?.by, 'revocation:hard-fail');
    assert.match(bench.missing(), /out of date since/);
    bench.clock.setEpoch(startMs);
    responder.aheadMs = 0;
    bench.clock.advance(10_000);
    assert.equal(await guard.admit(factsOf(client)), undefined);
  });

  it('that spoke when the date was wrong is not believed to be right until then', async () => {
    const bench = new Bench();
    const { responder, guard } = asking(bench);
    const startMs = bench.clock.epochMs();
    bench.clock.setEpoch(startMs + 24 * HOUR_MS);
    assert.equal(await guard.admit(factsOf(client)), undefined);
    bench.clock.setEpoch(startMs);
    responder.status = 'revoked';
    assert.equal((await guard.admit(factsOf(client)))?.isRevoked, true);
    assert.equal(bench.changes, 1);
  });

  it('is asked at once when the date was set past the end of what it said', async () => {
    const bench = new Bench();
    const { responder, guard } = asking(bench);
    assert.equal(await guard.admit(factsOf(client)), undefined);
    bench.clock.setEpoch(bench.clock.epochMs() + 24 * HOUR_MS);
    assert.equal(await guard.admit(factsOf(client)), undefined);
    assert.equal(responder.asked, 2);
  });

  it('that answers with what has just gone out of date is not asked by every login', async () => {
    const bench = new Bench();
    const { responder, guard } = asking(bench);
    responder.aheadMs = -HOUR_MS / 2 - 60_000;
    for (let i = 0; i < 5; i++) assert.notEqual(await guard.admit(factsOf(client)), undefined);
    assert.equal(responder.asked, 1);
  });

  it('that called a certificate revoked is believed, however old its word', async () => {
    const bench = new Bench();
    const { responder, guard } = asking(bench);
    responder.aheadMs = -24 * HOUR_MS;
    responder.status = 'revoked';
    for (let i = 0; i < 3; i++) assert.equal((await guard.admit(factsOf(client)))?.isRevoked, true);
    assert.equal(responder.asked, 1);
  });

  it('that does not answer in time is named', async () => {
    const bench = new Bench();
    const source = new Responders({
      clock: bench.clock,
      chance: { bytes: (length) => Buffer.alloc(length), below: () => 0 },
      ask: () => new Promise(() => undefined),
      onChange: () => bench.changes++,
    });
    const late = bench.guard(source).admit(factsOf(client));
    bench.clock.advance(3000);
    await late;
    assert.match(bench.missing(), /http:\/\/ocsp\.example\.org\/ has not answered yet/);
  });
});
