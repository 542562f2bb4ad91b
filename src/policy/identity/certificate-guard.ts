/**
 * What a client certificate has to be beyond what TLS verifies: pinned, where a listener pins, and not revoked. It stands before
 * all methods of identity, so that a revoked certificate keeps nobody in who has logged in with a password.
 */
import type { Clock } from '../../base/clock.ts';
import type { Emit } from '../../base/events.ts';
import { Reason } from '../../mqtt/reason.ts';
import type { CertificateFacts } from './identity.ts';
import type { PathStep, TrustedRoots } from './revocation/certificate-path.ts';
import { type RevocationSource, strongest, type Word } from './revocation/source.ts';

/** Why a client with this certificate is not let in, or no longer. */
export interface CertificateObjection {
  readonly reason: number;
  readonly by: string;
  readonly says: string;
  readonly isRevoked: boolean;
}

export interface CertificateGuard {
  /** Before a login. It may have to ask others, with a deadline. Never rejects. */
  admit(certificate: CertificateFacts): Promise<CertificateObjection | undefined>;
  /** What has come up since, from what is known at the moment. */
  objection(certificate: CertificateFacts): CertificateObjection | undefined;
}

export interface RevocationOptions {
  readonly sources: readonly RevocationSource[];
  /** What becomes of a login when nobody knows whether the certificate is revoked. */
  readonly mode: 'hard-fail' | 'soft-fail';
  /** How long a login waits for an answer. */
  readonly timeoutMs: number;
}

export interface CertificateGuardOptions {
  readonly listener: string;
  readonly roots: TrustedRoots;
  /** SHA-256 of the certificates that may come, lower-case hex. */
  readonly pins: { readonly fingerprints: ReadonlySet<string>; readonly file: string } | undefined;
  readonly revocation: RevocationOptions | undefined;
  readonly clock: Clock;
  readonly emit: Emit;
}

function object(by: string, says: string, isRevoked = false): CertificateObjection {
  return Object.freeze({ reason: Reason.NotAuthorized, by, says, isRevoked });
}

/** No fault of the client's, who may come again; which file or responder is at fault is for those who read events. */
const UNKNOWN: CertificateObjection = Object.freeze({
  reason: Reason.ServerUnavailable,
  by: 'revocation:hard-fail',
  says: 'it is not known whether the certificate is revoked',
  isRevoked: false,
});

/** Of a whole path. */
type Judgement = Exclude<Word, { kind: 'none' }> | { readonly kind: 'none'; readonly says: string };

const ISSUER_UNKNOWN: Judgement = {
  kind: 'none',
  says: 'its issuer was not sent along and is not in the file of the client CA',
};

const UNTRUSTED = object('certificate:trust', 'the certificate is from an authority that is no longer trusted');

export function buildCertificateGuard(options: CertificateGuardOptions): CertificateGuard {
  const { listener, roots, pins, revocation, clock, emit } = options;
  const sources = revocation?.sources ?? [];

  const unpinned = (certificate: CertificateFacts): CertificateObjection | undefined =>
    pins === undefined || pins.fingerprints.has(certificate.fingerprint)
      ? undefined
      : object(`certificate:pins:${pins.file}`, 'the certificate is not among those that are pinned');

  /** One unknown step makes the path unknown, one that is revoked makes it revoked. */
  const judge = (path: readonly PathStep[]): Judgement => {
    let weakest: Judgement | undefined;
    for (const step of path) {
      const word = strongest(sources.map((source) => source.wordOn(step)));
      if (word.kind === 'revoked') return word;
      if (word.kind === 'good') weakest ??= word;
      else if (weakest?.kind !== 'none') {
        weakest = { kind: 'none', says: word.says ?? `no revocation list and no responder speaks of ${step.subject}` };
      }
    }
    return weakest ?? ISSUER_UNKNOWN;
  };

  const dueOf = (path: readonly PathStep[]): Promise<void>[] =>
    path.flatMap((step) => sources.filter((source) => source.isDue(step)).map((source) => source.obtain(step)));

  const withinTime = async (work: readonly Promise<void>[], timeoutMs: number): Promise<void> => {
    let cancel = (): void => undefined;
    const late = new Promise<void>((resolve) => {
      const timer = clock.after(timeoutMs, resolve);
      cancel = () => timer.cancel();
    });
    await Promise.race([Promise.all(work), late]);
    cancel();
  };

  return Object.freeze({
    async admit(certificate: CertificateFacts): Promise<CertificateObjection | undefined> {
      const pinObjection = unpinned(certificate);
      if (pinObjection !== undefined) return pinObjection;
      // Sought even where nobody asks for it now: a reload may want to know what the client was trusted for.
      const path = roots.pathOf(certificate) ?? [];
      if (revocation === undefined) return undefined;
      const due = dueOf(path);
      if (due.length > 0) await withinTime(due, revocation.timeoutMs);
      const word = judge(path);
      if (word.kind === 'good') return undefined;
      if (word.kind === 'revoked') return object(word.by, 'certificate revoked', true);
      const says = `${UNKNOWN.says}: ${word.says}`;
      const isRefused = revocation.mode === 'hard-fail';
      const { subject, fingerprint } = certificate;
      const action = isRefused ? 'refused' : 'allowed';
      emit({ name: 'revocation.stale', listener, subject, fingerprint, action, says });
      return isRefused ? UNKNOWN : undefined;
    },

    objection(certificate: CertificateFacts): CertificateObjection | undefined {
      const pinObjection = unpinned(certificate);
      if (pinObjection !== undefined) return pinObjection;
      const path = roots.pathOf(certificate);
      if (path === undefined) return roots.hadPath(certificate) ? UNTRUSTED : undefined;
      if (revocation === undefined) return undefined;
      // What was good at the login stays so while nobody says otherwise: whoever can silence a responder shall not be able to
      // end all sessions.
      void Promise.all(dueOf(path));
      const word = judge(path);
      return word.kind === 'revoked' ? object(word.by, 'certificate revoked', true) : undefined;
    },
  });
}
