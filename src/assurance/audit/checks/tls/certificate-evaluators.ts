/** How the family T judges the certificates that an endpoint shows. */
import { isIP } from 'node:net';
import type { Evaluate } from '../../model/check.ts';
import { unknown } from '../../model/fact.ts';
import { fail, notApplicable, type Outcome, pass, unassessed } from '../../model/outcome.ts';
import { judgeChain } from '../../tls/chain.ts';
import type { EndpointFacts } from '../../tls/facts.ts';
import { brokenHash, judgeKey, modulusOf } from '../../tls/key-strength.ts';
import type { ServedCertificate } from '../../tls/served-certificate.ts';
import { vendorOf } from '../../tls/vendor-certificates.ts';
import { everyCertificate, ofChain, ofFact, type Place, placeOf, probed } from './judging.ts';

const DAY_MS = 86_400_000;
const LEFT_MIN_DAYS = 30;
/** Too short to be worth revoking. */
const SHORT_LIVED_DAYS = 7;
const SERVER_AUTH = '1.3.6.1.5.5.7.3.1';

const day = (epochMs: number): string => new Date(epochMs).toISOString().slice(0, 10);

function judgeExpiry({ fields }: ServedCertificate, nowMs: number, place: Place, from: string): Outcome {
  const { notBeforeMs, notAfterMs } = fields;
  const leftMs = notAfterMs - nowMs;
  // A third of a long life is years: nobody renews so early.
  const wantedMs = Math.min(LEFT_MIN_DAYS * DAY_MS, (notAfterMs - notBeforeMs) / 3);
  const expected = `more than ${Math.round(wantedMs / DAY_MS)} days left`;
  if (leftMs <= 0) return fail('expired', probed(`expired on ${day(notAfterMs)}`, expected, from), place);
  if (notBeforeMs > nowMs)
    return fail('not-yet-valid', probed(`valid from ${day(notBeforeMs)} on`, expected, from), place);
  const proof = probed(`${Math.floor(leftMs / DAY_MS)} days left, until ${day(notAfterMs)}`, expected, from);
  return leftMs < wantedMs ? fail('expires-soon', proof, { ...place, severity: 'medium' }) : pass(proof, place);
}

function judgeDebianWeak(facts: EndpointFacts, certificate: ServedCertificate, from: string): Outcome[] {
  const modulus = modulusOf(certificate.x509);
  const weak = modulus === undefined ? undefined : facts.debianWeak.get(modulus.hex);
  if (weak === undefined) return [];
  const place = placeOf(facts, `${certificate.label} (CVE-2008-0166)`);
  if (weak.state === 'unknown') return [unassessed(weak, place)];
  const isWeak = weak.state === 'known' && weak.value;
  const observed = isWeak
    ? 'one of the 32,768 keys that Debian made in 2008'
    : 'none of the keys that Debian made in 2008';
  const proof = probed(observed, 'a key of its own', from);
  return [isWeak ? fail('debian-weak', proof, { ...place, severity: 'critical' }) : pass(proof, place)];
}

type CertificateCheck = 'T09' | 'T10' | 'T11' | 'T12' | 'T13' | 'T14' | 'T15' | 'T16' | 'T20';

