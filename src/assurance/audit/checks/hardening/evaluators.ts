/** How the family H judges. */
import type { HostFacts } from '../../host/host-facts.ts';
import type { Evaluate } from '../../model/check.ts';
import { unknown } from '../../model/fact.ts';
import { evidence, fail, judge, manual, notApplicable, type Outcome, pass, unassessed } from '../../model/outcome.ts';
import { judgeAttestation } from '../awareness/evaluators.ts';
import type { HARDENING } from './catalogue.ts';

const RUNTIME = { confidence: 'runtime' } as const;
const DAY_MS = 86_400_000;
const SCAN_AGE_MAX_DAYS = 90;
const BACKUP_MAX_DAYS = 92;
/** What a broker opens beside its connections. */
const OWN_FILES = 64;

const WANTED_SYSCTLS: Readonly<Record<string, readonly string[]>> = {
  'net.ipv4.tcp_syncookies': ['1', '2'],
  'net.ipv4.conf.all.rp_filter': ['1', '2'],
  'net.ipv4.conf.default.rp_filter': ['1', '2'],
  'fs.protected_symlinks': ['1'],
  'fs.protected_hardlinks': ['1'],
  'kernel.kptr_restrict': ['1', '2'],
};

const isOn = (value: string | undefined): boolean => /^(?:yes|true|on|1)$/i.test(value ?? '');

/** Settings that take something from a service, and what of a value does it. */
const SANDBOX: Readonly<Record<string, (value: string | undefined) => boolean>> = {
  NoNewPrivileges: isOn,
  ProtectSystem: (value) => isOn(value) || value === 'full' || value === 'strict',
  ProtectHome: (value) => isOn(value) || value === 'read-only' || value === 'tmpfs',
  PrivateTmp: (value) => isOn(value) || value === 'disconnected',
  PrivateDevices: isOn,
  CapabilityBoundingSet: (value) => value !== undefined,
};

function missing({ from }: { readonly from: string }): Outcome {
  return unassessed(unknown('file-missing', `${from} is not there.`));
}

const BROKER_CONFIG = /(?:^|[\s=])\/(?:etc\/(?:mosquitto|emqx|sallyport)|opt\/(?:emqx|hivemq))\b/m;

