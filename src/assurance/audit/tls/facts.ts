/** What is collected of one TLS endpoint: answers to offers, the chain, and what else a handshake shows; all at once, within seconds. */
import { X509Certificate } from 'node:crypto';
import { absent, type Fact, known, mapFact, unknown } from '../model/fact.ts';
import type { AuditContext } from '../model/subject.ts';
import type { Target } from '../model/target.ts';
import type { AuditedSystem } from '../system/audited-system.ts';
import {
  ALL_OLD_SUITES,
  CBC_SUITES,
  GOOD_SUITES,
  STATIC_RSA_SUITES,
  TLS13_SUITES,
  WEAK_SUITES,
} from './cipher-suites.ts';
import { type Offer, SSL2, SSL3, TLS10, TLS11, TLS12, TLS13, X25519MLKEM768 } from './client-hello.ts';
import { isDebianWeak } from './debian-weak-keys.ts';
import { type Endpoint, readAddress } from './endpoint.ts';
import { exchange } from './exchange.ts';
import { type Handshake, handshake, tryRenegotiation } from './handshake.ts';
import { modulusOf } from './key-strength.ts';
import { collectLists, type ListFreshness } from './revocation-data.ts';
import { type RevokedTry, tryRevokedClient } from './revoked-client.ts';
import { readServed, type ServedCertificate } from './served-certificate.ts';
import { type Answer, CLOSED } from './server-answer.ts';

/** One connection each. */
export const OFFERS = {
  ssl2: { version: SSL2, suites: [] },
  ssl3: { version: SSL3, suites: ALL_OLD_SUITES },
  tls10: { version: TLS10, suites: ALL_OLD_SUITES },
  tls11: { version: TLS11, suites: ALL_OLD_SUITES },
  /** What every sound server of TLS 1.2 takes: tells that the others were refused for what they offered. */
  tls12: { version: TLS12, suites: GOOD_SUITES },
  tls12any: { version: TLS12, suites: ALL_OLD_SUITES },
  tls13: { version: TLS13, suites: TLS13_SUITES },
  hybrid: { version: TLS13, suites: TLS13_SUITES, groups: [X25519MLKEM768] },
  null: { version: TLS12, suites: WEAK_SUITES.NULL },
  anonymous: { version: TLS12, suites: WEAK_SUITES.anonymous },
  export: { version: TLS12, suites: WEAK_SUITES.export },
  rc4: { version: TLS12, suites: WEAK_SUITES.RC4 },
  tripleDes: { version: TLS12, suites: WEAK_SUITES['3DES'] },
  /** Some servers have their weak suites only in old versions: asked one by one where they take any of them. */
  weak10: { version: TLS10, suites: Object.values(WEAK_SUITES).flat() },
  null10: { version: TLS10, suites: WEAK_SUITES.NULL },
  anonymous10: { version: TLS10, suites: WEAK_SUITES.anonymous },
  export10: { version: TLS10, suites: WEAK_SUITES.export },
  rc410: { version: TLS10, suites: WEAK_SUITES.RC4 },
  tripleDes10: { version: TLS10, suites: WEAK_SUITES['3DES'] },
  staticRsa: { version: TLS12, suites: STATIC_RSA_SUITES },
  cbc: { version: TLS12, suites: CBC_SUITES },
} as const satisfies Record<string, Offer>;
export type OfferName = keyof typeof OFFERS;

/** Asked second. */
const WEAK10: readonly OfferName[] = ['null10', 'anonymous10', 'export10', 'rc410', 'tripleDes10'];

export interface EndpointFacts {
  readonly endpoint: Endpoint;
  readonly nowMs: number;
  readonly answers: { readonly [Name in OfferName]: Fact<Answer> };
  /** As sent, the server's own first. */
  readonly chain: Fact<readonly ServedCertificate[]>;
  readonly isStapled: Fact<boolean>;
  /** Whether the server began a renegotiation at the client's wish; absent without TLS 1.2. */
  readonly renegotiates: Fact<boolean>;
  /** Authorities that clients trust, where the auditor named them. */
  readonly authorities: Fact<readonly X509Certificate[]>;
  readonly lists: Fact<readonly Fact<ListFreshness>[]>;
  /** By the key's modulus in upper-case hex, for RSA keys. */
  readonly debianWeak: ReadonlyMap<string, Fact<boolean>>;
  /** Absent without a revoked certificate of the auditor's. */
  readonly revokedClient: Fact<RevokedTry>;
}

