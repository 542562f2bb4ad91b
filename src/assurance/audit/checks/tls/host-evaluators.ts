/** How the family T judges a host. */

import type { HostFacts } from '../../host/host-facts.ts';
import { isDebianLike } from '../../host/os-release.ts';
import type { GuardedKey } from '../../host/tls/configured-tls.ts';
import { OPENSSL_CNF } from '../../host/tls/openssl-policy.ts';
import type { Evaluate } from '../../model/check.ts';
import { unknown } from '../../model/fact.ts';
import { evidence, fail, judge, notApplicable, type Outcome, pass, unassessed } from '../../model/outcome.ts';
import { endOfLife, TABLE_MADE } from '../updates/end-of-life.ts';
import type { TLS_HOST } from './host-catalogue.ts';

const DAY_MS = 86_400_000;
const PROTOCOLS = ['SSLv3', 'TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3'];
const LEVEL_MIN = 2;
const NOTHING_NAMED = 'No configuration of Mosquitto or Sallyport was found in the usual places that names one.';
/** The library of each release; others are left over. */
const LIBRARY_OF: Readonly<Record<string, string>> = {
  buster: 'libssl1.1',
  bullseye: 'libssl1.1',
  bookworm: 'libssl3',
  trixie: 'libssl3t64',
  focal: 'libssl1.1',
  jammy: 'libssl3',
  noble: 'libssl3t64',
};

function looseness({ status, folders }: GuardedKey, owners: ReadonlySet<number>): string | undefined {
  if (status.state !== 'known') return undefined;
  const { mode, uid } = status.value;
  const shown = mode.toString(8).padStart(4, '0');
  if ((mode & 0o006) !== 0) return `everybody may ${(mode & 0o002) === 0 ? 'read' : 'write to'} it (mode ${shown})`;
  if ((mode & 0o020) !== 0) return `its group may write to it (mode ${shown})`;
  if (!owners.has(uid)) return `user ${uid} owns it, who is neither root nor a broker`;
  for (const folder of folders) {
    const isOpen = (folder.status.mode & 0o002) !== 0 && (folder.status.mode & 0o1000) === 0;
    if (isOpen) return `everybody may replace what is in ${folder.path}`;
    if (!owners.has(folder.status.uid)) return `user ${folder.status.uid} owns ${folder.path}, and may replace the key`;
  }
  return undefined;
}

