/** OCSP responders that certificates name, and what they have answered for as long as it holds. */
import { backoffMs } from '../../../base/backoff.ts';
import { BoundedMap } from '../../../base/bounded-map.ts';
import type { Chance } from '../../../base/chance.ts';
import type { Clock } from '../../../base/clock.ts';
import type { PathStep } from './certificate-path.ts';
import { certificateId, ocspRequest } from './ocsp-request.ts';
import { isFromTheFuture, lapseOf, type OcspAnswer, readOcspResponse } from './ocsp-response.ts';
import { NOTHING_SAID, type RevocationSource, type Word } from './source.ts';

/** An OCSP exchange: the request goes by POST, and the response's bytes or what went wrong come back. Never rejects. */
export type Ask = (
  url: string,
  request: Uint8Array,
  bounds: { sizeMaxBytes: number; timeoutMs: number },
) => Promise<Uint8Array | string>;

export interface RespondersOptions {
  readonly clock: Clock;
  readonly chance: Chance;
  readonly ask: Ask;
  /** A certificate that was good is revoked. */
  readonly onChange: () => void;
}

const ANSWERS_MAX = 100_000;
const RESPONSE_SIZE_MAX_BYTES = 65_536;
const ASK_TIMEOUT_MS = 10_000;
const RESPONDERS_PER_CERTIFICATE_MAX = 2;
/** However long an answer holds, it is asked for anew after this: revocations shall not wait for days. */
const ASK_ANEW_MS = 3_600_000;
/** A new certificate may take a while to become known. */
const UNKNOWN_MS = 60_000;
const RETRY_BASE_MS = 10_000;
const RETRY_MAX_MS = 300_000;
const NONCE_BYTES = 16;

interface Entry {
  answer: OcspAnswer | undefined;
  /** Who gave it. */
  url: string;
  /** From when on it is asked for anew, on the clock that nobody sets. */
  dueMs: number;
  failures: number;
  says: string;
  underWay: Promise<void> | undefined;
}

export class Responders implements RevocationSource {
  readonly #options: RespondersOptions;
  readonly #entries = new BoundedMap<string, Entry>({ entriesMax: ANSWERS_MAX });

  constructor(options: RespondersOptions) {
    this.#options = options;
  }

  wordOn(step: PathStep): Word {
    if (urlsOf(step).length === 0) return NOTHING_SAID;
    const entry = this.#entries.get(keyOf(step));
    if (entry === undefined) return { kind: 'none', says: 'no OCSP responder was asked yet' };
    const { answer, url, says, failures } = entry;
    if (answer?.status === 'revoked') return { kind: 'revoked', by: `ocsp:${url}` };
    if (answer?.status !== 'good') return { kind: 'none', says };
    const lapse = lapseOf(answer, this.#options.clock.epochMs());
    if (lapse === undefined) return { kind: 'good', by: `ocsp:${url}` };
    return { kind: 'none', says: failures > 0 ? says : `${url}: the answer is ${lapse}` };
  }

  isDue(step: PathStep): boolean {
    if (urlsOf(step).length === 0) return false;
    const entry = this.#entries.get(keyOf(step));
    const { clock } = this.#options;
    if (entry === undefined || entry.dueMs <= clock.nowMs()) return true;
    // The date was set since it answered; after a failure it is left its time.
    const { answer, failures } = entry;
    return failures === 0 && answer?.status === 'good' && lapseOf(answer, clock.epochMs()) !== undefined;
  }

  async obtain(step: PathStep): Promise<void> {
    if (!this.isDue(step)) return;
    const key = keyOf(step);
    let entry = this.#entries.get(key);
    if (entry === undefined) {
      entry = { answer: undefined, url: '', dueMs: 0, failures: 0, says: '', underWay: undefined };
      this.#entries.set(key, entry);
    }
    const asked = entry;
    asked.underWay ??= this.#ask(step, asked).finally(() => {
      asked.underWay = undefined;
    });
    await asked.underWay;
  }

  async #ask(step: PathStep, entry: Entry): Promise<void> {
    const { clock, chance, ask, onChange } = this.#options;
    const id = certificateId(step);
    for (const url of urlsOf(step)) {
      const nonce = chance.bytes(NONCE_BYTES);
      const bounds = { sizeMaxBytes: RESPONSE_SIZE_MAX_BYTES, timeoutMs: ASK_TIMEOUT_MS };
      if (entry.failures === 0) entry.says = `${url} has not answered yet`;
      const got = await ask(url, ocspRequest(id, nonce), bounds);
      const epochMs = clock.epochMs();
      const answer =
        typeof got === 'string' ? got : await readOcspResponse(got, { id, issuer: step.issuer, nonce, epochMs });
      if (typeof answer === 'string') {
        entry.says = `${url}: ${answer}`;
        continue;
      }
      // An older answer that is still good could be played back after the revocation.
      const before = entry.answer;
      if (before !== undefined && answer.thisUpdateMs < before.thisUpdateMs && !isFromTheFuture(before, epochMs)) {
        entry.says = `${url}: the answer is older than the one at hand`;
        continue;
      }
      const wasRevoked = entry.answer?.status === 'revoked';
      entry.answer = answer;
      entry.url = url;
      entry.failures = 0;
      const leftMs = Math.max(RETRY_BASE_MS, answer.nextUpdateMs - epochMs);
      entry.dueMs = clock.nowMs() + Math.min(leftMs, answer.status === 'unknown' ? UNKNOWN_MS : ASK_ANEW_MS);
      entry.says = `${url} does not know the certificate`;
      if (answer.status === 'revoked' && !wasRevoked) onChange();
      return;
    }
    entry.failures++;
    entry.dueMs = clock.nowMs() + backoffMs(RETRY_BASE_MS, RETRY_MAX_MS, entry.failures, chance);
  }
}

function urlsOf({ fields }: PathStep): string[] {
  return fields.responderUris.filter((uri) => /^http:\/\//i.test(uri)).slice(0, RESPONDERS_PER_CERTIFICATE_MAX);
}

function keyOf({ fields, issuer }: PathStep): string {
  return `${issuer.fingerprint} ${fields.serial}`;
}
