/** Mends kernel settings: in the file that sets them wrong, else in one of our own, and in the running kernel. */
import { HOST } from '../host/host-subject.ts';
import { collectSysctls } from '../host/kernel-settings.ts';
import { type KernelSetting, NO_STEPS, type Planner, STEP_DEFAULTS, type TextChange } from './fix-step.ts';
import { LineEdits } from './line-edits.ts';

export const SYSCTL_FILE = '/etc/sysctl.d/90-sallyport.conf';

/** Loose rp_filter: it drops forged sources that have no route back, and leaves asymmetric routes alone. */
const WANTED: Readonly<
  Record<string, { readonly check: string; readonly good: readonly string[]; readonly set: string }>
> = {
  'net.ipv4.tcp_syncookies': { check: 'H08', good: ['1', '2'], set: '1' },
  'net.ipv4.conf.all.rp_filter': { check: 'H08', good: ['1', '2'], set: '2' },
  'net.ipv4.conf.default.rp_filter': { check: 'H08', good: ['1', '2'], set: '2' },
  'fs.protected_symlinks': { check: 'H08', good: ['1'], set: '1' },
  'fs.protected_hardlinks': { check: 'H08', good: ['1'], set: '1' },
  'kernel.kptr_restrict': { check: 'H08', good: ['1', '2'], set: '1' },
  'fs.suid_dumpable': { check: 'H11', good: ['0'], set: '0' },
};

export const planSysctl: Planner = async ({ context: { system }, findings }) => {
  const failing = new Set(findings.map(({ check }) => check.id).filter((id) => ['H08', 'H11'].includes(id)));
  const values = await collectSysctls(system);
  if (failing.size === 0 || values.state !== 'known') return NO_STEPS;
  const wrong = Object.entries(WANTED).flatMap(([name, { check, good, set }]): KernelSetting[] => {
    const before = values.value.get(name);
    return failing.has(check) && before !== undefined && !good.includes(before) ? [{ name, before, after: set }] : [];
  });
  if (wrong.length === 0) return NO_STEPS;

  const texts = new Map<string, string>();
  const folder = await system.list('/etc/sysctl.d');
  const names = folder.state === 'known' ? folder.value.filter((name) => name.endsWith('.conf')) : [];
  for (const path of ['/etc/sysctl.conf', ...names.map((name) => `/etc/sysctl.d/${name}`)]) {
    // Often a link to /etc/sysctl.conf: the same lines must not be changed twice.
    if ((await system.readLink(path)).state === 'known') continue;
    const text = await system.readText(path);
    if (text.state === 'known') texts.set(path, text.value);
  }
  const edits = new LineEdits();
  const isOwnNew = !texts.has(SYSCTL_FILE);
  let isOpened = false;
  for (const { name, after } of wrong) {
    let isSet = false;
    for (const [path, text] of texts) {
      for (const [index, line] of text.split(/\r?\n/).entries()) {
        const match = /^(\s*-?\s*([\w./-]+)\s*=\s*)\S.*?(\s*)$/.exec(line);
        if (match === null || match[2]!.replaceAll('/', '.') !== name) continue;
        edits.replace(path, index + 1, `${match[1]}${after}`);
        isSet ||= path === SYSCTL_FILE || path === '/etc/sysctl.conf';
      }
    }
    if (isSet) continue;
    if (isOwnNew && !isOpened) edits.append(SYSCTL_FILE, '# Hardened by `sallyport audit fix`.');
    isOpened = true;
    edits.append(SYSCTL_FILE, `${name} = ${after}`);
  }
  const changes = edits.paths.map(
    (path): TextChange => ({ path, before: texts.get(path), after: edits.applyTo(path, texts.get(path) ?? '') }),
  );
  return {
    steps: [
      {
        ...STEP_DEFAULTS,
        id: 'sysctl',
        title: 'Harden kernel settings',
        checks: [...new Set(wrong.map(({ name }) => WANTED[name]!.check))],
        targetId: HOST.id,
        risk: 'low',
        impact: 'Packets whose source has no route back are dropped; crashes of privileged programs leave no dump.',
        texts: changes,
        kernel: wrong,
      },
    ],
  };
};
