import { X509Certificate } from 'node:crypto';
import { makeCa, makeCertificate, makeIntermediate } from '../../../../../test/kit/certificates.ts';
import { describeChecks } from '../../../../../test/kit/check-fixtures.ts';
import { accepts, endpointFacts, type MadeEndpoint, REFUSES } from '../../../../../test/kit/endpoint-facts.ts';
import { absent, known, unknown } from '../../model/fact.ts';
import { TLS10, TLS12 } from '../../tls/client-hello.ts';
import type { EndpointFacts } from '../../tls/facts.ts';
import { modulusOf } from '../../tls/key-strength.ts';
import { tlsEndpoint } from './tls.ts';

const DAY_MS = 86_400_000;
const inDays = (days: number): Date => new Date(Date.now() + days * DAY_MS);

const ca = await makeCa('Plant CA');
const CA = known([new X509Certificate(ca.certificatePem)], '/etc/ca.crt');
const intermediate = await makeIntermediate(ca, 'Hall CA');
type Request = Partial<Parameters<typeof makeCertificate>[1]>;
const made = async (request: Request = {}, by = ca): Promise<string> =>
  (await makeCertificate(by, { commonName: 'broker', use: 'server', crlUris: ['http://ca.example/a.crl'], ...request }))
    .certificatePem;

const GOOD = await made();
const rsa = await made({ key: 'RSA-2048' });
const rsaModulus = modulusOf(new X509Certificate(rsa))!.hex;

/** Shipped with EMQX, whose source repository has its private key. */
const EMQX = `-----BEGIN CERTIFICATE-----
MIICZjCCAc+gAwIBAgIJAO89PfgaeHB2MA0GCSqGSIb3DQEBBQUAMHcxCzAJBgNV
BAYTAkNOMREwDwYDVQQIEwhaaGVKaWFuZzERMA8GA1UEBxMISGFuZ1pob3UxETAP
BgNVBAoTCGVtcXR0LmlvMREwDwYDVQQDEwhlbXF0dC5pbzEcMBoGCSqGSIb3DQEJ
ARYNaG9uZ0BlbXF0dC5pbzAeFw0xNjEwMTMwOTEzMTFaFw0xNjExMTIwOTEzMTFa
MEYxCzAJBgNVBAYTAkNOMREwDwYDVQQIDAhaaGVKaWFuZzERMA8GA1UEBwwISGFu
Z1pob3UxETAPBgNVBAsMCGVtcXR0LmlvMIGfMA0GCSqGSIb3DQEBAQUAA4GNADCB
iQKBgQDaOI1oasKjo0JGk5bMIxGInlxbvTuJZ8436u8HY4q8jZ+a4G12+UdTVHRF
d94/ClHWn8WvOvzbxvmSkhninlzdWm1rBLWis3Z2kStmhL77kITEfIImus9pjm5l
OgBxY4+Q7LSEsKYYH+ClYVaLlzO8PILEkBk6xxxq0X7AnCfDfQIDAQABoyswKTAJ
BgNVHRMEAjAAMAsGA1UdDwQEAwIF4DAPBgNVHREECDAGhwR/AAABMA0GCSqGSIb3
DQEBBQUAA4GBAGS1yw1w9H7F4uOaK02mUCHZiV+EBB3gkBBqtAx7TXsmoGgT6ySA
7DwrbX6IH82bhZT4TjouhaPlUPE9pin88d/2kNbRrbZoZDMYGq02mVVRxfLzJqM2
GVlsxebsFFPbYhOaf9TuRR3v13ebga0FrXNke+IGLsYZSM2PZ+F4EvIA
-----END CERTIFICATE-----`;

const SOUND: MadeEndpoint = { pems: [GOOD], authorities: CA };
const SILENT = unknown('timed-out', 'It took the ClientHello and did not answer in time.');
const saying = (answers: MadeEndpoint['answers']): MadeEndpoint => ({ ...SOUND, answers: answers! });
const showing = (...pems: string[]): MadeEndpoint => ({ ...SOUND, pems });
const NO_CHAIN: MadeEndpoint = { chain: SILENT };
const ALWAYS = { cannot: 'whatever answers can be asked this' };
const SHOWS = { cannot: 'whatever speaks TLS shows a certificate' };
const list = (nextUpdateMs: number) => [
  known({ place: '/ca.crl', thisUpdateMs: Date.now() - DAY_MS, nextUpdateMs }, '/ca.crl'),
];

