/** From the server's own certificate to a root, with what was sent and what clients trust, and without fetching anything. */
import { X509Certificate } from 'node:crypto';
import { rootCertificates } from 'node:tls';
import { issuedBy, type ServedCertificate } from './served-certificate.ts';

export interface ChainJudgement {
  /**
   * `whole`: it ends at a root that is trusted, or in a root that was sent where no trusted ones were named. `gap`: an authority is
   * missing. `untold`: it ends below an authority that may be a private root or a missing intermediate.
   */
  readonly kind: 'whole' | 'gap' | 'untold';
  readonly observed: string;
}

let publicRoots: readonly X509Certificate[] | undefined;

/** Those that the runtime ships, from Mozilla. */
function bundledRoots(): readonly X509Certificate[] {
  publicRoots ??= rootCertificates.map((pem) => new X509Certificate(pem));
  return publicRoots;
}

/** `authorities` undefined: the public ones, and a self-signed certificate that was sent is taken for a root. */
export function judgeChain(
  chain: readonly ServedCertificate[],
  authorities: readonly X509Certificate[] | undefined,
): ChainJudgement {
  const roots = authorities ?? bundledRoots();
  const path: ServedCertificate[] = [chain[0]!];
  for (;;) {
    const last = path.at(-1)!;
    const isTrusted = roots.some((root) => root.fingerprint256 === last.x509.fingerprint256);
    if (isTrusted) return { kind: 'whole', observed: `it ends at ${last.label}, which is trusted` };
    const root = roots.find((one) => issuedBy(last, one));
    if (root !== undefined)
      return { kind: 'whole', observed: `${path.length} sent, and the root ${oneLine(root.subject)} is trusted` };
    if (last.isSelfSigned) {
      const observed = `it ends at ${last.label}, which signs itself`;
      return { kind: authorities === undefined ? 'whole' : 'gap', observed };
    }
    const next = chain.find((one) => !path.includes(one) && issuedBy(last, one.x509));
    if (next === undefined) {
      const observed = `it ends below ${oneLine(last.x509.issuer)}, which was not sent`;
      return { kind: authorities === undefined ? 'untold' : 'gap', observed };
    }
    path.push(next);
  }
}

/** The runtime prints one attribute a line. */
export function oneLine(name: string): string {
  return name.replaceAll('\n', ', ');
}
