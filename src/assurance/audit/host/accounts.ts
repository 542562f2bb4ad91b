/** The accounts of the machine: who is root, who has no password, what PAM asks of passwords, who may do what with sudo. */
import { posix } from 'node:path';
import { absent, type Fact, known, mapFact, type Source, type Unknown } from '../model/fact.ts';
import type { AuditedSystem } from '../system/audited-system.ts';

export interface Accounts {
  /** Names with user number 0. */
  readonly roots: readonly string[];
}

export async function collectAccounts(system: AuditedSystem): Promise<Fact<Accounts>> {
  return mapFact(await system.readText('/etc/passwd'), (text) => ({
    roots: text.split('\n').flatMap((line) => {
      const [name = '', , uid] = line.split(':');
      return uid !== undefined && Number(uid) === 0 && uid !== '' ? [name] : [];
    }),
  }));
}

/** Names of accounts with an empty password: whoever types the name is in. */
export async function collectEmptyPasswords(system: AuditedSystem): Promise<Fact<readonly string[]>> {
  return mapFact(await system.readText('/etc/shadow'), (text) =>
    text.split('\n').flatMap((line) => {
      const [name = '', hash] = line.split(':');
      return hash === '' && name !== '' ? [name] : [];
    }),
  );
}

export interface PasswordRules {
  /** The module that judges new passwords, where there is one. */
  readonly quality: string | undefined;
  /** The module that locks an account after failed logins, where there is one. */
  readonly lockout: string | undefined;
}

/** Debian's common files, and Red Hat's. */
const PAM_FILES = ['common-password', 'common-auth', 'system-auth', 'password-auth'];

export async function collectPasswordRules(system: AuditedSystem): Promise<Fact<PasswordRules>> {
  const folder = await system.list('/etc/pam.d');
  if (folder.state !== 'known') return folder;
  const lines: string[] = [];
  for (const name of PAM_FILES.filter((one) => folder.value.includes(one))) {
    const text = await system.readText(`/etc/pam.d/${name}`);
    if (text.state === 'unknown') return text;
    if (text.state === 'known') lines.push(...text.value.split('\n').filter((line) => !/^\s*#/.test(line)));
  }
  const moduleOf = (pattern: RegExp): string | undefined =>
    lines.map((line) => pattern.exec(line)?.[0]).find((name) => name !== undefined);
  return known(
    {
      quality: moduleOf(/\bpam_(?:pwquality|passwdqc|cracklib)\.so\b/),
      lockout: moduleOf(/\bpam_(?:faillock|tally2)\.so\b/),
    },
    '/etc/pam.d',
  );
}

export interface SudoRule {
  readonly text: string;
  readonly place: Source;
}

const FILES_MAX = 200;

/** Rules that let somebody run everything without a password. */
export async function collectSudo(system: AuditedSystem): Promise<Fact<readonly SudoRule[]>> {
  const rules: SudoRule[] = [];
  const seen = new Set<string>();
  const failed = await readSudoers(system, '/etc/sudoers', rules, seen);
  if (failed !== undefined) return failed;
  return seen.has('/etc/sudoers') ? known(rules, '/etc/sudoers') : absent('/etc/sudoers');
}

async function readSudoers(
  system: AuditedSystem,
  file: string,
  rules: SudoRule[],
  seen: Set<string>,
): Promise<Unknown | undefined> {
  if (seen.has(file) || seen.size >= FILES_MAX) return undefined;
  const text = await system.readText(file);
  if (text.state === 'unknown') return text;
  if (text.state === 'absent') return undefined;
  seen.add(file);
  for (const [index, line] of text.value.replace(/\\\n/g, '  ').split('\n').entries()) {
    const [, kind, path] = /^\s*[@#](include|includedir)\s+"?([^"\s]+)"?/.exec(line) ?? [];
    if (kind !== undefined && path !== undefined) {
      const whole = posix.resolve('/etc', path);
      const failed =
        kind === 'include'
          ? await readSudoers(system, whole, rules, seen)
          : await readSudoersFolder(system, whole, rules, seen);
      if (failed !== undefined) return failed;
    } else if (!/^\s*(?:#|Defaults|\w+_Alias\b)/.test(line) && /\bNOPASSWD:[^#]*\bALL\s*(?:,|#|$)/.test(line)) {
      rules.push({ text: line.trim(), place: { from: file, line: index + 1 } });
    }
  }
  return undefined;
}

/** As sudo reads it: names with a dot or a tilde at the end are left out. */
async function readSudoersFolder(
  system: AuditedSystem,
  folder: string,
  rules: SudoRule[],
  seen: Set<string>,
): Promise<Unknown | undefined> {
  const names = await system.list(folder);
  if (names.state !== 'known') return names.state === 'unknown' ? names : undefined;
  for (const name of names.value.filter((one) => !one.includes('.') && !one.endsWith('~'))) {
    const failed = await readSudoers(system, posix.join(folder, name), rules, seen);
    if (failed !== undefined) return failed;
  }
  return undefined;
}