describeChecks<EndpointFacts, MadeEndpoint>({
  family: tlsEndpoint,
  collect: async (fixture) => endpointFacts(fixture),
  fixtures: {
    T04: {
      pass: SOUND,
      fail: saying({ tls11: accepts('tls11') }),
      'not-applicable': ALWAYS,
      unknown: saying({ tls10: SILENT }),
    },
    T05: {
      pass: SOUND,
      fail: saying({ ssl3: accepts('ssl3') }),
      'not-applicable': ALWAYS,
      // Whoever refuses everything has not refused SSL 3.
      unknown: saying({ tls12: REFUSES, tls12any: REFUSES, tls13: REFUSES, hybrid: REFUSES }),
    },
    T06: {
      pass: SOUND,
      fail: saying({ export10: accepts('export10', { version: TLS10 }) }),
      'not-applicable': ALWAYS,
      unknown: saying({ rc4: unknown('malformed', 'Its answer makes no sense.') }),
    },
    T07: {
      pass: SOUND,
      fail: saying({ staticRsa: accepts('staticRsa') }),
      'not-applicable': ALWAYS,
      unknown: saying({ cbc: unknown('unreachable', 'It reset the connection.') }),
    },
    T08: {
      pass: SOUND,
      fail: saying({ tls13: REFUSES }),
      'not-applicable': ALWAYS,
      unknown: saying({ tls13: SILENT }),
    },
    T09: {
      pass: SOUND,
      fail: showing(await made({ notBefore: inDays(-300), notAfter: inDays(20) })),
      'not-applicable': SHOWS,
      unknown: NO_CHAIN,
    },
    T10: {
      pass: { ...showing(rsa), debianWeak: new Map([[rsaModulus, known(false, '/list')]]) },
      fail: showing(await made({ key: 'RSA-1024' })),
      'not-applicable': SHOWS,
      unknown: { ...showing(rsa), debianWeak: new Map([[rsaModulus, unknown('file-missing', 'No list.')]]) },
    },
    T11: {
      pass: SOUND,
      fail: showing(await made({ signatureHash: 'SHA-1' })),
      'not-applicable': SHOWS,
      unknown: NO_CHAIN,
    },
    T12: {
      pass: SOUND,
      fail: { ...SOUND, serverName: 'other.example' },
      'not-applicable': SHOWS,
      unknown: NO_CHAIN,
    },
    T13: {
      pass: showing(await made({}, intermediate), intermediate.certificatePem),
      fail: showing(await made({}, intermediate)),
      'not-applicable': SHOWS,
      unknown: { pems: [GOOD] },
    },
    T14: {
      pass: SOUND,
      fail: showing(await made({ use: 'client' })),
      'not-applicable': SHOWS,
      unknown: NO_CHAIN,
    },
    T15: {
      pass: SOUND,
      fail: { ...showing(await made({ crlUris: [] })), isStapled: known(false, 'a handshake') },
      'not-applicable': showing(await made({ notBefore: inDays(-1), notAfter: inDays(5) })),
      unknown: NO_CHAIN,
    },
    T16: {
      pass: { ...SOUND, lists: known(list(Date.now() + DAY_MS), '/ca.crl') },
      fail: { ...SOUND, lists: known(list(Date.now() - 1000), '/ca.crl') },
      'not-applicable': SOUND,
      unknown: { ...SOUND, lists: unknown('consent-missing', 'It was not fetched.') },
    },
    T17: {
      pass: { ...SOUND, revokedClient: known({ isLetIn: false, observed: 'alert certificate_revoked' }, 'a try') },
      fail: { ...SOUND, revokedClient: known({ isLetIn: true, observed: 'CONNACK 0' }, 'a try') },
      'not-applicable': SOUND,
      unknown: saying({ tls12any: accepts('tls12any', { asksCertificate: true }) }),
    },
    T18: {
      pass: showing(await made({ ocspUri: 'http://ocsp.example/' })),
      fail: { ...showing(await made({ ocspUri: 'http://ocsp.example/' })), isStapled: known(false, 'a handshake') },
      'not-applicable': SOUND,
      unknown: NO_CHAIN,
    },
    T20: { pass: SOUND, fail: showing(EMQX), 'not-applicable': SHOWS, unknown: NO_CHAIN },
    T22: {
      pass: SOUND,
      fail: { ...SOUND, renegotiates: known(true, 'renegotiation') },
      'not-applicable': { ...SOUND, renegotiates: absent('TLS 1.2'), answers: { tls12any: REFUSES } },
      unknown: { ...SOUND, renegotiates: SILENT },
    },
    T23: {
      pass: SOUND,
      fail: saying({ hybrid: REFUSES }),
      'not-applicable': saying({ tls13: accepts('tls13', { version: TLS12 }), hybrid: REFUSES }),
      unknown: saying({ hybrid: SILENT }),
    },
  },
});
