/** A question to the running gateway, with the answer that every command gives where nobody is there to be asked. */
import { join } from 'node:path';
import { dataDirectoryOf } from '../app/config/load.ts';
import { askGateway, type ControlOutcome, type ControlRequest } from '../app/control/client.ts';
import { CONTROL_SOCKET } from '../app/control/control-socket.ts';
import { systemClock } from '../base/clock.ts';
import { printableLines } from '../base/printable.ts';
import { ExitCode, hasOption, type Invocation } from './command.ts';
import { placeOf } from './place.ts';
import { endProgress, printError, printJson, showProgress } from './terminal.ts';
import { whileWaiting } from './waiting.ts';

/** Where the gateway that a command is about has its control socket. */
export async function controlSocketOf(invocation: Invocation): Promise<string> {
  return join(await dataDirectoryOf(placeOf(invocation).configFile), CONTROL_SOCKET);
}

const WAITING = 'Waiting for the gateway';

/**
 * The outcome as it is, for commands that have an answer of their own where no gateway runs. On a terminal an answer that takes long
 * shows `what` is waited for.
 */
export async function askGatewayOf(
  invocation: Invocation,
  request: ControlRequest,
  what = WAITING,
): Promise<ControlOutcome> {
  const answer = askQuietly(invocation, request);
  if (hasOption(invocation, 'json')) return answer;
  return whileWaiting(answer, what, systemClock, { show: showProgress, end: endProgress });
}

/** As `askGatewayOf`, for whoever has the screen already. */
export async function askQuietly(invocation: Invocation, request: ControlRequest): Promise<ControlOutcome> {
  return askGateway(await controlSocketOf(invocation), request, systemClock);
}

/** The answer, or the exit code of a command that has told why there is none. */
export async function askRunning(
  invocation: Invocation,
  request: ControlRequest,
  what = WAITING,
): Promise<{ readonly result: unknown } | { readonly code: number }> {
  const asked = await askGatewayOf(invocation, request, what);
  if (asked.kind === 'answered') return { result: asked.result };
  const isAbsent = asked.kind === 'not running';
  const says = isAbsent ? await absence(invocation) : asked.says;
  if (hasOption(invocation, 'json')) printJson({ ok: false, says });
  else printError(printableLines(says));
  return { code: isAbsent ? ExitCode.NotRunning : ExitCode.Usage };
}

/** What to do where no gateway runs. */
export async function absence(invocation: Invocation): Promise<string> {
  return `No gateway is running on ${await controlSocketOf(invocation)}. Start one with \`sallyport start\`.`;
}
