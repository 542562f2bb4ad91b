/** What the evaluators of family T share: evidence from probes, and answers to offers. */
import type { Fact, Unknown } from '../../model/fact.ts';
import { unknown } from '../../model/fact.ts';
import { type Evidence, evidence, judge, type Outcome, type Outcomes, unassessed } from '../../model/outcome.ts';
import type { EndpointFacts, OfferName } from '../../tls/facts.ts';
import type { ServedCertificate } from '../../tls/served-certificate.ts';
import type { Accepted } from '../../tls/server-answer.ts';

export interface Place {
  readonly confidence: 'probe';
  readonly port: number;
  readonly subject?: string;
}

export function placeOf({ endpoint }: EndpointFacts, subject?: string): Place {
  return { confidence: 'probe', port: endpoint.port, ...(subject === undefined ? {} : { subject }) };
}

/** `from` says what was done, such as a handshake. */
export function probed(observed: string, expected: string, from: string): Evidence {
  return { ...evidence(observed, expected, { from }), method: from };
}

/** Whether anything at all was accepted: without that, a refusal says nothing about what was refused. */
function speaksTls({ answers }: EndpointFacts): boolean {
  return Object.values(answers).some(
    ({ state, ...fact }) => state === 'known' && 'value' in fact && fact.value.kind === 'accepted',
  );
}

export type Said =
  | { readonly kind: 'accepted'; readonly answer: Accepted; readonly from: string }
  | { readonly kind: 'refused'; readonly by: string; readonly from: string }
  | { readonly kind: 'unknown'; readonly fact: Unknown };

/** What the endpoint says to an offer. */
export function said(facts: EndpointFacts, name: OfferName): Said {
  const fact = facts.answers[name];
  if (fact.state === 'absent') return { kind: 'unknown', fact: unknown('unreachable', 'It was not asked.') };
  if (fact.state === 'unknown') return { kind: 'unknown', fact };
  const { value, source } = fact;
  if (value.kind === 'accepted') return { kind: 'accepted', answer: value, from: source.from };
  if (value.kind === 'nonsense') return { kind: 'unknown', fact: unknown('malformed', value.says) };
  if (!speaksTls(facts))
    return { kind: 'unknown', fact: unknown('unreachable', `It refuses every handshake (${value.by}).`) };
  return { kind: 'refused', by: value.by, from: source.from };
}

/** For each certificate that the endpoint sent. */
export function everyCertificate(
  facts: EndpointFacts,
  judgeOne: (certificate: ServedCertificate, place: Place, from: string) => Outcome | readonly Outcome[],
): Outcomes {
  return ofChain(facts, (chain, from) =>
    chain.flatMap((certificate) => judgeOne(certificate, placeOf(facts, certificate.label), from)),
  );
}

export function ofChain(
  facts: EndpointFacts,
  judgeIt: (chain: readonly ServedCertificate[], from: string) => Outcomes,
): Outcomes {
  return ofFact(facts, facts.chain, judgeIt);
}

export function ofFact<T>(
  facts: EndpointFacts,
  fact: Fact<T>,
  judgeIt: (value: T, from: string) => Outcomes,
): Outcomes {
  if (fact.state === 'unknown') return unassessed(fact, placeOf(facts));
  return judge(
    fact,
    (value, { from }) => judgeIt(value, from),
    ({ from }) => unassessed(unknown('file-missing', `${from} is missing.`), placeOf(facts)),
  );
}