export const HARDENING_EVALUATORS: { readonly [Id in keyof typeof HARDENING]: Evaluate<HostFacts> } = {
  H01: ({ confinement }) =>
    judge(
      confinement,
      ({ isSelinuxEnforcing, isApparmorOn, labels }, source) => {
        const expected = 'SELinux enforcing, or AppArmor with a profile in enforce mode for the broker';
        if (isSelinuxEnforcing) return pass(evidence('SELinux is enforcing', expected, source), RUNTIME);
        if (!isApparmorOn)
          return fail('no-mandatory-access-control', evidence('neither is on', expected, source), RUNTIME);
        if (labels.length === 0)
          return notApplicable('no-broker', 'AppArmor is on, and no broker runs to be confined.', RUNTIME);
        return labels.map(({ broker, pid, label }) => {
          const proof = evidence(`process ${pid}: ${label}`, expected, { from: `/proc/${pid}/attr/current` });
          const place = { ...RUNTIME, subject: broker };
          return / \(enforce\)$/.test(label) ? pass(proof, place) : fail('broker-unconfined', proof, place);
        });
      },
      missing,
    ),

  H02: ({ dataStorage }) =>
    judge(
      dataStorage,
      ({ places, virtualization }, source) =>
        places.map(({ path, device, isEncrypted }) => {
          const place = { ...RUNTIME, subject: path };
          const proof = evidence(
            `on ${device}${isEncrypted === true ? ', encrypted' : ', not encrypted'}`,
            'an encrypted volume below',
            source,
          );
          if (isEncrypted === true) return pass(proof, place);
          if (isEncrypted === undefined || virtualization !== 'none') {
            const says = `${path} is on ${device}: only who runs the machine below (${virtualization}) can say whether that is encrypted.`;
            return manual('host-decides', says, place);
          }
          return fail('not-encrypted', proof, place);
        }),
      () => notApplicable('no-data', 'No broker keeps data in the usual places.'),
    ),

  H03: ({ swap }) =>
    judge(
      swap,
      (places, source) => {
        if (places.length === 0) return notApplicable('no-swap', 'There is no swap on a disk.', RUNTIME);
        return places.map(({ path, isEncrypted }) => {
          const proof = evidence(
            `${path} is ${isEncrypted === true ? '' : 'not '}encrypted`,
            'encrypted swap, or none',
            source,
          );
          const place = { ...RUNTIME, subject: path };
          return isEncrypted === true ? pass(proof, place) : fail('plain-swap', proof, place);
        });
      },
      () => notApplicable('no-swap', 'The kernel has no swap.', RUNTIME),
    ),

  H04: ({ logging }) =>
    judge(
      logging,
      ({ journalStorage, hasJournalFolder, hasSyslog, hasRotation }, source) => {
        const isJournalKept = journalStorage === 'persistent' || (journalStorage === 'auto' && hasJournalFolder);
        const observed = [
          journalStorage === undefined
            ? 'no journal'
            : `journal ${journalStorage}${hasJournalFolder ? ', on disk' : ', in memory'}`,
          hasSyslog ? `syslog ${hasRotation ? 'with' : 'without'} rotation` : 'no syslog',
        ].join('; ');
        const proof = evidence(observed, 'a journal on disk, or syslog with rotation', source);
        return isJournalKept || (hasSyslog && hasRotation) ? pass(proof) : fail('logs-not-durable', proof);
      },
      missing,
    ),

  H05: ({ logging }) =>
    judge(
      logging,
      ({ remotes }, source) => {
        const expected = 'logs go to another machine';
        if (remotes.length === 0) return fail('logs-stay-here', evidence('nothing is forwarded', expected, source));
        return pass(evidence(`forwarded to ${remotes.join(', ')}`, expected, source));
      },
      missing,
    ),

  H06: ({ auditRules, brokerFiles }) => {
    if (brokerFiles.state === 'known' && brokerFiles.value.files.length === 0)
      return notApplicable('no-files', 'No configuration of a broker was found in the usual places.');
    return judge(
      auditRules,
      (rules, source) => {
        const watch = rules.split('\n').find((line) => BROKER_CONFIG.test(line));
        const expected = "a watch on the broker's configuration";
        if (watch === undefined) return fail('no-watch', evidence('no rule names it', expected, source), RUNTIME);
        return pass(evidence(watch, expected, source), RUNTIME);
      },
      missing,
    );
  },

  H07: ({ timeSync }) =>
    judge(
      timeSync,
      (isSynchronized, source) => {
        const proof = evidence(isSynchronized ? 'synchronized' : 'not synchronized', 'synchronized', source);
        return isSynchronized ? pass(proof, RUNTIME) : fail('not-synchronized', proof, RUNTIME);
      },
      missing,
    ),

  H08: ({ sysctls }) =>
    judge(
      sysctls,
      (values, source) => {
        // What this kernel does not have cannot be set.
        const wrong = Object.entries(WANTED_SYSCTLS).filter(
          ([name, good]) => values.has(name) && !good.includes(values.get(name)!),
        );
        const expected = (wrong.length > 0 ? wrong : Object.entries(WANTED_SYSCTLS))
          .map(([name, good]) => `${name}=${good[0]}`)
          .join(', ');
        if (wrong.length === 0) return pass(evidence('all as wanted', expected, source), RUNTIME);
        const observed = wrong.map(([name]) => `${name}=${values.get(name)}`).join(', ');
        return fail('sysctl-weak', evidence(observed, expected, source), RUNTIME);
      },
      missing,
    ),

  H09: ({ brokerUnits }) =>
    judge(
      brokerUnits,
      (units) => {
        if (units.length === 0) return notApplicable('no-unit', 'No broker has a unit of systemd.');
        return units.map(({ name, file, service }) => {
          const lacking = Object.entries(SANDBOX).flatMap(([key, isGood]) => (isGood(service.get(key)) ? [] : [key]));
          const observed = lacking.length === 0 ? 'all are set' : `without ${lacking.join(', ')}`;
          const proof = evidence(observed, Object.keys(SANDBOX).join(', '), { from: file });
          return lacking.length === 0
            ? pass(proof, { subject: name })
            : fail('not-sandboxed', proof, { subject: name });
        });
      },
      () => notApplicable('no-systemd', 'There is no systemd.'),
    ),

  H10: ({ fileLimits, declared }) =>
    judge(
      fileLimits,
      (limits, source) => {
        if (limits.length === 0) return notApplicable('no-broker', 'No broker runs.');
        const needed = declared.profile.connections + OWN_FILES;
        return limits.map(({ broker, pid, openFiles }) => {
          const expected = `at least ${needed}, for ${declared.profile.connections} connections`;
          const proof = evidence(`process ${pid} may open ${openFiles} files`, expected, source);
          const place = { ...RUNTIME, subject: broker };
          return openFiles >= needed ? pass(proof, place) : fail('too-few-files', proof, place);
        });
      },
      () => notApplicable('no-broker', 'No broker runs.'),
    ),

  H11: ({ sysctls }) =>
    judge(
      sysctls,
      (values, source) => {
        const [dumpable = '0', pattern = 'core'] = [values.get('fs.suid_dumpable'), values.get('kernel.core_pattern')];
        // With 2 the kernel itself insists on a pipe or an absolute path, and root alone reads the dump.
        const isSafe = dumpable === '0' || (dumpable === '2' && /^[|/]/.test(pattern));
        const proof = evidence(
          `fs.suid_dumpable=${dumpable}, kernel.core_pattern=${pattern}`,
          'fs.suid_dumpable=0',
          source,
        );
        return isSafe ? pass(proof, RUNTIME) : fail('core-dumps', proof, RUNTIME);
      },
      missing,
    ),

  H12: ({ declared, nowMs }) =>
    judgeAttestation({ attestations: declared.attestations, nowMs }, 'backup', BACKUP_MAX_DAYS),

  H13: ({ lynisReport, nowMs }) =>
    judge(
      lynisReport,
      (modifiedMs, source) => {
        const days = Math.max(0, Math.floor((nowMs - modifiedMs) / DAY_MS));
        const proof = evidence(`the report is ${days} days old`, `at most ${SCAN_AGE_MAX_DAYS} days old`, source);
        return days <= SCAN_AGE_MAX_DAYS ? pass(proof) : fail('report-old', proof);
      },
      () => notApplicable('never-ran', 'Lynis has left no report here. Nothing is earned by installing it.'),
    ),
};
