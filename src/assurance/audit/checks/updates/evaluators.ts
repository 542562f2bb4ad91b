/** How the family U judges. Debian and what is made from it; elsewhere the checks that ask apt are unknown or do not apply. */
import type { AptIndexes } from '../../host/apt.ts';
import type { BrokerProgram } from '../../host/broker-programs.ts';
import { compareDebianVersions } from '../../host/debian-version.ts';
import type { HostFacts } from '../../host/host-facts.ts';
import { isDebianLike } from '../../host/os-release.ts';
import type { Evaluate } from '../../model/check.ts';
import { type Fact, type Source, unknown } from '../../model/fact.ts';
import {
  evidence,
  fail,
  judge,
  notApplicable,
  type Outcome,
  type Outcomes,
  pass,
  unassessed,
} from '../../model/outcome.ts';
import { ADVISORIES, ADVISORIES_MADE } from './broker-advisories.ts';
import type { UPDATES } from './catalogue.ts';
import { endOfLife, TABLE_MADE, TABLE_VALID_DAYS } from './end-of-life.ts';

const DAY_MS = 86_400_000;
const INDEX_AGE_MAX_DAYS = 7;
const NAMES_SHOWN_MAX = 8;

function listed(names: readonly string[]): string {
  const more = names.length - NAMES_SHOWN_MAX;
  return names.slice(0, NAMES_SHOWN_MAX).join(', ') + (more > 0 ? ` and ${more} more` : '');
}

/** Only where apt is how packages come; `whenKnown` gets what there is. */
function judgeApt<T>({ os }: HostFacts, fact: Fact<T>, whenKnown: (value: T, source: Source) => Outcomes): Outcomes {
  if (os.state === 'known' && !isDebianLike(os.value)) {
    const says = `${os.value.name} does not use apt, and the audit does not know its package manager.`;
    return unassessed(unknown('unsupported', says));
  }
  if (os.state !== 'known' && fact.state === 'absent')
    return unassessed(unknown('unsupported', 'The distribution is not known.'));
  return judge(fact, whenKnown, ({ from }) => unassessed(unknown('file-missing', `${from} is not there.`)));
}

function ageDays({ refreshedMs }: AptIndexes, nowMs: number): number {
  return refreshedMs === null ? Number.POSITIVE_INFINITY : Math.max(0, Math.floor((nowMs - refreshedMs) / DAY_MS));
}

/** What an old index says of updates is worth nothing. */
function staleness({ aptIndexes, nowMs }: HostFacts): Outcome | undefined {
  if (aptIndexes.state !== 'known') return undefined;
  const days = ageDays(aptIndexes.value, nowMs);
  if (days <= INDEX_AGE_MAX_DAYS) return undefined;
  const age = Number.isFinite(days) ? `${days} days old` : 'empty';
  return unassessed(unknown('stale', `The package index is ${age}: it does not know today's updates.`));
}

function isSupported({ os, nowMs }: HostFacts): Outcomes {
  return judge(
    os,
    (release, source) => {
      const end = endOfLife(release);
      if (end === undefined)
        return unassessed(unknown('unsupported', `The table of ${TABLE_MADE} does not know ${release.name}.`));
      const proof = evidence(
        `${release.name}, security updates until ${end}`,
        'a release that gets security updates',
        source,
      );
      if (nowMs > Date.parse(end) + DAY_MS) return fail('end-of-life', proof);
      if (nowMs > Date.parse(TABLE_MADE) + TABLE_VALID_DAYS * DAY_MS)
        return unassessed(
          unknown('stale', `The table of releases is of ${TABLE_MADE}: a newer Sallyport has a newer one.`),
        );
      return pass(proof);
    },
    ({ from }) => unassessed(unknown('file-missing', `${from} is not there: the distribution is not known.`)),
  );
}

function judgeProgram(program: BrokerProgram, facts: HostFacts, source: Source): Outcome {
  const { broker, packaged, path, version } = program;
  if (packaged !== undefined) {
    const subject = `package ${packaged.name}`;
    const stale = staleness(facts);
    if (stale !== undefined) return { ...stale, subject };
    const updates = facts.securityUpdates;
    if (updates.state === 'unknown') return unassessed(updates, { subject });
    if (updates.state === 'absent')
      return unassessed(unknown('file-missing', `${updates.source.from} is not there.`), { subject });
    const update = updates.value.find(({ name }) => name === packaged.name);
    const expected = 'no security update of the distribution is newer';
    if (update === undefined)
      return pass(evidence(`${packaged.name} ${packaged.version}`, expected, source), { subject });
    return fail(
      'update-pending',
      evidence(`${packaged.name} ${packaged.version}, ${update.available} waits`, expected, source),
      {
        subject,
        command: `apt-get install --only-upgrade ${packaged.name}`,
      },
    );
  }
  const subject = path ?? broker;
  if (version === undefined)
    return unassessed(unknown('unsupported', `${subject} does not say in its bytes which version it is.`), { subject });
  const open = ADVISORIES.filter(
    (one) =>
      one.broker === broker &&
      compareDebianVersions(version, one.from) >= 0 &&
      compareDebianVersions(version, one.fixed) < 0,
  );
  const observed = `${broker} ${version}, built by hand`;
  const file = { from: subject };
  const expected = `none of the flaws known on ${ADVISORIES_MADE}`;
  if (open.length === 0) return pass(evidence(observed, expected, file), { subject });
  return fail('known-flaws', evidence(`${observed}: ${listed(open.map(({ id }) => id))}`, expected, file), { subject });
}

