/** What becomes of the machine's logs: kept, sent away, audited; and whether its clock is right. */
import { type Fact, known, mapFact, unknown } from '../model/fact.ts';
import type { AuditedSystem } from '../system/audited-system.ts';

export interface Logging {
  /** `Storage` of journald.conf; `auto` where nothing is said. Undefined without a journal. */
  readonly journalStorage: string | undefined;
  readonly hasJournalFolder: boolean;
  /** rsyslog or syslog-ng is installed and configured. */
  readonly hasSyslog: boolean;
  readonly hasRotation: boolean;
  /** Where logs are sent: a host or a service. */
  readonly remotes: readonly string[];
}

export async function collectLogging(system: AuditedSystem): Promise<Fact<Logging>> {
  const journal = await configTexts(system, '/etc/systemd/journald.conf', '/etc/systemd/journald.conf.d', '.conf');
  if (journal.state === 'unknown') return journal;
  const rsyslog = await configTexts(system, '/etc/rsyslog.conf', '/etc/rsyslog.d', '.conf');
  if (rsyslog.state === 'unknown') return rsyslog;
  const syslogNg = await configTexts(system, '/etc/syslog-ng/syslog-ng.conf', '/etc/syslog-ng/conf.d', '.conf');
  if (syslogNg.state === 'unknown') return syslogNg;
  const texts = [journal, rsyslog, syslogNg].map((fact) => (fact.state === 'known' ? fact.value : ''));
  if (texts.every((text) => text === ''))
    return unknown('unsupported', 'Neither journald, rsyslog nor syslog-ng is configured here.');
  const [journalText = '', rsyslogText = '', syslogNgText = ''] = texts;
  const folder = await system.status('/var/log/journal');
  const rotation = await system.list('/etc/logrotate.d');
  const upload = await system.status('/etc/systemd/system/multi-user.target.wants/systemd-journal-upload.service');
  return known(
    {
      journalStorage:
        journal.state === 'known'
          ? ([...journalText.matchAll(/^\s*Storage\s*=\s*(\S+)/gm)].at(-1)?.[1] ?? 'auto')
          : undefined,
      hasJournalFolder: folder.state === 'known',
      hasSyslog: rsyslogText !== '' || syslogNgText !== '',
      hasRotation: rotation.state === 'known' && rotation.value.some((name) => /syslog/.test(name)),
      remotes: [
        ...[...rsyslogText.matchAll(/^[^#\n]*\bomfwd\b[^#\n]*?target\s*=\s*"([^"]+)"/gim)].map(([, host]) => host!),
        ...[...rsyslogText.matchAll(/^\s*[^#\s$]\S*\s+@@?(?:\([^)]*\))?([\w.:[\]-]+)/gm)].map(([, host]) => host!),
        ...[...rsyslogText.matchAll(/^[^#\n]*\b(omrelp|omelasticsearch|omkafka)\b/gim)].map(([, name]) => name!),
        ...[...syslogNgText.matchAll(/^[^#\n]*\b(?:network|syslog|tcp|udp)\s*\(\s*"([^"]+)"/gm)].map(
          ([, host]) => host!,
        ),
        ...(upload.state === 'known' ? ['systemd-journal-upload'] : []),
      ],
    },
    rsyslogText !== ''
      ? '/etc/rsyslog.conf'
      : syslogNgText !== ''
        ? '/etc/syslog-ng/syslog-ng.conf'
        : '/etc/systemd/journald.conf',
  );
}

/** A file and the fragments beside it, as one text; absent where there is neither. */
async function configTexts(system: AuditedSystem, file: string, folder: string, ending: string): Promise<Fact<string>> {
  const main = await system.readText(file);
  if (main.state === 'unknown') return main;
  const names = await system.list(folder);
  if (names.state === 'unknown') return names;
  const texts = main.state === 'known' ? [main.value] : [];
  for (const name of names.state === 'known' ? names.value.filter((one) => one.endsWith(ending)) : []) {
    const text = await system.readText(`${folder}/${name}`);
    if (text.state === 'unknown') return text;
    if (text.state === 'known') texts.push(text.value);
  }
  return texts.length === 0 ? { state: 'absent', source: { from: file } } : known(texts.join('\n'), file);
}

/** The rules of the kernel's audit, one a line. */
export async function collectAuditRules(system: AuditedSystem): Promise<Fact<string>> {
  return mapFact(await system.run('auditctl', ['-l']), ({ exitCode, stdout, stderr }) => {
    if (exitCode === 0) return stdout;
    return /must be root|not permitted/i.test(stdout + stderr)
      ? unknown('permission-denied', 'This user may not list audit rules.')
      : unknown('command-failed', `auditctl ended with exit code ${exitCode}.`);
  });
}

/** Whether the clock is held to a time server. */
export async function collectTimeSync(system: AuditedSystem): Promise<Fact<boolean>> {
  const told = await system.run('timedatectl', ['show', '-p', 'NTPSynchronized', '--value']);
  if (told.state === 'known' && /^(?:yes|no)$/m.test(told.value.stdout))
    return known(/^yes$/m.test(told.value.stdout), told.source.from);
  const tracking = await system.run('chronyc', ['-n', 'tracking']);
  if (tracking.state === 'known' && tracking.value.exitCode === 0)
    return known(/^Leap status\s*:\s*Normal/m.test(tracking.value.stdout), tracking.source.from);
  if (told.state === 'unknown') return told;
  return unknown('command-failed', 'Neither timedatectl nor chronyc tells whether the clock is synchronized.');
}

/** When Lynis last looked at the machine, since the Unix epoch; absent where it never did. */
export async function collectLynisReport(system: AuditedSystem): Promise<Fact<number>> {
  return mapFact(await system.status('/var/log/lynis-report.dat'), ({ modifiedMs }) => modifiedMs);
}
