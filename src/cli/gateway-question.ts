/** A question to the running gateway, with the answer that every command gives where nobody is there to be asked. */
import { join } from 'node:path';
import { dataDirectoryOf } from '../app/config/load.ts';
import { askGateway } from '../app/control/client.ts';
import { CONTROL_SOCKET, type ControlRequest } from '../app/control/protocol.ts';
import { systemClock } from '../base/clock.ts';
import { ExitCode, hasOption, type Invocation } from './command.ts';
import { placeOf } from './place.ts';
import { printError, printJson } from './terminal.ts';

/** The answer, or the exit code of a command that has told why there is none. */
export async function askRunning(
  invocation: Invocation,
  request: ControlRequest,
  words: readonly string[] = [],
): Promise<{ readonly result: unknown } | { readonly code: number }> {
  const { configFile } = placeOf(invocation);
  const socket = join(await dataDirectoryOf(configFile), CONTROL_SOCKET);
  const asked = await askGateway(socket, request, systemClock, words);
  if (asked.kind === 'answered') return { result: asked.result };
  const isAbsent = asked.kind === 'not running';
  const says = isAbsent ? `No gateway is running on ${socket}. Start one with \`sallyport start\`.` : asked.says;
  if (hasOption(invocation, 'json')) printJson({ ok: false, says });
  else printError(says);
  return { code: isAbsent ? ExitCode.NotRunning : ExitCode.Usage };
}