export const UPDATE_EVALUATORS: { readonly [Id in keyof typeof UPDATES]: Evaluate<HostFacts> } = {
  U01: isSupported,

  U02: (facts) =>
    judgeApt(facts, facts.securityUpdates, (updates, source) => {
      const stale = staleness(facts);
      if (updates.length > 0) {
        const names = listed(updates.map(({ name, available }) => `${name} ${available}`));
        return fail('updates-pending', evidence(`${updates.length} pending: ${names}`, 'none pending', source));
      }
      return stale ?? pass(evidence('none pending', 'none pending', source));
    }),

  U03: (facts) =>
    judgeApt(facts, facts.aptIndexes, (indexes, source) => {
      const days = ageDays(indexes, facts.nowMs);
      const expected = `at most ${INDEX_AGE_MAX_DAYS} days old`;
      if (!Number.isFinite(days)) return fail('index-empty', evidence('no index was ever fetched', expected, source));
      const proof = evidence(`${days} days old`, expected, source);
      return days > INDEX_AGE_MAX_DAYS ? fail('index-old', proof) : pass(proof);
    }),

  U04: (facts) =>
    judgeApt(facts, facts.aptConfig, (settings, source) => {
      const value = settings.get('apt::periodic::unattended-upgrade') ?? 'not set';
      const isInstalled = facts.packages.state === 'known' && facts.packages.value.has('unattended-upgrades');
      const proof = evidence(
        `APT::Periodic::Unattended-Upgrade is ${value}${isInstalled ? '' : '; unattended-upgrades is not installed'}`,
        'it is a number of days above 0, and the package is installed',
        source,
      );
      return /^[1-9]\d*$|^always$/.test(value) && isInstalled ? pass(proof) : fail('not-automatic', proof);
    }),

  U05: (facts) =>
    judgeApt(facts, facts.aptSources, (sources, source) => {
      const insecure =
        facts.aptConfig.state === 'known' &&
        /^(?:1|true|yes|on|enable|with)$/i.test(facts.aptConfig.value.get('acquire::allowinsecurerepositories') ?? '');
      const expected = 'every source is checked against a keyring';
      const failures = sources.untrusted.map(({ file, line, option }) =>
        fail('source-not-authenticated', evidence(option, expected, { from: file, line }), {
          subject: `${file} ${option}`,
        }),
      );
      if (insecure) {
        const proof = evidence('Acquire::AllowInsecureRepositories is true', expected, { from: 'apt-config dump' });
        failures.push(fail('insecure-repositories-allowed', proof, { subject: 'apt.conf' }));
      }
      if (failures.length > 0) return failures;
      if (facts.aptConfig.state === 'unknown') return unassessed(facts.aptConfig);
      return pass(evidence(`${sources.count} sources, all authenticated`, expected, source));
    }),

  U06: (facts) =>
    judge(
      facts.brokerPrograms,
      (programs, source) =>
        programs.length === 0
          ? notApplicable('no-broker', 'No broker is installed that the audit knows.')
          : programs.map((program) => judgeProgram(program, facts, source)),
      () => notApplicable('no-broker', 'No broker is installed that the audit knows.'),
    ),

  U07: ({ brokerProcesses }) =>
    judge(
      brokerProcesses,
      (processes) =>
        processes.length === 0
          ? notApplicable('no-broker', 'No broker runs.')
          : processes.map(({ pid, broker, tlsLibraries }) => {
              const place = { subject: broker, confidence: 'runtime' } as const;
              if (tlsLibraries === undefined)
                return unassessed(unknown('permission-denied', `This user may not read /proc/${pid}/maps.`), place);
              if (tlsLibraries.length === 0)
                return notApplicable('no-tls-library', `${broker} (process ${pid}) maps no TLS library.`, place);
              const gone = tlsLibraries.filter(({ isDeleted }) => isDeleted);
              const shown = (gone.length > 0 ? gone : tlsLibraries).map(({ path }) => path);
              const proof = evidence(
                `process ${pid} maps ${listed(shown)}${gone.length > 0 ? ', which were replaced since' : ''}`,
                'the libraries that are installed',
                { from: `/proc/${pid}/maps` },
              );
              return gone.length > 0 ? fail('stale-library', proof, place) : pass(proof, place);
            }),
      () => notApplicable('no-broker', 'No broker runs.'),
    ),

  U08: ({ kernels }) =>
    judge(
      kernels,
      ({ running, installed }, source) => {
        const newest = installed.at(-1);
        if (newest === undefined)
          return notApplicable(
            'no-kernel-installed',
            'No kernel is installed here: a container, or a machine booted from outside.',
          );
        const proof = evidence(
          `${running} runs, ${newest} is the newest installed`,
          'the newest installed kernel runs',
          source,
        );
        const isCurrent = compareDebianVersions(running, newest) >= 0;
        return isCurrent
          ? pass(proof, { confidence: 'runtime' })
          : fail('reboot-due', proof, { confidence: 'runtime' });
      },
      ({ from }) => unassessed(unknown('file-missing', `${from} is not there.`)),
    ),
};
