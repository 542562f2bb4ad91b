/** `sallyport policy learn`: records what clients really use, proposes a policy from it, and tells what a policy allows in vain. */

import { readFile } from 'node:fs/promises';
import { dataDirectoryOf } from '../app/config/load.ts';
import { OperatorError } from '../app/config/problem.ts';
import type { ControlRequest } from '../app/control/client.ts';
import { workersNamed } from '../app/silent-workers.ts';
import type { LearningStatus } from '../app/watching/learner.ts';
import { readRecording, recordingFileIn, type StoredRecording } from '../app/watching/recording-file.ts';
import { proposalAsYaml, propose } from '../policy/authorization/learning/proposal.ts';
import { type UnusedGrant, unusedGrants } from '../policy/authorization/learning/unused-grants.ts';
import { ExitCode, hasOption, type Invocation, textOption, UsageError } from './command.ts';
import { askGatewayOf, askRunning } from './gateway-question.ts';
import { placeOf } from './place.ts';
import { policyFileOf, readPolicyFile } from './policy-source.ts';
import { verbOf } from './subcommand.ts';
import { counted, minuteOf, prose, table } from './table.ts';
import { print, printError, printJson } from './terminal.ts';

const VERBS: Readonly<Record<string, (invocation: Invocation) => Promise<number>>> = {
  start: (invocation) => tellStatus(invocation, { method: 'POST', path: '/v1/learning/start' }),
  stop: (invocation) => tellStatus(invocation, { method: 'POST', path: '/v1/learning/stop' }),
  status: (invocation) => tellStatus(invocation, { method: 'GET', path: '/v1/learning' }),
  clear: (invocation) => tellStatus(invocation, { method: 'POST', path: '/v1/learning/clear' }),
  propose: proposePolicy,
  unused: tellUnused,
};

export async function learnPolicy(invocation: Invocation): Promise<number> {
  const [, verb, ...further] = invocation.words;
  const run = verbOf('policy learn', VERBS, verb);
  if (further.length > 0) throw new UsageError(`policy learn ${verb} takes only options.`);
  return run(invocation);
}

async function tellStatus(invocation: Invocation, request: ControlRequest): Promise<number> {
  const asked = await askRunning(invocation, request);
  if ('code' in asked) return asked.code;
  const status = asked.result as LearningStatus;
  if (hasOption(invocation, 'json')) printJson(status);
  else print(statusInWords(status));
  return ExitCode.Ok;
}

function statusInWords({ isOn, by, sinceMs, users, lost, ceilings, file, silentWorkers }: LearningStatus): string {
  const missing =
    silentWorkers.length === 0
      ? ''
      : ` What ${workersNamed(silentWorkers)} may have is missing: no answer came in time.`;
  const state = (isOn ? `Learning is on, by the ${by}.` : 'Learning is off.') + missing;
  if (sinceMs === undefined) return `${state} Nothing is recorded.`;
  return [
    `${state} ${counted(users, 'user')} recorded since ${minuteOf(sinceMs)}, in ${file}.`,
    ...(lost === 0 ? [] : [`${counted(lost, 'use')} found no room.`]),
    ...(ceilings.includes('users') ? ['There are more users than authorization.learn.usersMax.'] : []),
    ...(ceilings.includes('nodes') ? ['There are more topics than are told apart: new ones are recorded as +.'] : []),
  ].join('\n');
}

async function proposePolicy(invocation: Invocation): Promise<number> {
  const recording = await recordingFor(invocation);
  const proposal = propose(recording.users, recording.lost);
  if (hasOption(invocation, 'json')) printJson(proposal);
  else print(proposalAsYaml(proposal).trimEnd());
  return ExitCode.Ok;
}

async function tellUnused(invocation: Invocation): Promise<number> {
  const policyFile = await policyFileOf(invocation);
  const policy = await readPolicyFile(policyFile);
  const recording = await recordingFor(invocation);
  const unused = unusedGrants(policy, recording.users);
  const grants = policy.roles.reduce(
    (sum, role) => sum + role.grants.filter(({ effect }) => effect === 'allow').length,
    0,
  );
  if (hasOption(invocation, 'json'))
    printJson({ users: recording.users.length, sinceMs: recording.sinceMs, grants, unused });
  else print(unusedInWords(unused, grants, recording));
  return unused.length === 0 ? ExitCode.Ok : ExitCode.Negative;
}

function unusedInWords(unused: readonly UnusedGrant[], grants: number, { users, sinceMs }: StoredRecording): string {
  const seen = `the ${counted(users.length, 'user')} recorded since ${minuteOf(sinceMs)}`;
  if (unused.length === 0) return `Each of the ${counted(grants, 'grant')} was used by one of ${seen}.`;
  const rows = unused.map(({ file, line, role, grant, actions, holders }) => [
    `${file}:${line}`,
    role,
    grant,
    actions.join(', '),
    String(holders),
  ]);
  return [
    `Of ${counted(grants, 'grant')}, ${unused.length} ${unused.length === 1 ? 'has' : 'have'} something that none of ${seen} used.`,
    '',
    table(['line', 'role', prose('grant'), prose('not used'), 'users who have it'], rows),
  ].join('\n');
}

/** What --recording names; else the gateway's own, with the latest in it where one is running. */
async function recordingFor(invocation: Invocation): Promise<StoredRecording> {
  const named = textOption(invocation, 'recording');
  const file = named ?? (await currentRecording(invocation));
  // What was named by hand may be a pipe of the shell's.
  const recording = await read(file, named === undefined ? undefined : (path) => readFile(path, 'utf8'));
  if (recording === undefined || (recording.users.length === 0 && recording.damaged === 0)) {
    throw new UsageError(`Nothing is recorded in ${file}. Begin with \`sallyport policy learn start\`.`);
  }
  if (recording.damaged > 0) {
    const says = `${file}: ${counted(recording.damaged, 'line')} of it are none of a recording and are left out.`;
    if (recording.users.length === 0) throw new OperatorError(says);
    printError(says);
  }
  return recording;
}

async function read(file: string, reading?: (path: string) => Promise<string>): Promise<StoredRecording | undefined> {
  try {
    return await readRecording(file, reading);
  } catch (error) {
    throw new OperatorError(`The recording ${file} cannot be read (${(error as NodeJS.ErrnoException).code}).`);
  }
}

async function currentRecording(invocation: Invocation): Promise<string> {
  const dataDirectory = await dataDirectoryOf(placeOf(invocation).configFile);
  // What is in memory is written first. Where no gateway runs, it is all in the file.
  const asked = await askGatewayOf(invocation, { method: 'POST', path: '/v1/learning/save' });
  if (asked.kind === 'failed') throw new OperatorError(`The gateway cannot be asked: ${asked.says}.`);
  return recordingFileIn(dataDirectory);
}
