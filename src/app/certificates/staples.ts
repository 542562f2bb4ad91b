/**
 * OCSP answers about our own certificates, fetched in the background and shown to clients in the handshake, so that they need not
 * ask the responder themselves, nor tell it where they connect to.
 */
import { createHash, X509Certificate } from 'node:crypto';
import { backoffMs } from '../../base/backoff.ts';
import type { Chance } from '../../base/chance.ts';
import type { Clock, Timer } from '../../base/clock.ts';
import type { Emit } from '../../base/events.ts';
import { type PathStep, readAuthority } from '../../policy/identity/revocation/certificate-path.ts';
import { certificateId, ocspRequest } from '../../policy/identity/revocation/ocsp-request.ts';
import { readOcspResponse } from '../../policy/identity/revocation/ocsp-response.ts';
import { fingerprintOf } from '../../policy/identity/x509/certificate-facts.ts';
import { readCertificate } from '../../policy/identity/x509/certificate-fields.ts';
import type { ListenerOptions } from '../../transports/listener-options.ts';
import { OperatorError } from '../config/problem.ts';
import { HttpExchange } from './http-exchange.ts';

export interface StapleServices {
  readonly clock: Clock;
  readonly chance: Chance;
  readonly emit: Emit;
}

/** By fingerprint of the certificate. */
export type PreparedStaples = ReadonlyMap<string, PathStep>;

const RESPONSE_SIZE_MAX_BYTES = 65_536;
const TIMEOUT_MS = 10_000;
/** Half of what is left of an answer's life, within these bounds. */
const REFRESH_MIN_MS = 5_000;
const REFRESH_MAX_MS = 3_600_000;
const RETRY_BASE_MS = 30_000;
const RETRY_MAX_MS = 900_000;

interface Staple {
  readonly step: PathStep;
  response: Buffer | undefined;
  expiresAtMs: number;
  failures: number;
  timer: Timer | undefined;
}

export class Staples {
  readonly #services: StapleServices;
  readonly #exchange: HttpExchange;
  readonly #staples = new Map<string, Staple>();

  constructor(services: StapleServices) {
    this.#services = services;
    this.#exchange = new HttpExchange(services.clock);
  }

  /** @throws {OperatorError} when a certificate that shall be stapled cannot be. */
  prepare(listeners: readonly ListenerOptions[]): PreparedStaples {
    const steps = new Map<string, PathStep>();
    for (const { name, tls } of listeners) {
      if (tls?.ocspStapling !== true) continue;
      for (const { certificatePem, certificateFile } of tls.certificates) {
        const [leaf, next] = certificatesIn(certificatePem);
        // What is no certificate at all, the listener complains about.
        if (leaf === undefined) continue;
        const issuer = next === undefined ? undefined : readAuthority(next.raw);
        if (issuer === undefined || !leaf.checkIssued(issuer.certificate) || !leaf.verify(issuer.key)) {
          throw new OperatorError(
            `ocspStapling of listener ${name} needs the issuer's certificate behind the server's own in ${certificateFile}; add it there.`,
          );
        }
        const fields = readCertificate(leaf.raw);
        if (fields.responderUris.length === 0) {
          throw new OperatorError(
            `The certificate in ${certificateFile} names no OCSP responder; set ocspStapling of listener ${name} to false.`,
          );
        }
        steps.set(fingerprintOf(leaf), { fields, issuer, subject: leaf.subject.replaceAll('\n', ', ') });
      }
    }
    return steps;
  }

  /** Starts to fetch for certificates that are new, and lets go of those that are shown no more. */
  commit(prepared: PreparedStaples): void {
    for (const [fingerprint, staple] of this.#staples) {
      if (prepared.has(fingerprint)) continue;
      staple.timer?.cancel();
      this.#staples.delete(fingerprint);
    }
    for (const [fingerprint, step] of prepared) {
      if (this.#staples.has(fingerprint)) continue;
      const staple: Staple = { step, response: undefined, expiresAtMs: 0, failures: 0, timer: undefined };
      this.#staples.set(fingerprint, staple);
      void this.#fetch(fingerprint, staple);
    }
  }

  /** For the handshake: what is at hand, or nothing; nobody waits for a responder. */
  responseFor(certificate: Buffer): Buffer | undefined {
    const staple = this.#staples.get(createHash('sha256').update(certificate).digest('hex'));
    return staple !== undefined && staple.expiresAtMs > this.#services.clock.epochMs() ? staple.response : undefined;
  }

  async #fetch(fingerprint: string, staple: Staple): Promise<void> {
    const { clock, chance, emit } = this.#services;
    const { step } = staple;
    const [url] = step.fields.responderUris as [string, ...string[]];
    const id = certificateId(step);
    const bounds = { sizeMaxBytes: RESPONSE_SIZE_MAX_BYTES, timeoutMs: TIMEOUT_MS };
    // Without a nonce, so that responders may give out what they have prepared.
    const got = await this.#exchange.postOcsp(url, ocspRequest(id, undefined), bounds);
    const epochMs = clock.epochMs();
    const answer =
      typeof got === 'string'
        ? got
        : await readOcspResponse(got, { id, issuer: step.issuer, nonce: undefined, epochMs });
    if (this.#staples.get(fingerprint) !== staple) return;
    let delayMs: number;
    if (typeof got === 'string' || typeof answer === 'string') {
      staple.failures++;
      delayMs = backoffMs(RETRY_BASE_MS, RETRY_MAX_MS, staple.failures, chance);
      const says = `the answer about our own certificate ${step.subject} cannot be had: ${String(answer)}`;
      emit({ name: 'revocation.stale', place: url, says });
    } else {
      staple.failures = 0;
      staple.response = Buffer.from(got);
      staple.expiresAtMs = answer.nextUpdateMs;
      delayMs = Math.max(REFRESH_MIN_MS, Math.min((answer.nextUpdateMs - epochMs) / 2, REFRESH_MAX_MS));
      // It is shown all the same: clients shall know.
      if (answer.status !== 'good') {
        const says = `the responder calls our own certificate ${step.subject} ${answer.status}: replace it`;
        emit({ name: 'revocation.stale', place: url, says });
      }
    }
    staple.timer = clock.after(delayMs, () => void this.#fetch(fingerprint, staple));
  }

  close(): void {
    this.commit(new Map());
    this.#exchange.close();
  }
}

function certificatesIn(pem: string): X509Certificate[] {
  try {
    const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
    return blocks.map((block) => new X509Certificate(block));
  } catch {
    return [];
  }
}
