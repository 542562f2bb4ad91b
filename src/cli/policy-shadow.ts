/** `sallyport policy shadow`: where the candidate policy would decide otherwise than the one in force. */
import type { SilentWorker } from '../app/silent-workers.ts';
import type { ShadowReport } from '../policy/authorization/shadow/shadow-tally.ts';
import { ExitCode, hasOption, type Invocation, UsageError } from './command.ts';
import { askRunning } from './gateway-question.ts';
import { tellSilent } from './silent-text.ts';
import { counted, minuteOf, printable, prose, table } from './table.ts';
import { print, printError, printJson } from './terminal.ts';

/** More are in the JSON. */
const ROWS_MAX = 20;

export async function shadowPolicy(invocation: Invocation): Promise<number> {
  if (invocation.words.length > 1) throw new UsageError('policy shadow takes only options.');
  const asked = await askRunning(invocation, { method: 'GET', path: '/v1/policy/shadow' });
  if ('code' in asked) return asked.code;
  const { shadow: report, silentWorkers } = asked.result as Answer;
  tellSilent(silentWorkers, 'what they have compared is missing here');
  if (report === null) {
    const says = 'No candidate policy runs. Name one as authorization.shadowFile, then `sallyport reload`.';
    if (hasOption(invocation, 'json')) printJson({ ok: false, says });
    else printError(says);
    return ExitCode.Usage;
  }
  if (hasOption(invocation, 'json')) printJson(report);
  else print(inWords(report));
  return report.wouldAllow + report.wouldDeny === 0 ? ExitCode.Ok : ExitCode.Negative;
}

interface Answer {
  readonly shadow: ShadowReport | null;
  readonly silentWorkers: readonly SilentWorker[];
}

function inWords({
  candidate,
  sinceMs,
  compared,
  wouldAllow,
  wouldDeny,
  forgotten,
  differences,
}: ShadowReport): string {
  const head = `Candidate ${candidate}, since ${minuteOf(sinceMs)}. Nothing of it is enforced.`;
  const sums = `${counted(compared, 'decision')} compared: it would deny ${wouldDeny} that are allowed, and allow ${wouldAllow} that are denied.`;
  if (differences.length === 0) return `${head}\n${sums}`;
  const rows = differences
    .slice(0, ROWS_MAX)
    .map(({ kind, action, times, lastMs, active, candidate: author, example: { topic, clientId, username } }) => [
      kind,
      action,
      String(times),
      minuteOf(lastMs),
      author,
      active,
      printable(`${topic} (client ${clientId}${username === undefined ? '' : `, user ${username}`})`),
    ]);
  const untold = differences.length - rows.length + forgotten;
  return [
    head,
    sums,
    '',
    table(['candidate', 'action', 'times', 'last', 'by', prose('in force'), 'such as'], rows),
    ...(untold > 0 ? ['', `${counted(untold, 'further difference')}; --json shows those that are remembered.`] : []),
  ].join('\n');
}