export const TLS_HOST_EVALUATORS: { readonly [Id in keyof typeof TLS_HOST]: Evaluate<HostFacts> } = {
  T01: ({ os, packages, nowMs }) =>
    judge(
      packages,
      (installed, source) => {
        const libraries = [...installed.values()].filter(({ name }) => /^libssl\d/.test(name));
        if (libraries.length === 0) return notApplicable('no-openssl', 'No package of OpenSSL is installed.');
        if (os.state !== 'known')
          return unassessed(os.state === 'unknown' ? os : unknown('file-missing', 'The distribution is not known.'));
        const [end, own] = [endOfLife(os.value), LIBRARY_OF[os.value.codename]];
        if (end === undefined)
          return unassessed(unknown('unsupported', `The table of ${TABLE_MADE} does not know ${os.value.name}.`));
        return libraries.map(({ name, version }): Outcome => {
          const place = { subject: name };
          const proof = evidence(
            `${name} ${version} on ${os.value.name}`,
            'the library of a supported release',
            source,
          );
          if (nowMs > Date.parse(end) + DAY_MS) return fail('release-ended', proof, place);
          return own === undefined || name === own ? pass(proof, place) : fail('left-over', proof, place);
        });
      },
      ({ from }) => unassessed(unknown('unsupported', `${from} is not there: only Debian's packages are known.`)),
    ),

  T02: ({ opensslPolicy, os }) =>
    judge(
      opensslPolicy,
      ({ minProtocol, securityLevel }, source) => {
        const expected = 'MinProtocol TLSv1.2, SECLEVEL 2';
        const observed = `MinProtocol ${minProtocol ?? 'not set'}, SECLEVEL ${securityLevel ?? 'not set'}`;
        const proof = evidence(observed, expected, source);
        const rank = PROTOCOLS.indexOf(minProtocol ?? '');
        const isOld = minProtocol === 'None' || (rank !== -1 && rank < PROTOCOLS.indexOf('TLSv1.2'));
        if (isOld || (securityLevel !== undefined && securityLevel < LEVEL_MIN)) return fail('policy-weak', proof);
        if (securityLevel !== undefined) return pass(proof);
        // Debian builds OpenSSL with level 2, which takes nothing below TLS 1.2 since version 3.
        if (os.state === 'known' && isDebianLike(os.value)) return pass(proof);
        return unassessed(unknown('unsupported', `${observed}: what the library demands by itself is not known here.`));
      },
      () => notApplicable('no-openssl', `There is no ${OPENSSL_CNF}.`),
    ),

  T03: ({ brokerLibraries }) =>
    judge(
      brokerLibraries,
      (libraries) => {
        if (libraries.length === 0) return notApplicable('no-broker', 'No broker runs that has mapped a TLS library.');
        return libraries.map(({ broker, path, isOwned }): Outcome => {
          const place = { confidence: 'runtime', subject: `${broker} ${path}` } as const;
          if (isOwned.state !== 'known')
            return unassessed(
              isOwned.state === 'unknown' ? isOwned : unknown('file-missing', 'dpkg is missing.'),
              place,
            );
          const observed = isOwned.value ? 'a package brought it' : 'no package owns it';
          const proof = evidence(observed, 'a library that a package brought', isOwned.source);
          return isOwned.value ? pass(proof, place) : fail('private-library', proof, place);
        });
      },
      () => notApplicable('no-broker', 'No broker runs.'),
    ),

  T19: ({ configuredTls }) =>
    judge(
      configuredTls,
      ({ keys, owners }) => {
        if (keys.length === 0) return notApplicable('no-keys', NOTHING_NAMED);
        return keys.map((key): Outcome => {
          const place = { subject: key.path };
          if (key.status.state === 'unknown') return unassessed(key.status, place);
          if (key.status.state === 'absent')
            return unassessed(
              unknown('file-missing', `${key.path}, which ${key.named.from} names, is not there.`),
              place,
            );
          const says = looseness(key, owners);
          const expected = 'mode 0600, owned by the broker or root';
          const proof = evidence(says ?? `mode ${key.status.value.mode.toString(8).padStart(4, '0')}`, expected, {
            from: key.path,
          });
          return says === undefined ? pass(proof, place) : fail('key-too-open', proof, place);
        });
      },
      () => notApplicable('no-keys', NOTHING_NAMED),
    ),

  T21: ({ configuredTls }) =>
    judge(
      configuredTls,
      ({ clientTrust }) => {
        if (clientTrust.length === 0)
          return notApplicable('no-client-certificates', 'No listener that was found asks clients for certificates.');
        return clientTrust.map(({ path, named, publicRoots }): Outcome => {
          const place = { subject: path };
          if (publicRoots.state === 'unknown') return unassessed(publicRoots, place);
          if (publicRoots.state === 'absent')
            return unassessed(unknown('file-missing', `${path}, which ${named.from} names, is not there.`), place);
          const proof = evidence(`${publicRoots.value} public authorities in ${path}`, 'none', named);
          return publicRoots.value > 0 ? fail('public-authorities', proof, place) : pass(proof, place);
        });
      },
      () => notApplicable('no-client-certificates', 'No listener that was found asks clients for certificates.'),
    ),

  T24: ({ certificateUse }) =>
    judge(
      certificateUse,
      (use, source) => {
        if (use.size === 0)
          return notApplicable('no-client-certificates', 'The journal has no client that showed a certificate.');
        const shared = [...use].filter(([, clients]) => clients.size > 1);
        const expected = 'one client for each certificate';
        if (shared.length === 0)
          return pass(evidence(`${use.size} certificates, none shared`, expected, source), { confidence: 'runtime' });
        return shared.map(([certificate, clients]) =>
          fail(
            'shared-certificate',
            evidence(`${clients.size} clients: ${[...clients].slice(0, 5).join(', ')}`, expected, source),
            {
              confidence: 'runtime',
              subject: `certificate ${certificate.slice(0, 16)}`,
            },
          ),
        );
      },
      () => notApplicable('no-journal', 'There is no journal of a gateway on this host.'),
    ),
};
