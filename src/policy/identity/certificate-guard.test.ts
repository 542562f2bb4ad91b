import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { test } from 'node:test';
import {
  makeCa,
  makeCertificate,
  makeCrl,
  makeIntermediate,
  type TestCertificate,
} from '../../../test/kit/certificates.ts';
import { eventually } from '../../../test/kit/eventually.ts';
import type { GatewayEvent } from '../../base/events.ts';
import { ManualClock } from '../../base/manual-clock.ts';
import { buildCertificateGuard, type CertificateGuardOptions } from './certificate-guard.ts';
import type { CertificateFacts } from './identity.ts';
import { KnownAuthorities, TrustedRoots } from './revocation/certificate-path.ts';
import { DistributionPoints, type Fetch } from './revocation/distribution-points.ts';
import { FileLists } from './revocation/file-lists.ts';
import { PublishedList } from './revocation/published-list.ts';
import { Responders } from './revocation/responders.ts';
import { listsInFile, readRevocationList } from './revocation/revocation-list.ts';
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
  assert.match((await admit(ofPlant))!.says, /no revocation list and no responder speaks of CN=Plant CA/);
  assert.match((await admit(ofRoot))!.says, /speaks of CN=d/);
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
  assert.match(objection!.says, /forged\.crl is not signed by its issuer/);
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
  for (let i = 0; i < 3; i++)
    assert.match((await guard.admit(factsOf(client)))!.says, /ocsp\.example\.org.*no connection/);
  assert.equal(asked.length, 1);
  bench.clock.advance(300_000);
  await guard.admit(factsOf(client));
  assert.equal(asked.length, 2);
  assert.match((await guard.admit(factsOf(third)))!.says, /no responder speaks of CN=c/);
});
