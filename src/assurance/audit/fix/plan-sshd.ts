/** Mends what the audit finds in the settings of the SSH server, in the lines where they stand. */
import { posix } from 'node:path';
import { matchesWildcard } from '../../../base/wildcard.ts';
import { HOST } from '../host/host-subject.ts';
import { collectSshd, type SshdSettings } from '../host/sshd.ts';
import type { AuditedSystem } from '../system/audited-system.ts';
import { NO_STEPS, type Planner, STEP_DEFAULTS, type TextChange, type Withheld } from './fix-step.ts';
import { LineEdits } from './line-edits.ts';

const MAIN_FILE = '/etc/ssh/sshd_config';

/** Keyword as people write it, and its value. */
type Wanted = readonly (readonly [keyword: string, value: (settings: SshdSettings) => string])[];

export const WANTED: Readonly<Record<string, Wanted>> = {
  A01: [['PermitRootLogin', () => 'no']],
  A02: [
    ['PasswordAuthentication', () => 'no'],
    ['KbdInteractiveAuthentication', () => 'no'],
  ],
  A03: [['MaxAuthTries', () => '4']],
  A04: [['MACs', withoutSha1]],
  A05: [['X11Forwarding', () => 'no']],
};

function withoutSha1({ values }: SshdSettings): string {
  const names = (values.get('macs') ?? '')
    .split(',')
    .filter((name) => name !== '' && !matchesWildcard('hmac-sha1*', name));
  return names.length === 0 ? '-hmac-sha1*' : names.join(',');
}

export const planSshd: Planner = async ({ context: { system }, findings }) => {
  const settings = await collectSshd(system);
  if (settings.state !== 'known') return NO_STEPS;
  const withheld: Withheld[] = [];
  const keys = await keyHolders(system);
  // A Match loosens on purpose: only who wrote it knows for whom.
  const failing = new Set(
    findings
      .filter(({ check, outcome }) => check.id in WANTED && outcome.subject === undefined)
      .map(({ check }) => check.id),
  );
  if (failing.has('A01') && !keys.hasUser) {
    failing.delete('A01');
    withheld.push({
      check: 'A01',
      says: 'No user but root has a key in ~/.ssh/authorized_keys: root could be the only way in.',
    });
  }
  if (failing.has('A02') && !(keys.hasUser || (keys.hasRoot && !failing.has('A01')))) {
    failing.delete('A02');
    withheld.push({
      check: 'A02',
      says: 'No key was found in ~/.ssh/authorized_keys: without passwords nobody could log in.',
    });
  }
  if (failing.size === 0) return { steps: [], withheld };
  const edits = new LineEdits();
  const main = await system.readText(MAIN_FILE);
  if (main.state !== 'known') return { steps: [], withheld };
  const isMatch = (line: string): boolean => /^\s*match\s/i.test(line);
  const lines = main.value.split('\n');
  const firstMatch = lines.findIndex(isMatch);
  const texts = new Map([[MAIN_FILE, main.value]]);
  for (const id of Object.keys(WANTED).filter((one) => failing.has(one))) {
    for (const [keyword, wantedValue] of WANTED[id]!) {
      const key = keyword.toLowerCase();
      const value = wantedValue(settings.value);
      if (settings.value.places.get(key) === undefined && settings.value.values.get(key) === value) continue;
      const place = settings.value.places.get(key);
      if (place?.line === undefined) {
        const line = `${keyword} ${value}`;
        // Below a Match it would hold for some clients only.
        if (firstMatch === -1) edits.append(MAIN_FILE, line);
        else edits.insertAfter(MAIN_FILE, firstMatch, line);
        continue;
      }
      const text = texts.get(place.from) ?? (await textOf(system, place.from));
      if (text === undefined) continue;
      texts.set(place.from, text);
      const old = text.split(/\r?\n/)[place.line - 1] ?? '';
      edits.replace(place.from, place.line, withValue(old, value));
    }
  }
  const changes = edits.paths
    .map((path): TextChange => ({ path, before: texts.get(path)!, after: edits.applyTo(path, texts.get(path)!) }))
    .filter(({ before, after }) => before !== after);
  if (changes.length === 0) return { steps: [], withheld };
  const isLockout = failing.has('A01') || failing.has('A02');
  return {
    withheld,
    steps: [
      {
        ...STEP_DEFAULTS,
        id: 'sshd',
        title: 'Harden the SSH server',
        checks: [...failing],
        targetId: HOST.id,
        risk: isLockout ? 'medium' : 'low',
        impact: isLockout
          ? 'Who logs in as root or with a password cannot any more; open sessions stay.'
          : 'Old clients and forwarded windows are refused; open sessions stay.',
        texts: changes,
        validator: 'sshd',
        validated: MAIN_FILE,
        isConfirmed: true,
      },
    ],
  };
};

/** The line with another value: indentation, separator and a comment behind it stay. */
export function withValue(line: string, value: string): string {
  const match = /^(\s*\w+(?:\s*=\s*|\s+))("[^"]*"|[^#"]*?)(\s*(?:#.*)?)$/.exec(line);
  return match === null ? `${/^\s*\S+/.exec(line)?.[0] ?? ''} ${value}` : `${match[1]}${value}${match[3]}`;
}

async function textOf(system: AuditedSystem, path: string): Promise<string | undefined> {
  const text = await system.readText(path);
  return text.state === 'known' ? text.value : undefined;
}

/** Who could still log in by key, as far as the usual places tell. */
export async function keyHolders(system: AuditedSystem): Promise<{ hasRoot: boolean; hasUser: boolean }> {
  const hasKey = async (home: string): Promise<boolean> => {
    const text = await textOf(system, posix.join(home, '.ssh/authorized_keys'));
    return text?.split('\n').some((line) => /^[^#\s].*\bAAAA[\w+/=]+/.test(line.trim())) === true;
  };
  const homes = await system.list('/home');
  const users = homes.state === 'known' ? homes.value : [];
  const held = await Promise.all(users.map((name) => hasKey(`/home/${name}`)));
  return { hasRoot: await hasKey('/root'), hasUser: held.includes(true) };
}
