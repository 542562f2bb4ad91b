/** `sallyport audit config`: files that are named, each of the kind that it looks like. */
import { posix, resolve } from 'node:path';
import { CONFIG_KINDS, type ConfigKind, kindOfConfig } from '../../assurance/audit/brokers/config-kind.ts';
import type { AuditContext } from '../../assurance/audit/model/subject.ts';
import { subjectOf } from '../../assurance/audit/registry.ts';
import type { Job } from '../../assurance/audit/run/runner.ts';
import { nearestWord } from '../../base/nearest-word.ts';
import { type Invocation, textOption, UsageError } from '../command.ts';
import { auditJobs, withContext } from './audit-run.ts';

export async function auditConfigFiles(invocation: Invocation): Promise<number> {
  const files = invocation.words.slice(1);
  if (files.length === 0) throw new UsageError('Name the files to audit: audit config FILE…');
  const kind = kindOption(invocation);
  const isImage = textOption(invocation, 'root') !== undefined;
  // Of an image, a path is what the image calls it.
  const places = new Set(files.map((file) => (isImage ? posix.resolve('/', file) : resolve(file))));
  return withContext(invocation, async (context) => {
    const jobs = await Promise.all([...places].map((place) => jobOf(place, kind, context)));
    return auditJobs(invocation, context, jobs);
  });
}

function kindOption(invocation: Invocation): ConfigKind | undefined {
  const text = textOption(invocation, 'kind');
  if (text === undefined) return undefined;
  const kind = CONFIG_KINDS.find((one) => one === text);
  if (kind !== undefined) return kind;
  const meant = nearestWord(text, CONFIG_KINDS);
  throw new UsageError(
    `--kind takes ${CONFIG_KINDS.join(', ')}, not "${text}".${meant === undefined ? '' : ` Did you mean ${meant}?`}`,
  );
}

async function jobOf(place: string, stated: ConfigKind | undefined, { system }: AuditContext): Promise<Job> {
  const status = await system.status(place);
  if (status.state === 'absent') throw new UsageError(`There is no file ${place}.`);
  if (status.state === 'known' && status.value.kind === 'directory')
    throw new UsageError(`${place} is a folder: name the configuration file in it.`);
  const kind = stated ?? kindOfConfig(place, await system.readText(place));
  if (kind === undefined)
    throw new UsageError(`What ${place} configures cannot be told: say it with --kind (${CONFIG_KINDS.join(', ')}).`);
  const subject = subjectOf(kind);
  if (subject.targetAt === undefined) throw new UsageError(`Targets of kind ${kind} cannot be named.`);
  return { subject, target: subject.targetAt(place, {}) };
}
