/** `sallyport recorder`: what the flight recorder has on disk, and what it keeps of a client now. */
import { OperatorError } from '../app/config/problem.ts';
import { inPath } from '../app/control/client.ts';
import { createFile } from '../app/init/durable-file.ts';
import { pcapngOf } from '../app/observability/flight-recorder/pcapng.ts';
import type { RecordedPacket, Recording } from '../app/observability/flight-recorder/recording.ts';
import type { SilentWorker } from '../app/silent-workers.ts';
import { VERSION } from '../app/version.ts';
import { printable } from '../base/printable.ts';
import {
  type Command,
  ExitCode,
  hasOption,
  type Invocation,
  JSON_OPTION,
  PLACE_OPTIONS,
  textOption,
  UsageError,
} from './command.ts';
import { askRunning } from './gateway-question.ts';
import { bytesText } from './quantities.ts';
import { tellSilent } from './silent-text.ts';
import { verbOf } from './subcommand.ts';
import { counted, prose, table } from './table.ts';
import { print, printJson } from './terminal.ts';

const FILE_MODE = 0o600;

const VERBS: Readonly<Record<string, (invocation: Invocation) => Promise<number>>> = { list, dump, show };

export const recorderCommand: Command = {
  name: 'recorder',
  usage: ['list [--json]', 'show --client ID [--json]', 'dump --client ID --out FILE'],
  wordsMax: 1,
  description:
    'Works with the flight recorder, which keeps the latest packet headers of each connection where flightRecorder.enabled says so. `list` shows the recordings that were written around incidents, `show` what is kept of a client now, and `dump` writes that to a file that must not exist: as pcapng for Wireshark, or as JSON where its name ends in .json. ID is a client identifier, or that of a connection such as c42; what has ended is there for a while.',
  options: {
    client: { type: 'string', goesWith: ['show', 'dump'], short: 'i', value: 'ID', says: 'whose packets' },
    out: { type: 'string', goesWith: ['dump'], short: 'o', value: 'FILE', says: 'where to write them' },
    ...PLACE_OPTIONS,
    json: JSON_OPTION,
  },
  examples: [
    ['sallyport recorder list', 'What was recorded around incidents'],
    ['sallyport recorder show --client pump-7', 'What it said last'],
    ['sallyport recorder dump --client pump-7 --out pump-7.pcapng', 'For Wireshark'],
  ],
  exitCodes: [
    [0, 'done'],
    [2, 'nothing is recorded of it, or the file cannot be written'],
    [3, 'no gateway is running there'],
  ],
  run: (invocation) => verbOf('recorder', VERBS, invocation.words[0])(invocation),
};

async function list(invocation: Invocation): Promise<number> {
  const asked = await askRunning(invocation, { method: 'GET', path: '/v1/recordings' });
  if ('code' in asked) return asked.code;
  if (hasOption(invocation, 'json')) {
    printJson({ ok: true, result: asked.result });
    return ExitCode.Ok;
  }
  const { isEnabled, directory, recordings } = asked.result as {
    isEnabled: boolean;
    directory: string;
    recordings: { name: string; sizeBytes: number }[];
  };
  if (!isEnabled) print('The flight recorder is off: set flightRecorder.enabled, and reload.');
  if (recordings.length === 0) print(`There are no recordings in ${directory}.`);
  else {
    print(`In ${directory}, each as .pcapng and as .json:`);
    print(
      table(
        ['recording', 'size'],
        recordings.map(({ name, sizeBytes }) => [name, bytesText(sizeBytes)]),
      ),
    );
  }
  return ExitCode.Ok;
}

/** @throws {UsageError} */
async function recordingsOf(invocation: Invocation): Promise<readonly Recording[] | number> {
  const id = textOption(invocation, 'client');
  if (id === undefined || id === '') throw new UsageError('Name whose packets: --client pump-7.');
  const asked = await askRunning(invocation, { method: 'POST', path: `/v1/recordings/${inPath(id)}` });
  if ('code' in asked) return asked.code;
  const { recordings, silentWorkers } = asked.result as { recordings: Recording[]; silentWorkers: SilentWorker[] };
  tellSilent(silentWorkers, 'what they may have of it is missing here');
  return recordings;
}

async function show(invocation: Invocation): Promise<number> {
  const recordings = await recordingsOf(invocation);
  if (typeof recordings === 'number') return recordings;
  if (hasOption(invocation, 'json')) printJson({ ok: true, result: { recordings } });
  else print(recordings.map(recordingText).join('\n\n'));
  return ExitCode.Ok;
}

async function dump(invocation: Invocation): Promise<number> {
  const out = textOption(invocation, 'out');
  if (out === undefined || out === '') throw new UsageError('Name a file: --out pump-7.pcapng.');
  const recordings = await recordingsOf(invocation);
  if (typeof recordings === 'number') return recordings;
  const isJson = out.endsWith('.json');
  // Each has its own section in a file of pcapng.
  const content = isJson
    ? `${JSON.stringify(recordings, null, 2)}\n`
    : Buffer.concat(recordings.map((recording) => pcapngOf(recording, VERSION)));
  let isMade: boolean;
  try {
    // Whole or not at all: half a recording would be taken for all of it.
    isMade = await createFile(out, content, FILE_MODE);
  } catch (error) {
    throw new OperatorError(`${out} cannot be written: ${(error as Error).message}.`);
  }
  if (!isMade) throw new OperatorError(`${out} is there already: name another file.`);
  const packets = recordings.reduce((sum, { packets: each }) => sum + each.length, 0);
  const ports = [...new Set(recordings.map(({ server }) => server.port))];
  const decode = ports.map((port) => ` -d tcp.port==${port},mqtt`).join('');
  if (hasOption(invocation, 'json')) printJson({ ok: true, result: { path: out, packets } });
  else {
    print(`${counted(packets, 'packet')} of ${counted(recordings.length, 'connection')} are in ${out}.`);
    if (!isJson) print(`Open it with: tshark -r ${out}${decode}`);
  }
  return ExitCode.Ok;
}

function recordingText({ connectionId, clientId, client, server, overwritten, packets }: Recording): string {
  const head = `Connection ${connectionId} of ${clientId === null ? 'nobody known' : printable(clientId)}, ${client.address} port ${client.port} to port ${server.port}`;
  const before = overwritten === 0 ? [] : [`… ${counted(overwritten, 'packet')} before`];
  return [head, ...before, table(['time', '', 'type', 'bytes', 'id', prose('topic')], packets.map(row))].join('\n');
}

function row({ atMs, direction, type, flags, lengthBytes, packetId, topic }: RecordedPacket): string[] {
  const isPublish = type === 'PUBLISH';
  const qos = isPublish ? ` QoS ${(flags >> 1) & 3}${flags & 1 ? ', retained' : ''}${flags & 8 ? ', again' : ''}` : '';
  return [
    new Date(atMs).toISOString(),
    direction === 'from client' ? '->' : '<-',
    type + qos,
    String(lengthBytes),
    packetId === undefined ? '' : String(packetId),
    topic === undefined ? '' : printable(topic),
  ];
}
