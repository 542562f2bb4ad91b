/** The settings of the SSH server: as sshd itself tells them, else read from its files as sshd_config(5) says. */
import { posix } from 'node:path';
import { matchesWildcard } from '../../../base/wildcard.ts';
import { absent, type Fact, known, type Source, type Unknown } from '../model/fact.ts';
import type { AuditedSystem } from '../system/audited-system.ts';

export interface SshdSettings {
  /** Keys in lower case. Every key that is asked for has a value: the file's, or the default of OpenSSH on Debian. */
  readonly values: ReadonlyMap<string, string>;
  /** Where a value stands, for those that stand in a file. */
  readonly places: ReadonlyMap<string, Source>;
  /** Settings under a Match, which hold for some clients only. */
  readonly conditional: readonly { readonly key: string; readonly value: string; readonly place: Source }[];
}

const MAIN_FILE = '/etc/ssh/sshd_config';
const INCLUDES_MAX = 64;

const DEFAULTS: Readonly<Record<string, string>> = {
  permitrootlogin: 'prohibit-password',
  passwordauthentication: 'yes',
  kbdinteractiveauthentication: 'yes',
  usepam: 'no',
  maxauthtries: '6',
  x11forwarding: 'no',
  // Of OpenSSH up to 9.9.
  macs: 'umac-64-etm@openssh.com,umac-128-etm@openssh.com,hmac-sha2-256-etm@openssh.com,hmac-sha2-512-etm@openssh.com,hmac-sha1-etm@openssh.com,umac-64@openssh.com,umac-128@openssh.com,hmac-sha2-256,hmac-sha2-512,hmac-sha1',
};
/** Old names of settings. */
const RENAMED: Readonly<Record<string, string>> = { challengeresponseauthentication: 'kbdinteractiveauthentication' };

interface Line {
  readonly key: string;
  readonly value: string;
  readonly place: Source;
  readonly isConditional: boolean;
}

export async function collectSshd(system: AuditedSystem): Promise<Fact<SshdSettings>> {
  const lines = await readLines(system, MAIN_FILE, { count: 0 }, false);
  if ('state' in lines) return lines;
  const values = new Map(Object.entries(DEFAULTS));
  const places = new Map<string, Source>();
  for (const { key, value, place, isConditional } of lines) {
    // The first value counts.
    if (isConditional || places.has(key)) continue;
    values.set(key, key === 'macs' ? changedList(DEFAULTS['macs']!, value) : value);
    places.set(key, place);
  }
  const told = await system.run('sshd', ['-T']);
  const isTold = told.state === 'known' && told.value.exitCode === 0;
  if (isTold) {
    for (const match of told.value.stdout.matchAll(/^(\S+) (.*)$/gm)) values.set(match[1]!, match[2]!);
  }
  const conditional = lines.filter((line) => line.isConditional);
  return known({ values, places, conditional }, isTold ? 'sshd -T' : MAIN_FILE);
}

async function readLines(
  system: AuditedSystem,
  file: string,
  includes: { count: number },
  isConditional: boolean,
): Promise<Line[] | Exclude<Fact<never>, { state: 'known' }>> {
  const text = await system.readText(file);
  if (text.state !== 'known') return text.state === 'absent' ? absent(file) : text;
  const lines: Line[] = [];
  let isMatched = isConditional;
  for (const [index, line] of text.value.split('\n').entries()) {
    const [, word, rest = ''] = /^\s*([A-Za-z]\w*)\s*(?:=\s*|\s)(.*?)\s*$/.exec(line) ?? [];
    if (word === undefined) continue;
    // A comment may follow the value (OpenSSH 8.5 and later).
    const value = rest.replace(/\s+#.*$/, '').replace(/^"(.*)"$/, '$1');
    const lower = word.toLowerCase();
    if (lower === 'match') isMatched = !/^all$/i.test(value);
    else if (lower === 'include') {
      const included = await readIncluded(system, value, includes, isMatched);
      if ('state' in included) return included;
      lines.push(...included);
    } else {
      const key = RENAMED[lower] ?? lower;
      lines.push({
        key,
        value: key === 'macs' ? value : value.toLowerCase(),
        place: { from: file, line: index + 1 },
        isConditional: isMatched,
      });
    }
  }
  return lines;
}

async function readIncluded(
  system: AuditedSystem,
  patterns: string,
  includes: { count: number },
  isConditional: boolean,
): Promise<Line[] | Unknown> {
  const lines: Line[] = [];
  for (const pattern of patterns.split(/\s+/)) {
    const path = pattern.startsWith('/') ? pattern : `/etc/ssh/${pattern}`;
    const names = await system.list(posix.dirname(path));
    if (names.state === 'unknown') return names;
    if (names.state === 'absent') continue;
    for (const name of names.value.filter((one) => matchesWildcard(posix.basename(path), one))) {
      if (++includes.count > INCLUDES_MAX)
        return {
          state: 'unknown',
          reason: 'malformed',
          says: `${MAIN_FILE} includes more than ${INCLUDES_MAX} files.`,
        };
      const inner = await readLines(system, posix.join(posix.dirname(path), name), includes, isConditional);
      if (Array.isArray(inner)) lines.push(...inner);
      else if (inner.state === 'unknown') return inner;
    }
  }
  return lines;
}

/** A list that begins with `+`, `-` or `^` changes the default. */
function changedList(defaults: string, value: string): string {
  const names = value.slice(1).split(',');
  switch (value[0]) {
    case '+':
    case '^':
      return [...new Set([...names, ...defaults.split(',')])].join(',');
    case '-':
      return defaults
        .split(',')
        .filter((name) => !names.some((pattern) => matchesWildcard(pattern, name)))
        .join(',');
    default:
      return value;
  }
}
