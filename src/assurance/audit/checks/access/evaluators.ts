/** How the family A judges. */
import type { GuardedFile } from '../../host/broker-files.ts';
import type { BrokerProcess } from '../../host/broker-processes.ts';
import type { HostFacts } from '../../host/host-facts.ts';
import type { SshdSettings } from '../../host/sshd.ts';
import type { Evaluate } from '../../model/check.ts';
import { type Source, unknown } from '../../model/fact.ts';
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
import type { Severity } from '../../model/severity.ts';
import type { ACCESS } from './catalogue.ts';

interface Wanted {
  readonly key: string;
  readonly expected: string;
  /** How bad a value is; undefined where it is right. */
  readonly badness: (value: string, settings: SshdSettings) => Severity | undefined;
}

/** A setting in general, and again for every Match that loosens it. */
function judgeSshd({ sshd }: HostFacts, { key, expected, badness }: Wanted): Outcomes {
  return judge(
    sshd,
    (settings, source): Outcome[] => {
      const value = settings.values.get(key) ?? '';
      const place = settings.places.get(key) ?? source;
      const severity = badness(value, settings);
      const shown = settings.places.has(key) || source.from === 'sshd -T' ? value : `${value} (the default)`;
      const proof = evidence(`${key} ${shown}`, expected, place);
      const general = severity === undefined ? pass(proof) : fail(`${key}-weak`, proof, { severity });
      const loosened = settings.conditional.flatMap((line): Outcome[] => {
        if (line.key !== key || severity !== undefined) return [];
        const own = badness(line.value, settings);
        if (own === undefined) return [];
        const found = evidence(`${key} ${line.value}, for some clients`, expected, line.place);
        return [fail(`${key}-weak`, found, { severity: own, subject: `Match in ${line.place.from}` })];
      });
      return [general, ...loosened];
    },
    ({ from }) => notApplicable('no-sshd', `There is no ${from}: no SSH server is installed.`),
  );
}

const TRIES_MAX = 4;

/** Permissions that a file must not have, in words; undefined where it is well. */
function looseness({ isSecret, status }: GuardedFile): string | undefined {
  const mode = status.mode.toString(8).padStart(4, '0');
  if ((status.mode & 0o002) !== 0) return `everybody may write to it (mode ${mode})`;
  return isSecret && (status.mode & 0o004) !== 0 ? `everybody may read it (mode ${mode})` : undefined;
}

/** A folder that others may write to, where they could put another file in place; the sticky bit forbids it. */
function folderLooseness({ status }: GuardedFile): string | undefined {
  const isOpen = (status.mode & 0o002) !== 0 && (status.mode & 0o1000) === 0;
  return isOpen ? `everybody may replace what is in it (mode ${status.mode.toString(8).padStart(4, '0')})` : undefined;
}

function missingSource({ from }: Source): Outcome {
  return unassessed(unknown('file-missing', `${from} is not there.`));
}

/**
 * One for each that runs: processes with the same command line, such as the workers of a gateway, are one, and of their users root counts.
 * Two of one broker are told apart by their command lines, which stay the same over restarts as process identifiers do not.
 */
function runningAs(processes: readonly BrokerProcess[]): { subject: string; pid: number; uid: number }[] {
  const byLine = Map.groupBy(processes, ({ broker, commandLine }) => JSON.stringify([broker, ...commandLine]));
  const several = new Set(
    processes
      .map(({ broker }) => broker)
      .filter((name) => [...byLine.keys()].filter((line) => line.startsWith(`["${name}"`)).length > 1),
  );
  return [...byLine.values()].map((alike) => {
    const { broker, commandLine, pid, uid } = alike.find((one) => one.uid === 0) ?? alike[0]!;
    return { subject: several.has(broker) ? `${broker}: ${commandLine.join(' ')}` : broker, pid, uid };
  });
}

