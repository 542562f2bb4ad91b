/** How the family T judges what an endpoint speaks. */
import type { Evaluate } from '../../model/check.ts';
import { unknown } from '../../model/fact.ts';
import { fail, notApplicable, type Outcome, pass, unassessed } from '../../model/outcome.ts';
import { suiteName, WEAK_SUITES, type WeakClass } from '../../tls/cipher-suites.ts';
import { SSL2, SSL3, TLS10, TLS11, TLS12, TLS13, X25519MLKEM768 } from '../../tls/client-hello.ts';
import type { EndpointFacts, OfferName } from '../../tls/facts.ts';
import { versionName } from '../../tls/server-answer.ts';
import { ofFact, placeOf, probed, said } from './judging.ts';

/** Fails where the endpoint takes this very version. */
function judgeVersion(facts: EndpointFacts, offer: OfferName, version: number, reason: string): Outcome {
  const name = versionName(version);
  const place = placeOf(facts, name);
  const answer = said(facts, offer);
  const expected = `${name} is refused`;
  switch (answer.kind) {
    case 'unknown':
      return unassessed(answer.fact, place);
    case 'refused':
      return pass(probed(`refused: ${answer.by}`, expected, answer.from), place);
    case 'accepted': {
      const { version: chosen, suite } = answer.answer;
      const observed = `it chose ${versionName(chosen)}${suite === 0 ? '' : ` with ${suiteName(suite)}`}`;
      const proof = probed(observed, expected, answer.from);
      return chosen === version ? fail(reason, proof, place) : pass(proof, place);
    }
  }
}

const CLASSES: readonly (readonly [WeakClass, now: OfferName, old: OfferName, reason: string])[] = [
  ['NULL', 'null', 'null10', 'null-cipher'],
  ['anonymous', 'anonymous', 'anonymous10', 'anonymous-cipher'],
  ['export', 'export', 'export10', 'export-cipher'],
  ['RC4', 'rc4', 'rc410', 'rc4'],
  ['3DES', 'tripleDes', 'tripleDes10', '64-bit-blocks'],
];

function judgeClass(facts: EndpointFacts, [name, now, old, reason]: (typeof CLASSES)[number]): Outcome {
  const place = placeOf(facts, name);
  const expected = `no suite with ${name}`;
  const answers = [said(facts, now), said(facts, old)] as const;
  const taken = answers.find(({ kind }) => kind === 'accepted');
  if (taken?.kind === 'accepted') {
    const { version, suite } = taken.answer;
    return fail(
      reason,
      probed(`${suiteName(suite)} accepted with ${versionName(version)}`, expected, taken.from),
      place,
    );
  }
  const untold = answers.find(({ kind }) => kind === 'unknown');
  if (untold?.kind === 'unknown') return unassessed(untold.fact, place);
  const [refused] = answers;
  const by = refused.kind === 'refused' ? `: ${refused.by}` : '';
  const count = WEAK_SUITES[name].length;
  return pass(probed(`all ${count} refused${by}`, expected, 'from' in refused ? refused.from : 'a ClientHello'), place);
}

function judgeSuites(
  facts: EndpointFacts,
  subject: string,
  offer: OfferName,
  reason: string,
  expected: string,
): Outcome {
  const place = placeOf(facts, subject);
  const answer = said(facts, offer);
  if (answer.kind === 'unknown') return unassessed(answer.fact, place);
  if (answer.kind === 'refused') return pass(probed(`refused: ${answer.by}`, expected, answer.from), place);
  const { suite, version } = answer.answer;
  return fail(
    reason,
    probed(`${suiteName(suite)} accepted with ${versionName(version)}`, expected, answer.from),
    place,
  );
}

type ProtocolCheck = 'T04' | 'T05' | 'T06' | 'T07' | 'T08' | 'T17' | 'T18' | 'T22' | 'T23';

