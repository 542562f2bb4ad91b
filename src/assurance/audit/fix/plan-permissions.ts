/** Takes permissions away from files of brokers that everybody may read or replace; the files themselves are not opened. */
import { collectBrokerFiles, type GuardedFile } from '../host/broker-files.ts';
import { HOST } from '../host/host-subject.ts';
import type { AuditedSystem } from '../system/audited-system.ts';
import { NO_STEPS, type PermissionChange, type Planner, STEP_DEFAULTS } from './fix-step.ts';

/** Which group reads a broker's files, by where they are. */
const GROUPS: readonly (readonly [folder: RegExp, group: string])[] = [
  [/^\/etc\/mosquitto\//, 'mosquitto'],
  [/^\/(?:etc|opt)\/emqx\//, 'emqx'],
  [/^\/opt\/hivemq\//, 'hivemq'],
  [/^\/(?:etc|var\/lib)\/sallyport\//, 'sallyport'],
];

export const planPermissions: Planner = async ({ context: { system }, findings }) => {
  const subjects = new Set(findings.filter(({ check }) => check.id === 'A11').map(({ outcome }) => outcome.subject));
  const files = await collectBrokerFiles(system);
  if (subjects.size === 0 || files.state !== 'known') return NO_STEPS;
  const groups = await groupsOf(system);
  const permissions = [...files.value.files, ...files.value.folders].flatMap((file): PermissionChange[] => {
    if (!subjects.has(file.path)) return [];
    const { mode, gid } = file.status;
    return [{ path: file.path, before: { mode, gid }, after: guarded(file, groups) }];
  });
  if (permissions.length === 0) return NO_STEPS;
  return {
    steps: [
      {
        ...STEP_DEFAULTS,
        id: 'permissions',
        title: "Keep brokers' files for the brokers",
        checks: ['A11'],
        targetId: HOST.id,
        risk: 'low',
        impact: 'Other users cannot read or replace these files.',
        permissions,
      },
    ],
  };
};

function guarded(
  { path, isSecret, status }: GuardedFile,
  groups: ReadonlyMap<string, number>,
): PermissionChange['after'] {
  if (!isSecret) return { mode: status.mode & ~0o002, gid: status.gid };
  const group = groups.get(GROUPS.find(([folder]) => folder.test(path))?.[1] ?? '');
  // Who read it as one of all must go on reading it: the broker, by its group.
  const isReadByAll = (status.mode & 0o004) !== 0 && group !== undefined && status.gid !== group;
  return isReadByAll
    ? { mode: (status.mode & ~0o037) | 0o040, gid: group }
    : { mode: status.mode & ~0o007, gid: status.gid };
}

async function groupsOf(system: AuditedSystem): Promise<ReadonlyMap<string, number>> {
  const text = await system.readText('/etc/group');
  const lines = text.state === 'known' ? text.value.split('\n') : [];
  return new Map(lines.map((line) => line.split(':')).map(([name = '', , gid = '']) => [name, Number(gid)] as const));
}
