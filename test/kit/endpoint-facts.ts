/** A TLS endpoint out of a table, as a fixture tells it: answers to offers, and certificates that were made for the test. */
import { X509Certificate } from 'node:crypto';
import { absent, type Fact, known } from '../../src/assurance/audit/model/fact.ts';
import { TLS13, X25519MLKEM768 } from '../../src/assurance/audit/tls/client-hello.ts';
import { type EndpointFacts, OFFERS, type OfferName } from '../../src/assurance/audit/tls/facts.ts';
import { readServed } from '../../src/assurance/audit/tls/served-certificate.ts';
import type { Answer } from '../../src/assurance/audit/tls/server-answer.ts';

export interface MadeEndpoint extends Partial<Omit<EndpointFacts, 'answers' | 'chain' | 'endpoint'>> {
  readonly answers?: Partial<Record<OfferName, Fact<Answer>>>;
  /** PEM, as sent. */
  readonly pems?: readonly string[];
  readonly chain?: EndpointFacts['chain'];
  readonly serverName?: string;
}

const FROM = 'a ClientHello to localhost:8883';

export const accepts = (name: OfferName, more: Partial<Extract<Answer, { kind: 'accepted' }>> = {}): Fact<Answer> =>
  known({ kind: 'accepted', version: OFFERS[name].version, suite: OFFERS[name].suites[0] ?? 0, ...more }, FROM);
export const REFUSES: Fact<Answer> = known({ kind: 'refused', by: 'alert handshake_failure' }, FROM);

/** As every check would have it, but for what the table says. */
export function endpointFacts({ answers, pems = [], chain, serverName, ...over }: MadeEndpoint): EndpointFacts {
  const refused = Object.fromEntries(Object.keys(OFFERS).map((name) => [name, REFUSES]));
  const ders = pems.map((pem) => new X509Certificate(pem).raw);
  return {
    endpoint: { host: 'localhost', port: 8883, serverName: serverName ?? 'localhost' },
    nowMs: Date.now(),
    answers: {
      ...(refused as EndpointFacts['answers']),
      tls12: accepts('tls12'),
      tls12any: accepts('tls12any', { asksCertificate: false }),
      tls13: accepts('tls13', { version: TLS13, group: 0x001d }),
      hybrid: accepts('hybrid', { version: TLS13, group: X25519MLKEM768 }),
      ...answers,
    },
    chain: chain ?? readServed(ders, 'a handshake with localhost:8883'),
    isStapled: known(true, 'a handshake with localhost:8883'),
    renegotiates: known(false, 'renegotiation with localhost:8883'),
    authorities: absent('--ca'),
    lists: absent('the distribution points of the certificates'),
    debianWeak: new Map(),
    revokedClient: absent('--certificate and --key'),
    ...over,
  };
}