/** For everything together, below the five seconds that an endpoint may take. */
const ENDPOINT_MAX_MS = 4500;
const CONNECTION_MAX_MS = 2000;
/** Connections to one endpoint at a time. */
const PARALLEL_MAX = 8;
const PEM_MAX_BYTES = 4 * 1024 * 1024;

export async function collectEndpoint(target: Target, context: AuditContext): Promise<EndpointFacts> {
  const { system, clock, signal: run } = context;
  const options = target.options ?? {};
  const text = (name: string): string | undefined => options[name] as string | undefined;
  const address = readAddress(target.place)!;
  const endpoint: Endpoint = { ...address, serverName: text('serverName') ?? address.host };
  const deadline = new AbortController();
  const timer = clock.after(ENDPOINT_MAX_MS, () => deadline.abort());
  const signal = AbortSignal.any([run, deadline.signal]);
  const bounds = { clock, signal, timeoutMs: CONNECTION_MAX_MS };
  const answers: Partial<Record<OfferName, Fact<Answer>>> = {};
  const say = async (name: OfferName): Promise<void> => {
    answers[name] = await exchange(endpoint, OFFERS[name], { ...bounds, isFlightWanted: name === 'tls12any' });
  };
  try {
    const authorities = readAuthorities(system, text('ca'));
    const client = readClient(system, text('certificate'), text('key'));
    // Who does not answer to anything sound is not asked for the rest.
    const first = ['tls12any', 'tls13'] as const;
    await Promise.all(first.map(say));
    const answered = first.map((name) => answers[name]!).filter(({ state }) => state === 'known');
    const isDead = answered.length === 0;
    const dead = answers.tls12any!;
    const rest = (Object.keys(OFFERS) as OfferName[]).filter(
      (name) => answers[name] === undefined && !WEAK10.includes(name),
    );
    if (isDead) for (const name of rest) answers[name] = dead;

    const flight = answers.tls12any!;
    const spoken =
      flight.state === 'known' && flight.value.kind === 'accepted' && flight.value.version <= TLS12
        ? flight.value
        : undefined;
    const [made, renegotiates] = isDead
      ? [dead as Exclude<Fact<Handshake>, { state: 'known' }>, dead as Exclude<Fact<boolean>, { state: 'known' }>]
      : await inParallel<[Fact<Handshake>, Fact<boolean>]>(
          () => handshake(endpoint, bounds),
          async () => (spoken === undefined ? absent('TLS 1.2') : tryRenegotiation(endpoint, bounds)),
          ...rest.map((name) => () => say(name)),
        );
    const weak = answers.weak10!;
    if (weak.state === 'known' && weak.value.kind === 'accepted')
      await inParallel<[]>(...WEAK10.map((name) => () => say(name)));
    else for (const name of WEAK10) answers[name] = weak;
    await confirmCloses(answers as Record<OfferName, Fact<Answer>>, say);
    // A server that wants a client's certificate ends the handshake, but its own it has shown.
    const { certificates = [], isStapled } = spoken ?? {};
    const shown: Fact<Handshake> =
      made.state !== 'known' && certificates.length > 0 ? known({ certificates, isStapled }, 'a ClientHello') : made;
    const chain = shown.state === 'known' ? readServed(shown.value.certificates, shown.source.from) : shown;
    const revoked = await client;
    return {
      endpoint,
      nowMs: clock.epochMs(),
      answers: answers as EndpointFacts['answers'],
      chain,
      isStapled: mapFact(shown, ({ isStapled: is }) => is ?? unknown('unsupported', 'No whole handshake was made.')),
      renegotiates,
      authorities: await authorities,
      lists: await collectLists(chain, {
        ...bounds,
        system,
        file: text('crl'),
        isFetchAllowed: options['fetch'] === true,
      }),
      debianWeak: await collectDebianWeak(system, chain),
      revokedClient:
        revoked.state === 'known' && !isDead
          ? await tryRevokedClient(endpoint, { ...bounds, ...revoked.value })
          : (revoked as Fact<never>),
    };
  } finally {
    timer.cancel();
  }
}