export const CERTIFICATE_EVALUATORS: { readonly [Id in CertificateCheck]: Evaluate<EndpointFacts> } = {
  T09: (facts) =>
    everyCertificate(facts, (certificate, place, from) => judgeExpiry(certificate, facts.nowMs, place, from)),

  T10: (facts) =>
    everyCertificate(facts, (certificate, place, from) => {
      const { observed, weakness } = judgeKey(certificate.x509);
      const proof = probed(observed, 'RSA from 2048 bits, EC from 224 bits, Ed25519 or the like', from);
      return [
        weakness === undefined ? pass(proof, place) : fail(weakness, proof, place),
        ...judgeDebianWeak(facts, certificate, from),
      ];
    }),

  T11: (facts) =>
    everyCertificate(facts, (certificate, place, from) => {
      // A root is trusted for being known, not for what it says about itself; the server's own always counts.
      if (certificate.isSelfSigned && !certificate.isLeaf)
        return notApplicable('root', 'The signature of a root on itself proves nothing.', place);
      const hash = brokenHash(certificate.x509);
      const oid = certificate.x509.signatureAlgorithm ?? certificate.x509.signatureAlgorithmOid ?? 'unnamed';
      const proof = probed(hash === undefined ? oid : `${hash} (${oid})`, 'SHA-224 or better', from);
      return hash === undefined ? pass(proof, place) : fail('broken-hash', proof, place);
    }),

  T12: (facts) =>
    ofChain(facts, ([leaf], from) => {
      const { x509, fields } = leaf!;
      const name = facts.endpoint.serverName;
      const isNamed =
        isIP(name) === 0 ? x509.checkHost(name, { subject: 'never' }) !== undefined : x509.checkIP(name) !== undefined;
      const names = x509.subjectAltName ?? `none, but the common name ${fields.commonName ?? 'is missing, too'}`;
      const proof = probed(`subjectAltName: ${names}`, `it names ${name}`, from);
      return isNamed ? pass(proof, placeOf(facts)) : fail('name-mismatch', proof, placeOf(facts));
    }),

  T13: (facts) =>
    ofChain(facts, (chain, from) => {
      const { authorities } = facts;
      if (authorities.state === 'unknown') return unassessed(authorities, placeOf(facts));
      const own = authorities.state === 'known' ? authorities.value : undefined;
      const { kind, observed } = judgeChain(chain, own);
      const proof = probed(observed, 'every authority up to a trusted root is sent', from);
      switch (kind) {
        case 'whole':
          return pass(proof, placeOf(facts));
        case 'gap':
          return fail('chain-incomplete', proof, placeOf(facts));
        case 'untold':
          return unassessed(
            unknown('file-missing', `The chain is told from a root of your own only with --ca: ${observed}.`),
            placeOf(facts),
          );
      }
    }),

  T14: (facts) =>
    ofChain(facts, ([leaf], from) => {
      const { isAuthority, extendedKeyUsages } = leaf!.fields;
      const place = placeOf(facts, leaf!.label);
      const expected = 'CA:FALSE and extendedKeyUsage serverAuth';
      if (isAuthority) return fail('leaf-is-authority', probed('CA:TRUE', expected, from), place);
      const observed = extendedKeyUsages.length === 0 ? 'no extendedKeyUsage' : extendedKeyUsages.join(', ');
      const proof = probed(observed, expected, from);
      return extendedKeyUsages.includes(SERVER_AUTH) ? pass(proof, place) : fail('no-server-auth', proof, place);
    }),

  T15: (facts) =>
    ofChain(facts, ([leaf], from) => {
      const { fields, label } = leaf!;
      const place = placeOf(facts, label);
      const days = (fields.notAfterMs - fields.notBeforeMs) / DAY_MS;
      if (days <= SHORT_LIVED_DAYS)
        return notApplicable('short-lived', `It lives ${Math.round(days)} days: it needs no revocation.`, place);
      const places = [...fields.listUris, ...fields.responderUris];
      const isStapled = facts.isStapled.state === 'known' && facts.isStapled.value;
      const expected = 'a distribution point, a responder or a stapled answer';
      if (places.length > 0) return pass(probed(places.join(', '), expected, from), place);
      if (isStapled) return pass(probed('a stapled answer', expected, from), place);
      return fail('no-revocation-data', probed('none of them', expected, from), place);
    }),

  T16: (facts) => {
    const { lists } = facts;
    if (lists.state === 'absent')
      return notApplicable('no-list', 'The certificates name no revocation list, and none was given.', placeOf(facts));
    return ofFact(facts, lists, (all) =>
      all.map((list): Outcome => {
        if (list.state === 'unknown') return unassessed(list, placeOf(facts));
        if (list.state === 'absent')
          return unassessed(unknown('file-missing', `${list.source.from} is missing.`), placeOf(facts));
        const { place: where, nextUpdateMs, thisUpdateMs } = list.value;
        const place = placeOf(facts, where);
        const expected = 'issued in the past, next update in the future';
        const observed = `issued ${day(thisUpdateMs)}, next update ${day(nextUpdateMs)}`;
        const proof = probed(observed, expected, list.source.from);
        if (nextUpdateMs <= facts.nowMs) return fail('list-stale', proof, place);
        return thisUpdateMs > facts.nowMs + DAY_MS ? fail('list-from-future', proof, place) : pass(proof, place);
      }),
    );
  },

  T20: (facts) =>
    everyCertificate(facts, ({ x509 }, place, from) => {
      const vendor = vendorOf(x509);
      const fingerprint = x509.fingerprint256.replaceAll(':', '').toLowerCase();
      const expected = 'a certificate of your own';
      if (vendor === undefined) return pass(probed(`SHA-256 ${fingerprint}`, expected, from), place);
      return fail('vendor-certificate', probed(`shipped with ${vendor}`, expected, from), place);
    }),
};
