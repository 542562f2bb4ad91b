/** `sallyport audit probe`: what endpoints let a client do. */
import { resolve } from 'node:path';
import { subjectOf } from '../../assurance/audit/registry.ts';
import type { Job } from '../../assurance/audit/run/runner.ts';
import { type CommandOption, hasOption, type Invocation, textOption, UsageError } from '../command.ts';
import { auditJobs, withContext } from './audit-run.ts';

export const PROBE_OPTIONS = {
  active: {
    type: 'boolean',
    goesWith: ['probe'],
    says: 'also publish below a topic of its own, take over sessions of its own, and try wrong and default passwords',
  },
  user: { type: 'string', goesWith: ['probe'], short: 'u', value: 'NAME', says: 'log in as this user' },
  'password-file': {
    type: 'string',
    goesWith: ['probe'],
    value: 'FILE',
    says: 'whose password is the first line of this file',
  },
  user2: {
    type: 'string',
    goesWith: ['probe'],
    value: 'NAME',
    says: 'another user: what one may do to the other takes two',
  },
  'password-file2': {
    type: 'string',
    goesWith: ['probe'],
    value: 'FILE',
    says: 'and the file of its password',
  },
} as const satisfies Record<string, CommandOption>;

/** Options that name files, by what the target calls them. */
const FILES: Readonly<Record<string, string>> = {
  passwordFile: 'password-file',
  passwordFile2: 'password-file2',
  ca: 'ca',
  certificate: 'certificate',
  key: 'key',
};

export async function probeEndpoints(invocation: Invocation): Promise<number> {
  const [, ...urls] = invocation.words;
  if (urls.length === 0) throw new UsageError('Name what to probe: audit probe mqtts://HOST:PORT.');
  if ((textOption(invocation, 'certificate') === undefined) !== (textOption(invocation, 'key') === undefined)) {
    throw new UsageError('Give --certificate and --key together.');
  }
  const subject = subjectOf('mqtt');
  const jobs = urls.map((url): Job => ({ subject, target: subject.targetAt!(url, optionsOf(invocation)) }));
  return withContext(invocation, (context) => auditJobs(invocation, context, jobs));
}

function optionsOf(invocation: Invocation): Record<string, unknown> {
  const options: Record<string, unknown> = { active: hasOption(invocation, 'active') };
  for (const name of ['user', 'user2']) {
    const value = textOption(invocation, name);
    if (value !== undefined) options[name] = value;
  }
  for (const [name, option] of Object.entries(FILES)) {
    const value = textOption(invocation, option);
    if (value !== undefined) options[name] = resolve(value);
  }
  return options;
}