/**
 * Some servers refuse an offer by closing the connection, and others close it because there were too many: those that ended so are asked
 * again, one at a time, and believed only as long as an offer that was accepted before still is.
 */
async function confirmCloses(
  answers: Record<OfferName, Fact<Answer>>,
  say: (name: OfferName) => Promise<void>,
): Promise<void> {
  const names = Object.keys(answers) as OfferName[];
  const isClosed = (name: OfferName): boolean => {
    const fact = answers[name];
    return fact.state === 'known' && fact.value.kind === 'refused' && fact.value.by === CLOSED;
  };
  const isAccepted = (name: OfferName): boolean => {
    const fact = answers[name];
    return fact.state === 'known' && fact.value.kind === 'accepted';
  };
  const closed = names.filter(isClosed);
  const control = names.find(isAccepted);
  if (closed.length === 0 || control === undefined) return;
  const before = answers[control];
  for (const name of closed) await say(name);
  await say(control);
  const isSteady = isAccepted(control);
  answers[control] = before;
  if (isSteady) return;
  for (const name of closed.filter(isClosed))
    answers[name] = unknown('unreachable', 'It closes connections without a word, even for what it accepted before.');
}

/** All of them, so many at a time; results in order. */
async function inParallel<Results extends readonly unknown[]>(
  ...tasks: readonly [...{ [At in keyof Results]: () => Promise<Results[At]> }, ...(() => Promise<void>)[]]
): Promise<Results> {
  const results: unknown[] = [];
  let next = 0;
  const work = async (): Promise<void> => {
    for (let index = next++; index < tasks.length; index = next++) results[index] = await tasks[index]!();
  };
  await Promise.all(Array.from({ length: PARALLEL_MAX }, work));
  return results as unknown as Results;
}

async function readPem(system: AuditedSystem, path: string): Promise<Fact<string>> {
  const text = await system.readText(path, { sizeMaxBytes: PEM_MAX_BYTES });
  return text.state === 'absent' ? unknown('file-missing', `${path} is not there.`) : text;
}

const PEM_CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

async function readAuthorities(system: AuditedSystem, path: string | undefined): Promise<Fact<X509Certificate[]>> {
  if (path === undefined) return absent('--ca');
  return mapFact(await readPem(system, path), (text) => {
    try {
      const read = [...text.matchAll(PEM_CERTIFICATE)].map(([pem]) => new X509Certificate(pem));
      return read.length > 0 ? read : unknown('malformed', `${path} holds no certificate.`);
    } catch {
      return unknown('malformed', `${path} holds a certificate that cannot be read.`);
    }
  });
}

async function readClient(
  system: AuditedSystem,
  certificatePath: string | undefined,
  keyPath: string | undefined,
): Promise<Fact<{ certificate: string; key: string }>> {
  if (certificatePath === undefined || keyPath === undefined) return absent('--certificate and --key');
  const [certificate, key] = await Promise.all([readPem(system, certificatePath), readPem(system, keyPath)]);
  if (certificate.state !== 'known') return certificate;
  return mapFact(key, (text) => ({ certificate: certificate.value, key: text }));
}

async function collectDebianWeak(
  system: AuditedSystem,
  chain: Fact<readonly ServedCertificate[]>,
): Promise<Map<string, Fact<boolean>>> {
  const found = new Map<string, Fact<boolean>>();
  if (chain.state !== 'known') return found;
  for (const { x509 } of chain.value) {
    const modulus = modulusOf(x509);
    if (modulus !== undefined) found.set(modulus.hex, await isDebianWeak(system, modulus.hex, modulus.bits));
  }
  return found;
}