export const PROTOCOL_EVALUATORS: { readonly [Id in ProtocolCheck]: Evaluate<EndpointFacts> } = {
  T04: (facts) => [judgeVersion(facts, 'tls10', TLS10, 'tls-1.0'), judgeVersion(facts, 'tls11', TLS11, 'tls-1.1')],

  T05: (facts) => [judgeVersion(facts, 'ssl2', SSL2, 'ssl-2'), judgeVersion(facts, 'ssl3', SSL3, 'ssl-3')],

  T06: (facts) => CLASSES.map((one) => judgeClass(facts, one)),

  T07: (facts) => [
    judgeSuites(facts, 'forward secrecy', 'staticRsa', 'no-forward-secrecy', 'no suite with the key exchange of RSA'),
    judgeSuites(facts, 'CBC', 'cbc', 'cbc', 'no suite with CBC'),
  ],

  T08: (facts) => {
    const answer = said(facts, 'tls13');
    const expected = 'TLS 1.3 is accepted';
    if (answer.kind === 'unknown') return unassessed(answer.fact, placeOf(facts));
    if (answer.kind === 'refused')
      return fail('no-tls-1.3', probed(`refused: ${answer.by}`, expected, answer.from), placeOf(facts));
    const isChosen = answer.answer.version === TLS13;
    const proof = probed(`it chose ${versionName(answer.answer.version)}`, expected, answer.from);
    return isChosen ? pass(proof, placeOf(facts)) : fail('no-tls-1.3', proof, placeOf(facts));
  },

  T17: (facts) => {
    const place = placeOf(facts);
    if (facts.revokedClient.state === 'absent') {
      const flight = said(facts, 'tls12any');
      if (flight.kind === 'accepted' && flight.answer.version <= TLS12 && flight.answer.asksCertificate === false)
        return notApplicable('no-client-certificates', 'The endpoint asks clients for no certificate.', place);
      return unassessed(
        unknown('file-missing', 'Only a revoked certificate of your own can tell: give --certificate and --key.'),
        place,
      );
    }
    return ofFact(facts, facts.revokedClient, ({ isLetIn, observed }, from) => {
      const proof = probed(observed, 'a revoked certificate is refused', from);
      return isLetIn ? fail('revoked-let-in', proof, place) : pass(proof, place);
    });
  },

  T18: (facts) =>
    ofFact(facts, facts.chain, (chain, from) => {
      const place = placeOf(facts);
      if (chain[0]!.fields.responderUris.length === 0)
        return notApplicable('no-responder', 'The certificate names no OCSP responder.', place);
      return ofFact(facts, facts.isStapled, (isStapled) => {
        const proof = probed(isStapled ? 'an answer was stapled' : 'no answer came', 'an OCSP answer is stapled', from);
        return isStapled ? pass(proof, place) : fail('not-stapled', proof, place);
      });
    }),

  T22: (facts) => {
    const place = placeOf(facts);
    if (facts.renegotiates.state === 'absent') {
      const flight = said(facts, 'tls12any');
      if (flight.kind === 'unknown') return unassessed(flight.fact, place);
      return notApplicable('no-tls-1.2', 'TLS 1.2 is not spoken, and TLS 1.3 knows no renegotiation.', place);
    }
    return ofFact(facts, facts.renegotiates, (does, from) => {
      const observed = does ? 'the server began a new handshake' : 'the server refused a new handshake';
      const proof = probed(observed, 'renegotiation is refused', from);
      return does ? fail('renegotiates', proof, place) : pass(proof, place);
    });
  },

  T23: (facts) => {
    const place = placeOf(facts);
    const expected = 'X25519MLKEM768 is accepted';
    const newest = said(facts, 'tls13');
    if (newest.kind === 'refused' || (newest.kind === 'accepted' && newest.answer.version !== TLS13))
      return notApplicable('no-tls-1.3', 'The group is one of TLS 1.3, which is not spoken.', place);
    const answer = said(facts, 'hybrid');
    if (answer.kind === 'unknown') return unassessed(answer.fact, place);
    if (answer.kind === 'refused')
      return fail('no-post-quantum', probed(`refused: ${answer.by}`, expected, answer.from), place);
    const isChosen = answer.answer.version === TLS13 && answer.answer.group === X25519MLKEM768;
    const proof = probed(isChosen ? 'it asked for the group' : 'it chose something else', expected, answer.from);
    return isChosen ? pass(proof, place) : fail('no-post-quantum', proof, place);
  },
};