export const ACCESS_EVALUATORS: { readonly [Id in keyof typeof ACCESS]: Evaluate<HostFacts> } = {
  A01: (facts) =>
    judgeSshd(facts, {
      key: 'permitrootlogin',
      expected: 'permitrootlogin no',
      badness: (value) => (value === 'no' ? undefined : value === 'yes' ? 'high' : 'medium'),
    }),

  A02: (facts) => {
    const byPassword = judgeSshd(facts, {
      key: 'passwordauthentication',
      expected: 'passwordauthentication no',
      badness: (value) => (value === 'no' ? undefined : 'high'),
    });
    const { sshd } = facts;
    const asksByPam =
      sshd.state === 'known' &&
      sshd.value.values.get('passwordauthentication') === 'no' &&
      sshd.value.values.get('kbdinteractiveauthentication') === 'yes' &&
      sshd.value.values.get('usepam') === 'yes';
    if (!asksByPam) return byPassword;
    // PAM asks for the same password by another name.
    const proof = evidence(
      'kbdinteractiveauthentication yes, usepam yes',
      'kbdinteractiveauthentication no',
      sshd.source,
    );
    return fail('keyboard-interactive', proof);
  },

  A03: (facts) =>
    judgeSshd(facts, {
      key: 'maxauthtries',
      expected: `maxauthtries at most ${TRIES_MAX}`,
      badness: (value) => (Number(value) <= TRIES_MAX ? undefined : 'low'),
    }),

  A04: (facts) =>
    judgeSshd(facts, {
      key: 'macs',
      expected: 'no hmac-sha1',
      badness: (value) => (/(?:^|,)hmac-sha1\b/.test(value) ? 'low' : undefined),
    }),

  A05: (facts) =>
    judgeSshd(facts, {
      key: 'x11forwarding',
      expected: 'x11forwarding no',
      badness: (value) => (value === 'no' ? undefined : 'low'),
    }),

  A06: ({ fail2ban }) =>
    judge(
      fail2ban,
      ({ fault, jails }, source) => {
        const place = { confidence: 'runtime' } as const;
        const expected = 'its configuration loads, it runs, and it has a jail';
        if (fault !== undefined) return fail('configuration-broken', evidence(fault, expected, source), place);
        if (jails === undefined) return fail('not-running', evidence('it does not run', expected, source), place);
        const proof = evidence(jails.length === 0 ? 'no jail' : `jails: ${jails.join(', ')}`, expected, source);
        return jails.length === 0 ? fail('no-jail', proof, place) : pass(proof, place);
      },
      () => notApplicable('not-installed', 'fail2ban is not installed. Nothing is earned by installing it.'),
    ),

  A07: ({ accounts, emptyPasswords }) =>
    judge(
      accounts,
      ({ roots }, source) => {
        const others = roots.filter((name) => name !== 'root');
        const failures: Outcome[] = others.map((name) =>
          fail('second-root', evidence(`${name} has user number 0`, 'only root has it', source), { subject: name }),
        );
        if (emptyPasswords.state === 'known') {
          for (const name of emptyPasswords.value) {
            const proof = evidence(`${name} has an empty password`, 'no password is empty', emptyPasswords.source);
            failures.push(fail('empty-password', proof, { subject: name, command: `passwd --lock ${name}` }));
          }
        }
        if (failures.length > 0) return failures;
        if (emptyPasswords.state === 'unknown') return unassessed(emptyPasswords);
        return pass(
          evidence('one root, no empty password', 'only root has user number 0, no password is empty', source),
        );
      },
      missingSource,
    ),

  A08: ({ passwordRules }) =>
    judge(
      passwordRules,
      ({ quality, lockout }, source) => {
        const told = (name: string | undefined, what: string): string => name ?? `nothing ${what}`;
        const proof = evidence(
          `${told(quality, 'judges passwords')}, ${told(lockout, 'locks accounts')}`,
          'pam_pwquality and pam_faillock, or their like',
          source,
        );
        return quality !== undefined && lockout !== undefined ? pass(proof) : fail('password-rules-missing', proof);
      },
      () => notApplicable('no-pam', 'There is no /etc/pam.d: logins do not go through PAM.'),
    ),

  A09: ({ sudo }) =>
    judge(
      sudo,
      (rules, source) => {
        const expected = 'no NOPASSWD for ALL';
        if (rules.length === 0) return pass(evidence('no such rule', expected, source));
        return rules.map(({ text, place }) => fail('nopasswd-all', evidence(text, expected, place), { subject: text }));
      },
      () => notApplicable('no-sudo', 'There is no /etc/sudoers: sudo is not installed.'),
    ),

  A10: ({ brokerProcesses }) =>
    judge(
      brokerProcesses,
      (processes) =>
        processes.length === 0
          ? notApplicable('no-broker', 'No broker runs.')
          : runningAs(processes).map(({ subject, pid, uid }) => {
              const place = { confidence: 'runtime', subject } as const;
              const source = { from: `/proc/${pid}/status` };
              const proof = evidence(`process ${pid} runs as user ${uid}`, 'a user of its own', source);
              return uid === 0 ? fail('runs-as-root', proof, place) : pass(proof, place);
            }),
      () => notApplicable('no-broker', 'No broker runs.'),
    ),

  A11: ({ brokerFiles }) =>
    judge(
      brokerFiles,
      ({ files, folders }, source) => {
        if (files.length === 0)
          return notApplicable('no-files', 'No configuration of a broker was found in the usual places.');
        const loose = [
          ...files.map((file) => [file, looseness(file)] as const),
          ...folders.map((folder) => [folder, folderLooseness(folder)] as const),
        ];
        const failures = loose.flatMap(([{ path, isSecret }, says]) => {
          if (says === undefined) return [];
          const proof = evidence(says, isSecret ? 'mode 0640 or less' : 'writable for its owner alone', { from: path });
          return [
            fail('too-open', proof, {
              subject: path,
              command: isSecret ? `chmod o= '${path}'` : `chmod o-w '${path}'`,
            }),
          ];
        });
        const secrets = files.filter(({ isSecret }) => isSecret).length;
        const observed = `${files.length} files, ${secrets} of them secret, none too open`;
        return failures.length > 0 ? failures : pass(evidence(observed, 'secrets for the broker alone', source));
      },
      missingSource,
    ),
};
